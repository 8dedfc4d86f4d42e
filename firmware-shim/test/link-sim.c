/**
 * Two links that talk over a line which loses, repeats, delays and damages frames, one of them a peer that would lose a
 * frame with a line end in it. Everything that asked to be acknowledged has to arrive as news once, whatever happened.
 *   link-sim SEED FRAMES [restarts]   →  ok SENT COPIES, or what went wrong
 * With restarts, one side now and then forgets all it knew: then nothing has to arrive, but nothing may come twice within a
 * run, and both have to be quiet in the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/myco/link.h"

#define SLOTS 4u
#define SLOT_BYTES 64u
#define WIRE_MAX 64u
#define FRAMES_MAX 20000u

typedef struct flight {
  uint8_t bytes[SLOT_BYTES];
  size_t len;
  uint32_t due_ms;
} flight;

typedef struct end {
  myco_link link;
  myco_link_slot slots[SLOTS];
  uint8_t frames[(SLOTS + 1u) * SLOT_BYTES];
  flight wire[WIRE_MAX]; /* On the way from here. */
  size_t wire_count;
  uint32_t sent;                /* Frames that asked, in this run. */
  uint8_t arrived[FRAMES_MAX];  /* Of the other end's, by their number. */
} end;

static uint64_t state;
static uint32_t now_ms;
static unsigned sent_in_all;
static unsigned copies;

static uint32_t random_below(uint32_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % limit;
}

static void fail(const char *what) {
  printf("%s at %u ms\n", what, (unsigned)now_ms);
  exit(1);
}

static int put_on_wire(void *ctx, const uint8_t *frame, size_t len) {
  end *from = (end *)ctx;
  unsigned times = random_below(8) == 0u ? 2u : 1u;
  size_t at;
  if (from->link.without_line_ends) {
    for (at = 0; at < len; at++) {
      if (frame[at] == 0x0Au || frame[at] == 0x0Du) fail("a line end was sent");
    }
  }
  if (random_below(128) == 0u) return -1; /* The transport's queue is full. */
  while (times-- > 0u) {
    flight *to;
    if (random_below(48) == 0u || from->wire_count == WIRE_MAX) continue;
    to = &from->wire[from->wire_count++];
    memcpy(to->bytes, frame, len);
    to->len = len;
    to->due_ms = now_ms + 1u + random_below(40);
    if (random_below(64) == 0u) to->bytes[random_below((uint32_t)len - 1u)] ^= (uint8_t)(1u << random_below(8));
  }
  return 0;
}

static void power_on(end *e, uint8_t src, uint8_t dst) {
  memset(&e->link, 0, sizeof e->link);
  memset(e->slots, 0, sizeof e->slots);
  e->sent = 0;
  e->link.send = put_on_wire;
  e->link.ctx = e;
  e->link.frames = e->frames;
  e->link.slot_bytes = SLOT_BYTES;
  e->link.slots = e->slots;
  e->link.slot_count = SLOTS;
  e->link.wait_min_ms = 50;
  e->link.wait_max_ms = 400;
  e->link.copy_ms = 60000;
  e->link.src = src;
  e->link.dst = dst;
  e->link.without_line_ends = dst == MYCO_MDP_ENDPOINT_SIDE_A;
}

static void receive(end *to, const uint8_t *bytes, size_t len, int may_restart) {
  uint8_t plain[SLOT_BYTES];
  myco_cobs_decoder decoder;
  size_t at;
  myco_cobs_decoder_init(&decoder, plain, sizeof plain);
  for (at = 0; at < len; at++) {
    myco_mdp_packet packet;
    unsigned long number;
    int taken;
    if (myco_mdp_take(&decoder, bytes[at], &packet) != 1) continue;
    taken = myco_link_take(&to->link, &packet, now_ms);
    if (taken == MYCO_ERR_REPEATED) copies++;
    if (taken != 1) continue;
    (void)myco_link_acknowledge(&to->link, MYCO_MDP_FLAG_IS_ACK, now_ms);
    number = strtoul((const char *)packet.body + 6, NULL, 10);
    if (number >= FRAMES_MAX) fail("what arrived was never sent");
    if (to->arrived[number]++ != 0u && !may_restart) fail("a frame came as news twice");
  }
}

static void deliver(end *from, end *to, int may_restart) {
  size_t at = 0;
  while (at < from->wire_count) {
    flight due = from->wire[at];
    if (due.due_ms > now_ms) {
      at++;
      continue;
    }
    from->wire[at] = from->wire[--from->wire_count];
    receive(to, due.bytes, due.len, may_restart);
  }
}

static int is_idle(const end *e) {
  unsigned at;
  for (at = 0; at < SLOTS; at++) {
    if (e->slots[at].len != 0u) return 0;
  }
  return 1;
}

static void turn(end *e, uint32_t wanted) {
  char body[32];
  uint32_t seq = 0;
  if (e->sent < wanted && random_below(20) == 0u) {
    const int len = snprintf(body, sizeof body, "{\"no\":%u}", (unsigned)e->sent);
    const myco_status status = myco_link_send(&e->link, MYCO_MDP_TYPE_EVENT, MYCO_MDP_FLAG_ACK_REQUESTED, 0, body,
                                              (size_t)len, now_ms);
    if (status == MYCO_OK) {
      e->sent++;
      sent_in_all++;
    } else if (status != MYCO_ERR_QUEUE_FULL || is_idle(e)) {
      fail("a frame was not taken");
    }
  }
  if (myco_link_poll(&e->link, now_ms, &seq) != MYCO_OK) fail("a frame was given up");
}

int main(int count, char **arguments) {
  static end a;
  static end b;
  const uint32_t wanted = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0u;
  const int may_restart = count > 3;
  uint32_t at;
  if (count < 3 || wanted > FRAMES_MAX) return 64;
  state = strtoull(arguments[1], NULL, 10);
  power_on(&a, MYCO_MDP_ENDPOINT_SIDE_B, MYCO_MDP_ENDPOINT_SIDE_A);
  power_on(&b, MYCO_MDP_ENDPOINT_SIDE_A, MYCO_MDP_ENDPOINT_SIDE_B);
  for (now_ms = 1; a.sent < wanted || b.sent < wanted || !is_idle(&a) || !is_idle(&b); now_ms++) {
    if (now_ms > 100000000u) fail("it never ends");
    turn(&a, wanted);
    turn(&b, wanted);
    deliver(&a, &b, may_restart);
    deliver(&b, &a, may_restart);
    if (may_restart && a.sent < wanted && random_below(20000) == 0u) {
      if (random_below(2) == 0u) power_on(&a, MYCO_MDP_ENDPOINT_SIDE_B, MYCO_MDP_ENDPOINT_SIDE_A);
      else power_on(&b, MYCO_MDP_ENDPOINT_SIDE_A, MYCO_MDP_ENDPOINT_SIDE_B);
    }
  }
  for (at = 0; !may_restart && at < wanted; at++) {
    if (a.arrived[at] != 1u || b.arrived[at] != 1u) fail("a frame never arrived");
  }
  printf("ok %u %u\n", sent_in_all, copies);
  return 0;
}
