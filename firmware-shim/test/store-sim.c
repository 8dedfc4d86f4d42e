/**
 * myco_store on simulated NOR flash whose power fails: after every single erase and program in turn, at every stage of
 * it, and again while the store recovers; then long runs at random. What a cut operation leaves is one of: nothing, all,
 * its first bytes, or any subset, dense or sparse, of the bits it was to change; with ECC, units that are only half programmed cannot be
 * read. A model beside it says what may and what must be there afterwards.
 *
 *   store-sim matrix | store-sim random SEED RUNS
 *
 * Prints one line of facts as JSON; exits 1 with the first broken promise on stderr.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/myco/store.h"

#define FLASH_MAX 16384u
#define ENTRIES_MAX 6000u
#define BYTES_MAX 400u

/* --- randomness: reproducible, splitmix64 --- */

static uint64_t seed_state;

static uint32_t random_below(uint32_t bound) {
  seed_state += 0x9E3779B97F4A7C15u;
  uint64_t z = seed_state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (uint32_t)((z ^ (z >> 31)) >> 16) % bound;
}

/* --- what is being run, for the message of a failure --- */

static char scenario[256];

static void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "broken promise: ");
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n  in: %s\n", scenario);
  va_end(args);
  exit(1);
}

/* --- flash --- */

enum tear { TEAR_NOTHING, TEAR_ALL, TEAR_PREFIX, TEAR_BITS, TEARS };

static uint8_t cells[FLASH_MAX];
/** Units that ECC cannot correct: programming was cut short, or an erase was. */
static uint8_t unreadable[FLASH_MAX];
static myco_flash flash;
static int has_ecc;
static uint32_t erases_of[64];
/** Operations until the power fails; negative: never. */
static long until_cut;
static enum tear tear_as;
/** How many of its first bytes a cut program leaves as TEAR_PREFIX; negative: any number. */
static int tear_prefix = -1;
static long operations;
static jmp_buf power_cut;
/** Callbacks that fail without power being lost, one in so many; 0: none. */
static uint32_t failing_one_in;

static int is_cut(void) {
  operations++;
  if (until_cut < 0) return 0;
  return until_cut-- == 0;
}

static int sim_erase(void *ctx, uint32_t sector) {
  (void)ctx;
  if (sector >= flash.sectors) fail("erase of sector %u, which there is not", sector);
  const uint32_t start = sector * flash.sector_bytes;
  const int cut = is_cut();
  const int bad = !cut && failing_one_in > 0 && random_below(failing_one_in) == 0;
  const enum tear how = cut ? tear_as : bad ? (enum tear)random_below(TEARS) : TEAR_ALL;
  const uint32_t prefix = random_below(flash.sector_bytes);
  const uint32_t spared = 1u << random_below(8);
  erases_of[sector]++;
  for (uint32_t i = 0; i < flash.sector_bytes; i++) {
    uint8_t *cell = &cells[start + i];
    if (how == TEAR_ALL || (how == TEAR_PREFIX && i < prefix)) {
      *cell = 0xFF;
      unreadable[start + i] = 0;
    }
    if (how == TEAR_BITS && random_below(spared) == 0) {
      *cell = random_below(2) == 0 ? 0xFF : (uint8_t)(*cell | random_below(256));
      if (has_ecc && random_below(4) == 0) unreadable[start + i] = 1;
    }
  }
  if (cut) longjmp(power_cut, 1);
  return bad ? -1 : 0;
}

static int sim_program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  (void)ctx;
  if (address % flash.unit != 0 || size % flash.unit != 0 || size == 0 || size > MYCO_STORE_UNIT_MAX) {
    fail("program of %u bytes at %u", (unsigned)size, address);
  }
  if (address / flash.sector_bytes != (address + size - 1) / flash.sector_bytes) fail("program across sectors");
  for (size_t i = 0; i < size; i++) {
    if (cells[address + i] != 0xFF || unreadable[address + i]) fail("byte %u is programmed twice", address + (unsigned)i);
  }
  const int cut = is_cut();
  const int bad = !cut && failing_one_in > 0 && random_below(failing_one_in) == 0;
  const enum tear how = cut ? tear_as : bad ? (enum tear)random_below(TEARS) : TEAR_ALL;
  const size_t prefix = tear_prefix >= 0 ? (size_t)tear_prefix : random_below((uint32_t)size);
  for (size_t i = 0; i < size; i++) {
    uint8_t *cell = &cells[address + i];
    if (how == TEAR_ALL || (how == TEAR_PREFIX && i < prefix)) *cell = data[i];
    if (how == TEAR_BITS) *cell = (uint8_t)(data[i] | random_below(256));
  }
  if (has_ecc && how != TEAR_ALL && how != TEAR_NOTHING) {
    for (size_t unit = 0; unit < size; unit += flash.unit) {
      const int whole = memcmp(&cells[address + unit], &data[unit], flash.unit) == 0;
      int blank = 1;
      for (size_t i = 0; i < flash.unit; i++) blank = blank && cells[address + unit + i] == 0xFF;
      for (size_t i = 0; i < flash.unit; i++) unreadable[address + unit + i] = !whole && !blank && random_below(2) == 0;
    }
  }
  if (cut) longjmp(power_cut, 1);
  return bad ? -1 : 0;
}

