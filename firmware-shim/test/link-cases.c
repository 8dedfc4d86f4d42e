/** One end of a link, frame by frame. Prints "ok", or the line of the first thing that is not so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/myco/link.h"

#define IS(condition) \
  do { \
    if (!(condition)) { \
      printf("line %d\n", __LINE__); \
      exit(1); \
    } \
  } while (0)

static myco_link_slot slots[2];
static uint8_t frames[3 * 64];
static myco_link link;
static myco_mdp_packet last; /* Sent. */
static uint8_t plain[64];
static unsigned count;

static int sent(void *ctx, const uint8_t *frame, size_t len) {
  myco_cobs_decoder decoder;
  size_t at;
  (void)ctx;
  myco_cobs_decoder_init(&decoder, plain, sizeof plain);
  for (at = 0; at < len; at++) (void)myco_mdp_take(&decoder, frame[at], &last);
  count++;
  return 0;
}

static void power_on(void) {
  memset(&link, 0, sizeof link);
  memset(slots, 0, sizeof slots);
  link.send = sent;
  link.frames = frames;
  link.slot_bytes = 64;
  link.slots = slots;
  link.slot_count = 2;
  link.sends_max = 4;
  link.wait_min_ms = 100;
  link.wait_max_ms = 300;
  link.copy_ms = 1000;
  link.src = MYCO_MDP_ENDPOINT_SIDE_A;
  link.dst = MYCO_MDP_ENDPOINT_GATEWAY;
  count = 0;
}

static uint8_t heard_dst = MYCO_MDP_ENDPOINT_SIDE_A;

static int heard(uint8_t type, uint8_t flags, uint32_t seq, uint32_t ack, const char *body, uint32_t now_ms) {
  myco_mdp_packet packet = {0};
  packet.dst = heard_dst;
  packet.type = type;
  packet.flags = flags;
  packet.seq = seq;
  packet.ack = ack;
  packet.body = (const uint8_t *)body;
  packet.body_len = strlen(body);
  return myco_link_take(&link, &packet, now_ms);
}

static myco_status ask(uint32_t now_ms) {
  return myco_link_send(&link, MYCO_MDP_TYPE_EVENT, MYCO_MDP_FLAG_ACK_REQUESTED, 0, "{}", 2, now_ms);
}

static int command(uint32_t seq, const char *body, uint32_t now_ms) {
  return heard(MYCO_MDP_TYPE_COMMAND, MYCO_MDP_FLAG_ACK_REQUESTED, seq, 0, body, now_ms);
}

static int control(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t now_ms) {
  return heard(MYCO_MDP_TYPE_ACK, flags, seq, ack, "", now_ms);
}

static void gives_up(void) {
  static const uint32_t due[] = {100, 300, 600};
  uint32_t now;
  uint32_t seq = 0;
  unsigned at = 0;
  power_on();
  IS(ask(0) == MYCO_OK && count == 1u && last.seq == 1u && last.src == link.src && last.dst == link.dst);
  for (now = 1; now < 900u; now++) {
    IS(myco_link_poll(&link, now, &seq) == MYCO_OK);
    if (at < 3u && now == due[at]) at++;
    IS(count == 1u + at);
  }
  IS(myco_link_poll(&link, 900, &seq) == MYCO_ERR_GAVE_UP && seq == 1u && count == 4u);
  IS(myco_link_poll(&link, 2000, &seq) == MYCO_OK && count == 4u);
}

static void frees(void) {
  uint32_t seq = 0;
  power_on();
  IS(ask(0) == MYCO_OK && ask(0) == MYCO_OK && ask(0) == MYCO_ERR_QUEUE_FULL && count == 2u);
  /* What was never sent, and nothing. */
  IS(control(MYCO_MDP_FLAG_IS_ACK, 1, 3, 0) == 0 && control(MYCO_MDP_FLAG_IS_ACK, 2, 0, 0) == 0);
  IS(ask(0) == MYCO_ERR_QUEUE_FULL);
  /* By any frame, and all up to it; a refusal is an answer too. */
  IS(heard(MYCO_MDP_TYPE_TELEMETRY, 0, 3, 1, "{}", 0) == 1);
  IS(ask(0) == MYCO_OK && last.seq == 3u);
  IS(control(MYCO_MDP_FLAG_IS_NACK, 4, 3, 0) == 0);
  IS(myco_link_poll(&link, 1000, &seq) == MYCO_OK && count == 3u);
}

static void holds_back(void) {
  unsigned at;
  power_on();
  IS(ask(0) == MYCO_OK);
  for (at = 0; at < 6u; at++) {
    IS(myco_link_has_room(&link));
    IS(myco_link_send_once(&link, MYCO_MDP_TYPE_EVENT, MYCO_MDP_FLAG_ACK_REQUESTED, 0, "{}", 2) == MYCO_OK);
  }
  IS(!myco_link_has_room(&link));
  /* One more, and the peer would take the first one for given up. */
  IS(myco_link_send(&link, MYCO_MDP_TYPE_EVENT, 0, 0, "{}", 2, 0) == MYCO_ERR_QUEUE_FULL);
  IS(control(MYCO_MDP_FLAG_IS_ACK, 1, 1, 0) == 0);
  IS(myco_link_send(&link, MYCO_MDP_TYPE_EVENT, 0, 0, "{}", 2, 0) == MYCO_OK);
}

static void tells_copies(void) {
  power_on();
  IS(command(1, "{\"cmd\":\"a\"}", 0) == 1 && count == 0u);
  IS(command(1, "{\"cmd\":\"a\"}", 999) == MYCO_ERR_REPEATED && count == 1u);
  IS(last.type == MYCO_MDP_TYPE_ACK && last.flags == MYCO_MDP_FLAG_IS_ACK && last.ack == 1u && last.body_len == 0u);
  /* Another run of the peer: other content, or much later. */
  IS(command(1, "{\"cmd\":\"b\"}", 999) == 1);
  IS(command(1, "{\"cmd\":\"b\"}", 2500) == 1);
}

