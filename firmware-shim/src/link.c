/** See link.h. What the field does, and its traps: docs/adr/0110-link-on-the-device.md. */
#include "../include/myco/link.h"
#include "internal.h"

/** No peer keeps more frames than this for retransmission, and the gateway gives up a hole that is further back. */
#define QUEUE_MAX 8u
/** How far back a hole may be here. */
#define WINDOW 32u
/** A frame heard so often shows that a hole before it stays: peers send their oldest frame first. */
#define PATIENCE 8u

static uint8_t *frame_at(const myco_link *link, unsigned slot) {
  return link->frames + (size_t)slot * link->slot_bytes;
}

/** Sequence numbers wrap. */
static int is_after(uint32_t a, uint32_t b) {
  return a != b && a - b < 0x80000000u;
}

/** Would the peer take a kept frame that it still lacks for given up, once it hears this number? */
static int is_ahead(const myco_link *link, uint32_t seq, uint32_t reach) {
  unsigned at;
  for (at = 0; at < link->slot_count; at++) {
    if (link->slots[at].len != 0u && seq - link->slots[at].seq >= reach) return 1;
  }
  return 0;
}

int myco_link_has_room(const myco_link *link) {
  return !is_ahead(link, link->seq + 1u, QUEUE_MAX - 1u);
}

static myco_status send_frame(myco_link *link, int is_kept, uint8_t type, uint8_t flags, uint32_t ack, const void *body,
                              size_t body_len, uint32_t now_ms) {
  myco_mdp_packet packet;
  size_t len = 0;
  const int is_control = type == MYCO_MDP_TYPE_ACK && body_len == 0u;
  /* Control takes one number at most before the next news, and must not wait for the peer, who may wait for it. */
  const uint32_t reach = is_control ? WINDOW : QUEUE_MAX - 1u;
  unsigned at = is_kept ? 0u : link->slot_count;
  myco_status status;
  while (at < link->slot_count && link->slots[at].len != 0u) at++;
  if (is_kept && at == link->slot_count) return MYCO_ERR_QUEUE_FULL;
  packet.body = (const uint8_t *)body;
  packet.body_len = body_len;
  packet.seq = link->seq + (is_control && link->is_control ? 0u : 1u);
  if (packet.seq == 0u) packet.seq = 1; /* 0 means none. */
  packet.ack = ack;
  packet.type = type;
  packet.flags = flags;
  packet.src = link->src;
  packet.dst = link->dst;
  status = link->without_line_ends
               ? myco_mdp_encode_without_line_ends(&packet, frame_at(link, at), link->slot_bytes, &len)
               : myco_mdp_encode(&packet, frame_at(link, at), link->slot_bytes, &len);
  if (status != MYCO_OK) return status;
  if (is_ahead(link, packet.seq, reach)) return MYCO_ERR_QUEUE_FULL;
  link->seq = packet.seq;
  link->is_control = (uint8_t)is_control;
  if (is_kept) {
    link->slots[at].seq = packet.seq;
    link->slots[at].sent_ms = now_ms;
    link->slots[at].sends = 1;
    link->slots[at].len = (uint16_t)len;
  }
  return link->send(link->ctx, frame_at(link, at), len) == 0 || is_kept ? MYCO_OK : MYCO_ERR_SEND;
}

myco_status myco_link_send(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body, size_t body_len,
                           uint32_t now_ms) {
  return send_frame(link, (flags & MYCO_MDP_FLAG_ACK_REQUESTED) != 0u, type, flags, ack, body, body_len, now_ms);
}

myco_status myco_link_send_once(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body,
                                size_t body_len) {
  return send_frame(link, 0, type, flags, ack, body, body_len, 0);
}

/** The largest number up to this one without a line end in its bytes. An `ack` that says less than it might harms nobody. */
static uint32_t without_line_ends(uint32_t ack) {
  unsigned shift;
  for (shift = 32; shift > 0u;) {
    uint32_t byte;
    shift -= 8u;
    byte = (ack >> shift) & 0xFFu;
    if (byte == 0x0Au || byte == 0x0Du) return ((ack >> shift) << shift) - 1u;
  }
  return ack;
}

myco_status myco_link_acknowledge(myco_link *link, uint8_t flags, uint32_t now_ms) {
  const uint32_t ack = link->without_line_ends ? without_line_ends(link->ack) : link->ack;
  return myco_link_send(link, MYCO_MDP_TYPE_ACK, flags, ack, NULL, 0, now_ms);
}

/** The peer will not send again what is covered. What was never sent cannot be covered. */
static void free_up_to(myco_link *link, uint32_t ack) {
  unsigned at;
  if (ack == 0u || is_after(ack, link->seq)) return;
  for (at = 0; at < link->slot_count; at++) {
    if (!is_after(link->slots[at].seq, ack)) link->slots[at].len = 0;
  }
}