static int sim_read(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  (void)ctx;
  if (address + size > flash.sector_bytes * flash.sectors) fail("read of %u bytes at %u", (unsigned)size, address);
  for (size_t i = 0; i < size; i++) {
    if (unreadable[address + i]) return -1;
    data[i] = cells[address + i];
  }
  return 0;
}

/* --- model: what was promised of every number --- */

enum fate {
  UNUSED,      /* Never appended. */
  TRIED,       /* Append was cut short or failed: may be there, with these bytes. */
  CONFIRMED,   /* Must be there. */
  RELEASING,   /* Release was cut short or failed: may be there. */
  GONE         /* Released, or seen to be dropped: must not be there. */
};

typedef struct entry {
  enum fate fate;
  uint16_t size;
  uint8_t msg_id[16];
  uint8_t bytes[BYTES_MAX];
} entry;

static entry model[ENTRIES_MAX];
static uint32_t highest;  /* Highest number that append was called with. */
static myco_checkpoint kept;
static myco_checkpoint kept_tried;
static int keep_is_open; /* It was cut short: either may be there. */
static myco_store store;

static struct {
  long power_cuts, appends, releases, refused, dropped, redelivered, restarts;
} facts;

static void power_up(void) {
  const myco_store_policy policy = store.policy;
  myco_status status;
  do {
    status = myco_store_open(&store, &flash, policy);
  } while (status == MYCO_ERR_FLASH && failing_one_in != 0);
  if (status != MYCO_OK) fail("open gives %d", status);
}

/** Compare everything the store holds with what it may and must hold. */
static void check(int may_have_dropped) {
  static uint8_t out[BYTES_MAX];
  static uint8_t seen[ENTRIES_MAX];
  myco_store_cursor cursor = {0, 0};
  size_t size;
  uint32_t seq, count = 0, before = 0;
  myco_status status;
  memset(seen, 0, sizeof seen);
  while ((status = myco_store_next(&store, &cursor, out, sizeof out, &size, &seq)) == MYCO_OK) {
    if (seq == 0 || seq > highest) fail("entry %u was never appended", seq);
    if (seq < before) fail("entry %u comes after %u", seq, before);
    entry *expected = &model[seq];
    if (size != expected->size || memcmp(out, expected->bytes, size) != 0) fail("entry %u has other bytes", seq);
    if (expected->fate == GONE) fail("entry %u is back", seq);
    if (expected->fate == UNUSED) fail("entry %u was given up before it was appended", seq);
    seen[seq] = 1;
    before = seq;
    count++;
  }
  if (status != MYCO_ERR_NOT_FOUND) fail("next gives %d", status);
  if (count != store.pending) fail("%u entries, and pending says %u", count, store.pending);
  uint32_t oldest = 0;
  for (uint32_t n = 1; n <= highest && oldest == 0; n++) {
    if (seen[n] && model[n].fate == CONFIRMED) oldest = n;
  }
  for (uint32_t n = 1; n <= highest; n++) {
    entry *expected = &model[n];
    if (seen[n]) {
      /* From now on it has been delivered, so it has to stay what it is. */
      if (expected->fate == TRIED) expected->fate = CONFIRMED;
      continue;
    }
    if (expected->fate == CONFIRMED) {
      if (!may_have_dropped) fail("entry %u is lost", n);
      if (oldest != 0 && n > oldest) fail("entry %u was dropped before older ones", n);
      facts.dropped++;
    }
    /* What was never there may lend its number to another. */
    expected->fate = expected->fate == UNUSED || expected->fate == TRIED ? UNUSED : GONE;
  }
  for (uint32_t n = store.next_seq; n <= highest; n++) {
    if (model[n].fate != UNUSED) fail("number %u would be used again", n);
  }
  myco_checkpoint now;
  if (myco_store_kept(&store, &now) != MYCO_OK) fail("the checkpoint is lost");
  if (memcmp(&now, &kept, sizeof now) != 0 && !(keep_is_open && memcmp(&now, &kept_tried, sizeof now) == 0)) {
    fail("another checkpoint is kept");
  }
  kept = now;
  keep_is_open = 0;
}