static void answers_control_once(void) {
  power_on();
  IS(control(MYCO_MDP_FLAG_IS_ACK | MYCO_MDP_FLAG_ACK_REQUESTED, 1, 0, 0) == 0 && count == 1u);
  IS(last.flags == MYCO_MDP_FLAG_IS_ACK && last.ack == 1u);
  IS(control(MYCO_MDP_FLAG_IS_ACK | MYCO_MDP_FLAG_ACK_REQUESTED, 1, 0, 0) == 0 && count == 1u);
  IS(control(MYCO_MDP_FLAG_IS_ACK, 2, 0, 0) == 0 && count == 1u);
}

static void covers(void) {
  unsigned at;
  power_on();
  /* The first frame was lost; it holds back what is said of those behind it. */
  IS(command(3, "{}", 0) == 1 && link.ack == 0u);
  IS(command(1, "{}", 0) == 1 && link.ack == 1u);
  IS(command(2, "{}", 0) == 1 && link.ack == 3u);
  /* Late, and no sign that the peer counts anew. */
  IS(command(12, "{}", 0) == 1 && link.ack == 3u);
  for (at = 4; at < 12u; at++) IS(heard(MYCO_MDP_TYPE_EVENT, 0, at, 0, "{}", 0) == 1);
  IS(link.ack == 12u && command(8, "{}", 0) == 1 && link.ack == 12u);
  /* A number from before: the peer counts anew. */
  IS(command(2, "{\"cmd\":\"c\"}", 2000) == 1 && link.ack == 0u);
  IS(command(1, "{\"cmd\":\"c\"}", 2000) == 1 && link.ack == 2u);
  /* Or a number of late that says something else. */
  IS(command(3, "{\"cmd\":\"c\"}", 2000) == 1 && link.ack == 3u);
  IS(command(1, "{\"cmd\":\"d\"}", 2000) == 1 && link.ack == 1u);
  /* A peer that runs for long already, and one that leaps. */
  power_on();
  IS(command(5000, "{}", 0) == 1 && link.ack == 5000u);
  IS(command(6000, "{}", 0) == 1 && link.ack == 5968u);
  /* A frame that comes again and again: what is missing before it will not come. */
  for (at = 0; at < 6u; at++) IS(command(6000, "{}", 0) == MYCO_ERR_REPEATED && link.ack == 5968u);
  IS(command(6000, "{}", 0) == MYCO_ERR_REPEATED && link.ack == 6000u);
}

static void wraps(void) {
  const uint32_t now = UINT32_MAX - 50u;
  uint32_t waited;
  uint32_t seq = 0;
  power_on();
  IS(ask(now) == MYCO_OK);
  for (waited = 0; waited < 100u; waited++) {
    IS(myco_link_poll(&link, now + waited, &seq) == MYCO_OK && count == 1u);
  }
  IS(myco_link_poll(&link, now + waited, &seq) == MYCO_OK && count == 2u);
  IS(command(1, "{}", now) == 1 && command(1, "{}", now + 999u) == MYCO_ERR_REPEATED);
  IS(command(1, "{}", now + 2500u) == 1);
  power_on();
  link.seq = 0xFFFFFFFEu;
  IS(ask(0) == MYCO_OK && last.seq == 0xFFFFFFFFu && ask(0) == MYCO_OK && last.seq == 1u);
  IS(control(MYCO_MDP_FLAG_IS_ACK, 1, 0xFFFFFFFFu, 0) == 0 && ask(0) == MYCO_OK && ask(0) == MYCO_ERR_QUEUE_FULL);
}

/** On the air everyone hears everyone: what others tell our peer, and our own echo, means nothing here. */
static void overhears(void) {
  uint32_t seq = 0;
  power_on();
  IS(ask(0) == MYCO_OK && command(50, "{}", 0) == 1 && link.ack == 50u);
  heard_dst = MYCO_MDP_ENDPOINT_GATEWAY;
  IS(heard(MYCO_MDP_TYPE_TELEMETRY, MYCO_MDP_FLAG_ACK_REQUESTED, 500, 1, "{}", 0) == 0);
  IS(command(1, "{}", 0) == 0 && command(1, "{}", 0) == 0);
  IS(control(MYCO_MDP_FLAG_IS_ACK | MYCO_MDP_FLAG_ACK_REQUESTED, 51, 1, 0) == 0);
  IS(link.ack == 50u && count == 1u);
  IS(myco_link_poll(&link, 100, &seq) == MYCO_OK && count == 2u);
  /* A gateway that takes us for the board behind the radio. */
  heard_dst = MYCO_MDP_ENDPOINT_SIDE_B;
  IS(command(51, "{}", 0) == 1 && link.ack == 51u);
  heard_dst = MYCO_MDP_ENDPOINT_SIDE_A;
}

/** However often it was sent: the wait ends at its maximum, and does not come out small again. */
static void waits_at_most(void) {
  uint32_t seq = 0;
  power_on();
  link.sends_max = 0;
  link.wait_max_ms = UINT32_MAX;
  IS(ask(0) == MYCO_OK);
  slots[0].sends = 40;
  IS(myco_link_poll(&link, 1000000, &seq) == MYCO_OK && count == 1u);
}

int main(void) {
  gives_up();
  waits_at_most();
  overhears();
  frees();
  holds_back();
  tells_copies();
  answers_control_once();
  covers();
  wraps();
  printf("ok\n");
  return 0;
}
