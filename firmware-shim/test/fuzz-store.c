/**
 * libFuzzer: a store opens on whatever flash holds. The input is the flash, its first byte the geometry; checksums are made
 * to fit, or hardly anything would be read. What is there may be nonsense, but the store stays within the flash, programs no
 * unit twice, counts right, and what it takes now it keeps.
 */
#include <stdlib.h>
#include <string.h>

#include "../include/myco/store.h"

#define SECTOR 256u
#define SECTORS 3u

static uint8_t cells[SECTOR * SECTORS];
static uint16_t unit;

static void require(int holds) {
  if (!holds) abort();
}

static int erase(void *ctx, uint32_t sector) {
  (void)ctx;
  require(sector < SECTORS);
  memset(cells + sector * SECTOR, 0xFF, SECTOR);
  return 0;
}

static int program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  size_t at;
  (void)ctx;
  require(size > 0u && size <= MYCO_STORE_UNIT_MAX && address % unit == 0u && size % unit == 0u);
  require(address < sizeof cells && size <= sizeof cells - address);
  for (at = 0; at < size; at++) {
    require(cells[address + at] == 0xFF);
    cells[address + at] = data[at];
  }
  return 0;
}

static int read(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  (void)ctx;
  require(address <= sizeof cells && size <= sizeof cells - address);
  memcpy(data, cells + address, size);
  return 0;
}

static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size) {
  unsigned bit;
  for (; size > 0u; size--) {
    crc ^= *data++;
    for (bit = 0; bit < 8u; bit++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return crc;
}

static uint32_t number_at(const uint8_t *at) {
  uint32_t number;
  memcpy(&number, at, sizeof number);
  return number;
}

static void put_number(uint8_t *at, uint32_t number) {
  memcpy(at, &number, sizeof number);
}

/** The layout is at the top of src/store.c. */
static void mend(uint8_t *sector, uint32_t erase_count) {
  uint8_t *state = sector + MYCO_STORE_HEAD_BYTES;
  uint32_t at = 0;
  put_number(sector, 0);
  put_number(sector + 20, MYCO_STORE_STATE_BYTES);
  put_number(state, erase_count);
  put_number(state + 12, SECTOR);
  put_number(state + 16, (uint32_t)unit << 16 | SECTORS);
  while (at + MYCO_STORE_ENTRY_BYTES(0u, unit) <= SECTOR && number_at(sector + at) != 0xFFFFFFFFu) {
    const uint32_t size = number_at(sector + at + 20);
    const int fits = size <= SECTOR && at + MYCO_STORE_ENTRY_BYTES(size, unit) <= SECTOR;
    if (fits) put_number(sector + at + 24, crc32(0, sector + at + MYCO_STORE_HEAD_BYTES, size));
    put_number(sector + at + 28, crc32(erase_count, sector + at, 28));
    if (!fits) return;
    at += MYCO_STORE_ENTRY_BYTES(size, unit);
  }
}

/** @return entries that wait, having read each; whether this one is among them */
static uint32_t waiting(const myco_store *store, uint32_t wanted, const uint8_t *bytes, size_t len, int *is_there) {
  uint8_t out[SECTOR];
  myco_store_cursor cursor = {0, 0};
  size_t size = 0;
  uint32_t seq = 0;
  uint32_t count = 0;
  *is_there = 0;
  while (myco_store_next(store, &cursor, out, sizeof out, &size, &seq) == MYCO_OK) {
    count++;
    if (seq == wanted && size == len && memcmp(out, bytes, len) == 0) *is_there = 1;
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint16_t units[] = {1, 4, 8, 16, 32};
  static const uint8_t envelope[] = "an envelope";
  static const uint8_t msg_id[MYCO_MSG_ID_BYTES] = "sixteen bytes id";
  myco_flash flash = {erase, program, read, NULL, SECTOR, SECTORS, 0};
  myco_store store;
  myco_checkpoint kept;
  myco_status status;
  uint32_t sector;
  uint32_t seq;
  uint32_t pending;
  int is_there;
  if (size < 2u) return 0;
  flash.unit = unit = units[data[0] % 5u];
  memset(cells, 0xFF, sizeof cells);
  memcpy(cells, data + 2, size - 2u < sizeof cells ? size - 2u : sizeof cells);
  /* The second byte: where the newest sector is, and which of the others go with it. */
  for (sector = 0; sector < SECTORS; sector++) {
    if ((data[1] >> sector & 1u) != 0u) {
      mend(cells + sector * SECTOR, 100u + (sector + (uint32_t)data[1] / 8u) % SECTORS);
    }
  }
  status = myco_store_open(&store, &flash, (data[1] & 128u) != 0u ? MYCO_STORE_DROP_OLDEST : MYCO_STORE_REFUSE_NEW);
  require(status == MYCO_OK || status == MYCO_ERR_ARG);
  if (status != MYCO_OK) return 0;
  require(waiting(&store, 0, envelope, 0, &is_there) == store.pending);
  require(myco_store_kept(&store, &kept) == MYCO_OK);

  seq = store.next_seq;
  status = myco_store_append(&store, seq, msg_id, envelope, sizeof envelope);
  require(status == MYCO_OK || status == MYCO_ERR_FULL || (status == MYCO_ERR_ARG && seq == 0u));
  pending = store.pending;
  require(waiting(&store, seq, envelope, sizeof envelope, &is_there) == pending && is_there == (status == MYCO_OK));
  require(myco_store_open(&store, &flash, store.policy) == MYCO_OK && store.pending == pending);
  if (status == MYCO_OK) {
    myco_receipt receipt = {msg_id, 0, 0, msg_id, 1};
    receipt.seq = seq;
    require(store.next_seq == seq + 1u);
    require(waiting(&store, seq, envelope, sizeof envelope, &is_there) == pending && is_there);
    require(myco_store_release(&store, &receipt) == MYCO_OK && store.pending == pending - 1u);
    require(waiting(&store, seq, envelope, sizeof envelope, &is_there) == store.pending && !is_there);
  }
  return 0;
}
