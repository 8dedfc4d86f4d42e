/**
 * Frames to and from one MDP peer: numbers, acknowledgements, retransmission with back-off, and copies told from news. What
 * asks to be acknowledged is kept, encoded, until the peer's `ack` covers it. Envelopes in flash need none of this to be
 * safe: forward.h sends them again until their receipt comes. It is for what lives in RAM: events, answers, commands.
 *
 * Not thread-safe: one task at a time.
 */
#ifndef MYCO_LINK_H
#define MYCO_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "mdp.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Frames of the peer remembered to recognise a copy: as many as the longest queue of the field holds. */
#define MYCO_LINK_REMEMBERED 8u

typedef struct myco_link_slot {
  uint32_t seq;
  uint32_t sent_ms;
  uint16_t len; /* 0: free. */
  uint8_t sends;
} myco_link_slot;

typedef struct myco_link_heard {
  uint32_t seq;
  uint32_t at_ms;
  uint16_t digest;
  uint8_t times; /* 0: nothing. */
} myco_link_heard;

/** All zero but for what the caller sets, once, before the first call. */
typedef struct myco_link {
  /** Give the transport one frame. @return 0 if it took it; else it is as lost as on the wire */
  int (*send)(void *ctx, const uint8_t *frame, size_t len);
  void *ctx;
  /** slot_count + 1 times slot_bytes, the last for frames that nobody acknowledges; MYCO_MDP_FRAME_SIZE_MAX of the longest body. */
  uint8_t *frames;
  myco_link_slot *slots;
  uint16_t slot_bytes;
  uint8_t slot_count;
  /** A frame is given up after so many sends, the first included; 0 is never. */
  uint8_t sends_max;
  uint8_t src; /* MYCO_MDP_ENDPOINT_*, ours */
  uint8_t dst; /* and the peer's. */
  /** The peer takes 0x0A and 0x0D for line ends and would lose a frame with one (Side-A 2.1.0): none is ever sent. */
  uint8_t without_line_ends;
  uint8_t next_heard; /* This and the next two are the link's own. */
  uint8_t has_heard;
  uint8_t is_control;
  /** Wait before the second send; it doubles each time up to the other. */
  uint32_t wait_min_ms;
  uint32_t wait_max_ms;
  /**
   * The same frame heard again within this time is a copy, also from a peer that has started anew since and happens to repeat
   * itself. The field repeats one for 13 s; 0 takes every frame for news.
   */
  uint32_t copy_ms;

  /* Read, do not write. */
  uint32_t seq; /* Of the last frame sent. */
  uint32_t ack; /* Every frame of the peer up to this one was heard, or the peer has given it up. */
  uint32_t ahead;
  myco_link_heard heard[MYCO_LINK_REMEMBERED];
} myco_link;

/**
 * Number, encode and send a frame. With MYCO_MDP_FLAG_ACK_REQUESTED it is sent again by myco_link_poll until covered.
 * @param ack `seq` of the command that is answered, or 0
 * @return MYCO_OK; MYCO_ERR_QUEUE_FULL: nothing was sent, since every slot is taken or the oldest frame is 7 behind; MYCO_ERR_SEND: the transport did not take it
 *         and nobody keeps it; MYCO_ERR_NO_SPACE, MYCO_ERR_ARG, MYCO_ERR_FRAME_FORBIDDEN as from the encoder
 */
myco_status myco_link_send(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body, size_t body_len,
                           uint32_t now_ms);

/** The same, never kept: for what asks to be acknowledged and is sent again by others, as an envelope in flash. */
myco_status myco_link_send_once(myco_link *link, uint8_t type, uint8_t flags, uint32_t ack, const void *body,
                                size_t body_len);

/** @return 1 if myco_link_send_once would send now, 0 if a kept frame has to be acknowledged first */
int myco_link_has_room(const myco_link *link);

/**
 * Acknowledge what was heard so far, by a frame without a body: for news that asked and get no answer of their own.
 * @param flags MYCO_MDP_FLAG_IS_ACK, or MYCO_MDP_FLAG_IS_NACK for what will never be done
 * @return as myco_link_send
 */
myco_status myco_link_acknowledge(myco_link *link, uint8_t flags, uint32_t now_ms);

/**
 * A packet came from the peer: whatever its `ack` covers is free. A copy was answered if it asked; answer a command's again.
 * A frame to the peer, another board's or our own echo, changes nothing.
 * @return 1 news for the caller; 0 an acknowledgement alone, or to the peer: nothing to do; MYCO_ERR_REPEATED a copy
 */
int myco_link_take(myco_link *link, const myco_mdp_packet *packet, uint32_t now_ms);

/**
 * Send again what waited long enough, the oldest first, one frame a call. Call it often.
 * @param seq of the frame given up
 * @return MYCO_OK, or MYCO_ERR_GAVE_UP
 */
myco_status myco_link_poll(myco_link *link, uint32_t now_ms, uint32_t *seq);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_LINK_H */
