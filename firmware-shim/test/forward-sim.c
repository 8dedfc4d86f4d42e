/**
 * A store, a gateway that loses some, refuses some and goes away for a while, and the pace between them. Prints "ok", or what
 * went wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/myco/forward.h"

#define SECTOR_BYTES 1024u
#define SECTORS 8u
#define WAIT_MIN_MS 100u
#define WAIT_MAX_MS 3200u
#define WINDOW 3u

static uint8_t memory[SECTOR_BYTES * SECTORS];
static myco_store store;
static uint32_t now_ms;
static uint64_t state;

static void fail(const char *what) {
  printf("%s at %u ms\n", what, (unsigned)now_ms);
  exit(1);
}

static uint32_t random_below(uint32_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % limit;
}

static int erase(void *ctx, uint32_t sector) {
  (void)ctx;
  memset(memory + sector * SECTOR_BYTES, 0xFF, SECTOR_BYTES);
  return 0;
}

static int program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  (void)ctx;
  memcpy(memory + address, data, size);
  return 0;
}

static int read(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  (void)ctx;
  memcpy(data, memory + address, size);
  return 0;
}

static const myco_flash flash = {erase, program, read, NULL, SECTOR_BYTES, SECTORS, 1};

static void power_on(myco_forward *forward) {
  memset(memory, 0xFF, sizeof memory);
  if (myco_store_open(&store, &flash, MYCO_STORE_REFUSE_NEW) != MYCO_OK) fail("the store does not open");
  memset(forward, 0, sizeof *forward);
  forward->window = WINDOW;
  forward->wait_min_ms = WAIT_MIN_MS;
  forward->wait_max_ms = WAIT_MAX_MS;
}

/** The message is its own number. */
static void append(void) {
  const uint32_t seq = store.next_seq;
  uint8_t msg_id[16] = {0};
  memcpy(msg_id, &seq, sizeof seq);
  if (myco_store_append(&store, seq, msg_id, msg_id, sizeof seq) != MYCO_OK) fail("the store is full");
}

static void release(uint32_t seq) {
  uint8_t msg_id[16] = {0};
  myco_receipt receipt = {0};
  memcpy(msg_id, &seq, sizeof seq);
  receipt.msg_id = msg_id;
  receipt.seq = seq;
  (void)myco_store_release(&store, &receipt);
}

/** @return the number of what is sent now, 0 for nothing */
static uint32_t sent(myco_forward *forward) {
  uint32_t seq = 0;
  size_t len = 0;
  const myco_status status = myco_forward_next(forward, &store, now_ms, (uint8_t *)&seq, sizeof seq, &len);
  if (status != MYCO_OK && status != MYCO_ERR_NOT_FOUND) fail("nothing can be read");
  return status == MYCO_OK ? seq : 0u;
}

/** Everything but what is refused gets its receipt, however many are refused first. */
static void loses_and_refuses(void) {
  enum { ALL = 100, REFUSED_UP_TO = 7 };
  myco_forward forward;
  power_on(&forward);
  for (; store.next_seq <= ALL || store.pending > (uint32_t)REFUSED_UP_TO; now_ms++) {
    uint32_t seq;
    if (now_ms > 10000000u) fail("it never ends");
    if (store.next_seq <= ALL && random_below(50) == 0u) append();
    while ((seq = sent(&forward)) != 0u) {
      if (random_below(3) == 0u) continue;
      if (seq > (uint32_t)REFUSED_UP_TO) release(seq);
      myco_forward_answered(&forward, seq > (uint32_t)REFUSED_UP_TO, now_ms);
    }
  }
}

/** Silence: never more than the window, from the oldest each time, and ever more rarely. */
static void silence(void) {
  enum { MS = 100000 };
  const uint32_t end = now_ms + (uint32_t)MS;
  uint32_t rounds = 0;
  uint32_t seq;
  myco_forward forward;
  power_on(&forward);
  while (store.next_seq <= 10u) append();
  for (; now_ms < end; now_ms++) {
    uint32_t expected = 1;
    for (; (seq = sent(&forward)) != 0u; expected++) {
      if (seq != expected || expected > WINDOW) fail("not the oldest ones");
    }
    if (expected > 1u) rounds++;
  }
  /* 0, 100, 300, 700, 1500, 3100, 6300, and from there on every 3200 ms. */
  if (rounds != 6u + (MS - 3100u) / WAIT_MAX_MS) fail("another pace");
  /* One receipt, and the next silence begins with a short wait. */
  release(1);
  myco_forward_answered(&forward, 1, now_ms);
  while (sent(&forward) != 0u) {
  }
  now_ms += WAIT_MIN_MS;
  if (sent(&forward) != 2u) fail("the wait was not set back");
}

/** One of many is lost, and the others are answered at once all the time, once or twice: it has its turn all the same. */
static void one_lost(unsigned answers) {
  const uint32_t end = now_ms + 2u * WAIT_MAX_MS;
  uint32_t times = 0;
  myco_forward forward;
  power_on(&forward);
  for (; now_ms < end; now_ms++) {
    uint32_t seq;
    if (now_ms % 40u == 0u) append();
    while ((seq = sent(&forward)) != 0u) {
      unsigned answer;
      if (seq == 2u && times++ == 0u) continue;
      release(seq);
      for (answer = 0; answer < answers; answer++) myco_forward_answered(&forward, answer == 0u, now_ms);
    }
  }
  if (times != 2u) fail("it was not sent again");
}

/** Milliseconds begin anew after 49 days, in the middle of a wait too. */
static void clock_wraps(void) {
  const uint32_t began_ms = UINT32_MAX - WAIT_MIN_MS / 2u;
  myco_forward forward;
  power_on(&forward);
  append();
  now_ms = began_ms;
  if (sent(&forward) != 1u) fail("not sent");
  for (; now_ms != began_ms + WAIT_MIN_MS; now_ms++) {
    if (sent(&forward) != 0u) fail("sent too early");
  }
  if (sent(&forward) != 1u) fail("not sent again");
}

/** A new connection: at once, and from the oldest. */
static void restart(void) {
  myco_forward forward;
  power_on(&forward);
  append();
  append();
  if (sent(&forward) != 1u || sent(&forward) != 2u || sent(&forward) != 0u) fail("not in order");
  myco_forward_restart(&forward, now_ms);
  if (sent(&forward) != 1u) fail("not from the oldest");
}

int main(void) {
  for (state = 0; state < 20u; state++) {
    const uint64_t seed = state;
    loses_and_refuses();
    state = seed;
  }
  silence();
  one_lost(1);
  one_lost(2);
  clock_wraps();
  restart();
  printf("ok\n");
  return 0;
}
