/** See link.h. What the field does, and its traps: docs/adr/0110-link-on-the-device.md. */
#include "../include/myco/link.h"
#include "internal.h"

/** No peer keeps more frames than this for retransmission, and the gateway gives up a hole that is further back. */
#define QUEUE_MAX 8u
/** How far back a hole may be here. */
#define WINDOW 32u
/** A frame heard so often shows that a hole before it stays: peers send their oldest frame first. */
#define PATIENCE 8u

/** Sequence numbers wrap: what is 1 to 2^31 - 1 steps further is later. */
static int is_after(uint32_t a, uint32_t b) {
  return a - b - 1u < 0x7FFFFFFFu;
}

/** An acknowledgement alone. */
static int is_control(uint8_t type, size_t body_len) {
  return type == MYCO_MDP_TYPE_ACK && body_len == 0u;
}

/** Would the peer take a kept frame that it still lacks for given up, once it hears this number? */
static MYCO_ONE_COPY int is_ahead(const myco_link *link, uint32_t seq, uint32_t reach) {
  const myco_link_slot *slot = link->slots;
  unsigned left;
  for (left = link->slot_count; left > 0u; left--, slot++) {
    if (slot->len != 0u && seq - slot->seq >= reach) return 1;
  }
  return 0;
}

int myco_link_has_room(const myco_link *link) {
  return !is_ahead(link, link->seq + 1u, QUEUE_MAX - 1u);
}

/** @param kept_ms NULL for a frame that is not kept */
static myco_status send_frame(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body,
                              size_t body_len, const uint32_t *kept_ms) {
  myco_mdp_packet packet;
  size_t len = 0;
  const int control = is_control(type, body_len);
  /* Control takes one number at most before the next news, and must not wait for the peer, who may wait for it. */
  const uint32_t reach = control ? WINDOW : QUEUE_MAX - 1u;
  myco_link_slot *slot = link->slots;
  uint8_t *frame = link->frames;
  unsigned left = link->slot_count;
  myco_status status;
  /* Its place is that of a free slot, or the one behind them all. */
  for (; left > 0u && (kept_ms == NULL || slot->len != 0u); left--, slot++) frame += link->slot_bytes;
  if (kept_ms != NULL && left == 0u) return MYCO_ERR_QUEUE_FULL;
  packet.body = (const uint8_t *)body;
  packet.body_len = body_len;
  packet.seq = link->seq + !(control && link->is_control);
  if (packet.seq == 0u) packet.seq = 1; /* 0 means none. */
  packet.ack = ack;
  packet.type = type;
  packet.flags = flags;
  packet.src = link->src;
  packet.dst = link->dst;
  status = link->without_line_ends ? myco_mdp_encode_without_line_ends(&packet, frame, link->slot_bytes, &len)
                                   : myco_mdp_encode(&packet, frame, link->slot_bytes, &len);
  if (status != MYCO_OK) return status;
  if (is_ahead(link, packet.seq, reach)) return MYCO_ERR_QUEUE_FULL;
  link->seq = packet.seq;
  link->is_control = (uint8_t)control;
  if (kept_ms != NULL) {
    slot->seq = packet.seq;
    slot->sent_ms = *kept_ms;
    slot->sends = 1;
    slot->len = (uint16_t)len;
  }
  return link->send(link->ctx, frame, len) == 0 || kept_ms != NULL ? MYCO_OK : MYCO_ERR_SEND;
}

myco_status myco_link_send(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body, size_t body_len,
                           uint32_t now_ms) {
  const int is_kept = (flags & MYCO_MDP_FLAG_ACK_REQUESTED) != 0u;
  return send_frame(link, type, flags, ack, body, body_len, is_kept ? &now_ms : NULL);
}

myco_status myco_link_send_once(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body,
                                size_t body_len) {
  return send_frame(link, type, flags, ack, body, body_len, NULL);
}

myco_status myco_link_acknowledge(myco_link *link, uint8_t flags, uint32_t now_ms) {
  uint32_t ack = link->ack;
  const unsigned below = link->without_line_ends ? myco_below_line_end(ack) : 32u;
  /* The largest number up to this one without a line end. An `ack` that says less than it might harms nobody. */
  if (below < 32u) ack = ((ack >> below) << below) - 1u;
  return myco_link_send(link, MYCO_MDP_TYPE_ACK, flags, ack, NULL, 0, now_ms);
}

/** The peer will not send again what is covered. What was never sent cannot be covered. */
static void free_up_to(myco_link *link, uint32_t ack) {
  myco_link_slot *slot = link->slots;
  unsigned left;
  if (ack == 0u || is_after(ack, link->seq)) return;
  for (left = link->slot_count; left > 0u; left--, slot++) {
    if (!is_after(slot->seq, ack)) slot->len = 0;
  }
}