/** How far does `ack` reach, now that this frame is here? @param holes_stay what is missing before it will not come */
static void cover(myco_link *link, uint32_t seq, int holes_stay) {
  uint32_t steps = seq - link->ack;
  uint32_t given_up = steps > WINDOW ? steps - WINDOW : 0u;
  if (steps == 0u || !is_after(seq, link->ack)) return;
  if (holes_stay) given_up = steps - 1u;
  link->ack += given_up;
  link->ahead = given_up < WINDOW ? link->ahead >> given_up : 0u;
  link->ahead |= (uint32_t)1u << (steps - given_up - 1u);
  while ((link->ahead & 1u) != 0u) {
    link->ahead >>= 1;
    link->ack++;
  }
}

/** @return what is known of the frame of this number, or NULL */
static myco_link_heard *find(myco_link *link, uint32_t seq, uint32_t now_ms) {
  unsigned at;
  for (at = 0; at < MYCO_LINK_REMEMBERED; at++) {
    myco_link_heard *heard = &link->heard[at];
    if (heard->times != 0u && heard->seq == seq && now_ms - heard->at_ms < link->copy_ms) return heard;
  }
  return NULL;
}

int myco_link_take(myco_link *link, const myco_mdp_packet *packet, uint32_t now_ms) {
  const uint8_t kind[2] = {packet->type, packet->flags};
  const uint16_t digest = myco_crc16(myco_crc16(MYCO_MDP_CRC_INITIAL, kind, sizeof kind), packet->body, packet->body_len);
  const int asks = (packet->flags & MYCO_MDP_FLAG_ACK_REQUESTED) != 0u;
  const int is_control = packet->type == MYCO_MDP_TYPE_ACK && packet->body_len == 0u;
  const uint32_t seq = packet->seq;
  myco_link_heard *heard = find(link, seq, now_ms);
  /* On the air one hears what others say to each other, and on some wires one's own echo. */
  if (packet->dst == link->dst) return 0;
  free_up_to(link, packet->ack);
  if (heard != NULL && heard->digest == digest) {
    if (heard->times < PATIENCE) heard->times++;
    cover(link, seq, heard->times == PATIENCE);
    /* Its first answer may have been lost. A copy of an acknowledgement came back to back, and was answered. */
    if (asks && !is_control) (void)myco_link_acknowledge(link, MYCO_MDP_FLAG_IS_ACK, now_ms);
    return is_control ? 0 : (int)MYCO_ERR_REPEATED;
  }
  if (!link->has_heard || heard != NULL || (!is_after(seq, link->ack) && link->ack - seq > QUEUE_MAX)) {
    /* The first one, or a number that was used: the peer counts anew, and its first frames may have been lost. */
    link->ack = seq > QUEUE_MAX ? seq - 1u : 0u;
    link->ahead = 0;
    link->has_heard = 1;
  }
  cover(link, seq, 0);
  /* What does not ask comes once. */
  if (asks) {
    heard = &link->heard[link->next_heard];
    heard->seq = seq;
    heard->at_ms = now_ms;
    heard->digest = digest;
    heard->times = 1;
    link->next_heard = (uint8_t)((link->next_heard + 1u) % MYCO_LINK_REMEMBERED);
  }
  if (!is_control) return 1;
  /* By IS_ACK alone, or the two ends would never stop. */
  if (asks) (void)myco_link_acknowledge(link, MYCO_MDP_FLAG_IS_ACK, now_ms);
  return 0;
}

/** @return whether this slot's frame has waited long enough */
static int is_due(const myco_link *link, const myco_link_slot *slot, uint32_t now_ms) {
  uint32_t wait = link->wait_min_ms;
  unsigned sends;
  for (sends = 1; sends < slot->sends; sends++) wait = wait < link->wait_max_ms / 2u ? wait * 2u : link->wait_max_ms;
  return slot->len != 0u && now_ms - slot->sent_ms >= wait;
}

myco_status myco_link_poll(myco_link *link, uint32_t now_ms, uint32_t *seq) {
  myco_link_slot *oldest = NULL;
  unsigned at;
  for (at = 0; at < link->slot_count; at++) {
    myco_link_slot *slot = &link->slots[at];
    if (is_due(link, slot, now_ms) && (oldest == NULL || is_after(oldest->seq, slot->seq))) oldest = slot;
  }
  if (oldest == NULL) return MYCO_OK;
  if (link->sends_max != 0u && oldest->sends >= link->sends_max) {
    *seq = oldest->seq;
    oldest->len = 0;
    return MYCO_ERR_GAVE_UP;
  }
  oldest->sent_ms = now_ms;
  if (oldest->sends < 0xFFu) oldest->sends++;
  (void)link->send(link->ctx, frame_at(link, (unsigned)(oldest - link->slots)), oldest->len);
  return MYCO_OK;
}