/* --- workload --- */

static void make_entry(entry *e, uint32_t seq, uint32_t size) {
  e->size = (uint16_t)size;
  for (uint32_t i = 0; i < size; i++) e->bytes[i] = (uint8_t)(i % 7 == 0 ? 0xFF : random_below(256));
  for (uint32_t i = 0; i < 16; i++) e->msg_id[i] = (uint8_t)random_below(256);
  e->fate = TRIED;
  highest = seq > highest ? seq : highest;
}

static int append(uint32_t size) {
  const uint32_t seq = store.next_seq;
  if (seq >= ENTRIES_MAX) return 0;
  make_entry(&model[seq], seq, size);
  entry *e = &model[seq];
  myco_status status;
  for (int tries = 0; tries < 20; tries++) {
    status = myco_store_append(&store, seq, e->msg_id, e->bytes, e->size);
    if (status != MYCO_ERR_FLASH) break;
  }
  facts.appends++;
  if (status == MYCO_OK) {
    e->fate = CONFIRMED;
    if (store.next_seq != seq + 1) fail("next_seq is %u after %u", store.next_seq, seq);
    if (myco_store_append(&store, seq, e->msg_id, e->bytes, e->size) != MYCO_ERR_ARG) fail("%u is taken twice", seq);
  } else if (status == MYCO_ERR_FULL) {
    if (store.policy != MYCO_STORE_REFUSE_NEW) fail("full, and nothing was dropped");
    e->fate = UNUSED;
    facts.refused++;
  } else if (failing_one_in == 0) {
    fail("append gives %d", status);
  }
  return status == MYCO_OK;
}

static void release(uint32_t seq) {
  entry *e = &model[seq];
  const myco_receipt receipt = {e->msg_id, seq, 0, e->bytes, 1};
  const enum fate before = e->fate;
  if (before == CONFIRMED) e->fate = RELEASING;
  const myco_status status = myco_store_release(&store, &receipt);
  facts.releases++;
  if (status == MYCO_OK) e->fate = GONE;
  else if (status == MYCO_ERR_NOT_FOUND && before == CONFIRMED && store.policy == MYCO_STORE_REFUSE_NEW) fail("%u is lost", seq);
  else if (status == MYCO_ERR_NOT_FOUND) e->fate = before;
}

static void keep(void) {
  kept_tried.size = kept.size + 1 + random_below(1000);
  for (size_t i = 0; i < sizeof kept_tried.root; i++) kept_tried.root[i] = (uint8_t)random_below(256);
  keep_is_open = 1;
  const myco_status status = myco_store_keep(&store, &kept_tried);
  if (status == MYCO_OK) {
    const myco_checkpoint older = {kept_tried.size - 1, {0}}, other = {kept_tried.size, {0}};
    kept = kept_tried;
    keep_is_open = 0;
    if (myco_store_keep(&store, &kept_tried) != MYCO_OK) fail("the same checkpoint is refused");
    if (myco_store_keep(&store, &older) != MYCO_ERR_OLDER) fail("an older checkpoint is kept");
    if (myco_store_keep(&store, &other) != MYCO_ERR_FORK) fail("a fork is not noticed");
  } else if (status == MYCO_ERR_FULL) {
    keep_is_open = 0;
  } else if (status != MYCO_ERR_FLASH || failing_one_in == 0) {
    fail("keep gives %d", status);
  }
}

/** The n-th pending entry's number, 0 if there are fewer. */
static uint32_t pending_at(uint32_t n) {
  static uint8_t out[BYTES_MAX];
  myco_store_cursor cursor = {0, 0};
  size_t size;
  uint32_t seq;
  while (myco_store_next(&store, &cursor, out, sizeof out, &size, &seq) == MYCO_OK) {
    if (n-- == 0) return seq;
  }
  return 0;
}