/** How far does `ack` reach, now that this frame is here? @param holes_stay what is missing before it will not come */
static MYCO_ONE_COPY void cover(myco_link *link, uint32_t seq, int holes_stay) {
  const uint32_t steps = seq - link->ack;
  uint32_t given_up = steps > WINDOW ? steps - WINDOW : 0u;
  uint32_t ahead;
  if (!is_after(seq, link->ack)) return;
  if (holes_stay) given_up = steps - 1u;
  ahead = given_up < WINDOW ? link->ahead >> given_up : 0u;
  ahead |= (uint32_t)1u << (steps - given_up - 1u);
  for (link->ack += given_up; (ahead & 1u) != 0u; ahead >>= 1) link->ack++;
  link->ahead = ahead;
}

/** @return what is known of the frame of this number, or NULL */
static myco_link_heard *find(myco_link *link, uint32_t seq, uint32_t now_ms) {
  myco_link_heard *heard = link->heard;
  for (; heard < link->heard + MYCO_LINK_REMEMBERED; heard++) {
    if (heard->times != 0u && heard->seq == seq && now_ms - heard->at_ms < link->copy_ms) return heard;
  }
  return NULL;
}

static int asks(const myco_mdp_packet *packet) {
  return (packet->flags & MYCO_MDP_FLAG_ACK_REQUESTED) != 0u;
}

/** @return 1 if this is a copy of a frame that was heard */
static int hear(myco_link *link, const myco_mdp_packet *packet, uint32_t now_ms) {
  /* Any two bytes take a CRC-16 to a state of their own, which they may as well be. */
  const uint16_t kind = (uint16_t)((unsigned)packet->type << 8 | packet->flags);
  const uint16_t digest = myco_crc16(kind, packet->body, packet->body_len);
  const uint32_t seq = packet->seq;
  myco_link_heard *heard = find(link, seq, now_ms);
  if (heard != NULL && heard->digest == digest) {
    if (heard->times < PATIENCE) heard->times++;
    cover(link, seq, heard->times == PATIENCE);
    return 1;
  }
  if (!link->has_heard || heard != NULL || (!is_after(seq, link->ack) && link->ack - seq > QUEUE_MAX)) {
    /* The first one, or a number that was used: the peer counts anew, and its first frames may have been lost. */
    link->ack = seq > QUEUE_MAX ? seq - 1u : 0u;
    link->ahead = 0;
    link->has_heard = 1;
  }
  cover(link, seq, 0);
  /* What does not ask comes once. */
  if (asks(packet)) {
    heard = &link->heard[link->next_heard];
    heard->seq = seq;
    heard->at_ms = now_ms;
    heard->digest = digest;
    heard->times = 1;
    link->next_heard = (uint8_t)((link->next_heard + 1u) % MYCO_LINK_REMEMBERED);
  }
  return 0;
}

int myco_link_take(myco_link *link, const myco_mdp_packet *packet, uint32_t now_ms) {
  const int control = is_control(packet->type, packet->body_len);
  int is_copy;
  /* On the air one hears what others say to each other, and on some wires one's own echo. */
  if (packet->dst == link->dst) return 0;
  free_up_to(link, packet->ack);
  is_copy = hear(link, packet, now_ms);
  /* A copy's first answer may have been lost; that of an acknowledgement came back to back, and was answered. By IS_ACK
   * alone, or the two ends would never stop. */
  if (asks(packet) && control != is_copy) (void)myco_link_acknowledge(link, MYCO_MDP_FLAG_IS_ACK, now_ms);
  if (is_copy && !control) return (int)MYCO_ERR_REPEATED;
  return !control;
}

/** @return whether this slot's frame has waited long enough */
static int is_due(const myco_link *link, const myco_link_slot *slot, uint32_t now_ms) {
  uint32_t wait = link->wait_min_ms;
  unsigned sends = slot->sends;
  for (; sends > 1u; sends--) wait = wait < link->wait_max_ms / 2u ? wait * 2u : link->wait_max_ms;
  return slot->len != 0u && now_ms - slot->sent_ms >= wait;
}

myco_status myco_link_poll(myco_link *link, uint32_t now_ms, uint32_t *seq) {
  myco_link_slot *oldest = NULL;
  myco_link_slot *slot = link->slots;
  const uint8_t *frame = link->frames;
  const uint8_t *oldest_frame = frame;
  unsigned left;
  for (left = link->slot_count; left > 0u; left--, slot++, frame += link->slot_bytes) {
    if (is_due(link, slot, now_ms) && (oldest == NULL || is_after(oldest->seq, slot->seq))) {
      oldest = slot;
      oldest_frame = frame;
    }
  }
  if (oldest == NULL) return MYCO_OK;
  if (link->sends_max != 0u && oldest->sends >= link->sends_max) {
    *seq = oldest->seq;
    oldest->len = 0;
    return MYCO_ERR_GAVE_UP;
  }
  oldest->sent_ms = now_ms;
  oldest->sends = (uint8_t)(oldest->sends + (oldest->sends < 0xFFu));
  (void)link->send(link->ctx, oldest_frame, oldest->len);
  return MYCO_OK;
}