static void step(void) {
  const uint32_t dice = random_below(100);
  if (dice < 55) {
    append(1 + random_below(flash.sector_bytes > 600 ? 300 : 120));
  } else if (dice < 90) {
    const uint32_t seq = pending_at(random_below(4) == 0 ? random_below(store.pending + 1) : 0);
    if (seq != 0) release(seq);
  } else if (dice < 94) {
    keep();
  } else {
    /* A receipt for what is not there, and a forged one. */
    entry none = {UNUSED, 1, {1}, {1}};
    const myco_receipt receipt = {none.msg_id, 1 + random_below(store.next_seq), 0, none.bytes, 1};
    if (myco_store_release(&store, &receipt) != MYCO_ERR_NOT_FOUND) fail("a stranger's receipt freed an entry");
    const uint32_t seq = pending_at(0);
    const myco_receipt other = {model[seq].msg_id, random_below(2) == 0 ? 0 : seq + 1u, 0, none.bytes, 1};
    if (seq != 0 && myco_store_release(&store, &other) != MYCO_ERR_NOT_FOUND) fail("another number freed entry %u", seq);
  }
}

static void new_flash(uint32_t sector_bytes, uint16_t sectors, uint16_t unit, int ecc, myco_store_policy policy) {
  const myco_flash made = {sim_erase, sim_program, sim_read, NULL, sector_bytes, sectors, unit};
  flash = made;
  has_ecc = ecc;
  for (uint32_t i = 0; i < sizeof cells; i++) cells[i] = (uint8_t)random_below(256);
  memset(unreadable, 0, sizeof unreadable);
  memset(model, 0, sizeof model);
  memset(&store, 0, sizeof store);
  memset(erases_of, 0, sizeof erases_of);
  store.policy = policy;
  highest = 0;
  memset(&kept, 0, sizeof kept);
  keep_is_open = 0;
  until_cut = -1;
  failing_one_in = 0;
}

/** Run `steps` steps, through up to two power cuts. @return whether the first cut came before the end */
static int run(uint32_t steps, long first_cut, long second_cut, enum tear how) {
  static volatile uint32_t done;
  static volatile int cuts;
  const myco_store_policy policy = store.policy;
  done = 0;
  cuts = 0;
  until_cut = first_cut;
  tear_as = how;
  if (setjmp(power_cut) != 0) {
    cuts++;
    facts.power_cuts++;
    until_cut = cuts == 1 ? second_cut : -1;
    tear_as = (enum tear)random_below(TEARS);
  }
  store.policy = policy;
  power_up();
  check(policy == MYCO_STORE_DROP_OLDEST);
  while (done < steps) {
    done++;
    step();
  }
  until_cut = -1;
  facts.restarts++;
  power_up();
  check(policy == MYCO_STORE_DROP_OLDEST);
  return cuts > 0;
}

typedef struct geometry {
  uint32_t sector_bytes;
  uint16_t sectors, unit;
  int ecc;
} geometry;

static const geometry geometries[] = {
  {512, 2, 1, 0}, {512, 3, 4, 0}, {1024, 2, 8, 1}, {1024, 3, 16, 1}, {2048, 2, 32, 1}, {768, 4, 8, 0}, {4096, 2, 1, 0},
};
#define GEOMETRIES (sizeof geometries / sizeof *geometries)

/** Every operation of a run cut in every way; after each cut, a second one soon after. */
static void matrix(void) {
  for (size_t g = 0; g < GEOMETRIES; g++) {
    for (int policy = 0; policy < 2; policy++) {
      for (int how = 0; how < TEARS; how++) {
        for (long cut = 0;; cut++) {
          const geometry *at = &geometries[g];
          snprintf(scenario, sizeof scenario, "matrix %u x %u, unit %u, policy %d, tear %d, cut after %ld operations",
                   at->sector_bytes, at->sectors, at->unit, policy, how, cut);
          seed_state = 1 + g; /* The same run for every cut. */
          new_flash(at->sector_bytes, at->sectors, at->unit, at->ecc, (myco_store_policy)policy);
          if (!run(at->sector_bytes >= 2048 ? 40 : 28, cut, cut % 7, (enum tear)how)) break;
        }
      }
    }
  }
}

/** A head that lacks its last bytes must not become whole by what is written behind it, one time in 256. */
static void torn_heads(void) {
  static volatile int tries;
  for (tries = 0; tries < 4000; tries++) {
    snprintf(scenario, sizeof scenario, "torn heads, %d", tries);
    seed_state = 1 + (uint64_t)tries;
    new_flash(512, 2, 1, 0, MYCO_STORE_REFUSE_NEW);
    power_up();
    append(30);
    until_cut = 0;
    tear_as = TEAR_PREFIX;
    tear_prefix = (int)MYCO_STORE_HEAD_BYTES - 1;
    if (setjmp(power_cut) == 0) append(30);
    facts.power_cuts++;
    until_cut = -1;
    tear_prefix = -1;
    power_up();
    check(0);
    append(50);
    append(50);
    check(0);
    power_up();
    check(0);
  }
}

/** The area was erased under a cursor that lives on: it is before the oldest again, and leads nowhere else. */
static void erased_area(void) {
  static uint8_t out[BYTES_MAX];
  size_t size;
  uint32_t seq = 0;
  myco_store_cursor cursor = {0, 0};
  snprintf(scenario, sizeof scenario, "erased area");
  new_flash(512, 3, 4, 0, MYCO_STORE_DROP_OLDEST);
  power_up();
  while (store.erases < 40u) append(100);
  while (myco_store_next(&store, &cursor, out, sizeof out, &size, &seq) == MYCO_OK) {
  }
  new_flash(512, 3, 4, 0, MYCO_STORE_DROP_OLDEST);
  power_up();
  append(100);
  if (myco_store_next(&store, &cursor, out, sizeof out, &size, &seq) != MYCO_OK || seq != 1u) fail("the cursor is lost");
  if (myco_store_next(&store, &cursor, out, sizeof out, &size, &seq) != MYCO_ERR_NOT_FOUND) fail("it comes twice");
}

/** Addresses have 32 bits. */
static void too_large(void) {
  snprintf(scenario, sizeof scenario, "too large");
  new_flash(512, 2, 1, 0, MYCO_STORE_REFUSE_NEW);
  flash.sectors = 65535;
  flash.sector_bytes = 131072;
  if (myco_store_open(&store, &flash, MYCO_STORE_REFUSE_NEW) != MYCO_ERR_ARG) fail("addresses wrap");
}

static void random_runs(uint64_t seed, long runs) {
  uint32_t widest = 0, steadily_erased = 0;
  for (long i = 0; i < runs; i++) {
    seed_state = seed * 1000003u + (uint64_t)i;
    const geometry *at = &geometries[random_below(GEOMETRIES)];
    const myco_store_policy policy = (myco_store_policy)random_below(2);
    snprintf(scenario, sizeof scenario, "random %llu, run %ld: %u x %u, unit %u, policy %d", (unsigned long long)seed, i,
             at->sector_bytes, at->sectors, at->unit, (int)policy);
    new_flash(at->sector_bytes, at->sectors, at->unit, at->ecc, policy);
    failing_one_in = random_below(3) == 0 ? 5 + random_below(100) : 0;
    const int steady = failing_one_in == 0 && i % 5 == 0;
    for (int life = 0; life < 30; life++) {
      const long cut = steady ? -1 : (long)random_below(120);
      run(10 + random_below(60), cut, (long)random_below(20), (enum tear)random_below(TEARS));
    }
    uint32_t least = erases_of[0], most = erases_of[0];
    for (uint32_t s = 1; s < flash.sectors; s++) {
      least = erases_of[s] < least ? erases_of[s] : least;
      most = erases_of[s] > most ? erases_of[s] : most;
    }
    if (steady && most - least > 1) fail("sectors were erased between %u and %u times", least, most);
    steadily_erased += steady ? most : 0;
    widest = most - least > widest ? most - least : widest;
  }
  printf("{\"wearDifference\":%u,\"steadyErases\":%u,", widest, steadily_erased);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "matrix") == 0) {
    matrix();
    torn_heads();
    erased_area();
    too_large();
    printf("{");
  } else if (argc == 4 && strcmp(argv[1], "random") == 0) {
    random_runs(strtoull(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
  } else {
    fprintf(stderr, "store-sim matrix | store-sim random SEED RUNS\n");
    return 2;
  }
  printf("\"powerCuts\":%ld,\"appends\":%ld,\"releases\":%ld,\"refused\":%ld,\"dropped\":%ld,\"operations\":%ld}\n",
         facts.power_cuts, facts.appends, facts.releases, facts.refused, facts.dropped, operations);
  return 0;
}
