/*
 * Flash layout. A sector is a header, records one behind the other, blank space, and in its last unit the close mark. A
 * record is a head, a body with its CRC, and in one unit more its mark. Each of these begins with a unit of its own;
 * numbers are in the processor's order. `erase` in a header counts the sectors that were begun: the newest one, and those
 * before it that count down by one without a break, are in use.
 *
 *  - A head is whole before its body begins, so a number is used up, and its space known, from then on.
 *  - A mark is blank or not. A torn one counts as set, so it needs no checksum and no second try.
 *  - A record's mark frees it. A sector's close mark says that the next sector, which is to be erased, holds nothing any
 *    more: an erase that is cut short may leave anything there, even entries whose marks are gone.
 *  - Behind a torn head one head's space stays blank, or writing on could make it whole.
 *  - The CRC of a head begins with the sector's `erase`, that of a body with the head's CRC.
 */
#include "../include/myco/store.h"

#include "internal.h"

#define PIECE MYCO_STORE_UNIT_MAX
#define HEADER_CRC_SEED 0x4D59434Fu

typedef struct header {
  uint32_t crc; /* Of the rest. */
  uint32_t erase;
  uint32_t next_seq;
  uint32_t dropped;
  uint32_t sector_bytes;
  uint16_t sectors;
  uint16_t unit;
  myco_checkpoint kept;
} header;

typedef struct head {
  uint32_t seq; /* 0: the body is a checkpoint. */
  uint8_t msg_id[MYCO_MSG_ID_BYTES];
  uint32_t size;
  uint32_t crc;
} head;

MYCO_STATIC_ASSERT(sizeof(header) == MYCO_STORE_HEADER_BYTES && sizeof(head) == MYCO_STORE_HEAD_BYTES,
                   the_layout_has_no_holes);

typedef struct record {
  head head;
  uint32_t body;
  uint32_t mark;
} record;

/** Collects bytes into whole units. What follows a failure is not programmed. */
typedef struct programmer {
  const myco_flash *flash;
  uint32_t at;
  uint32_t held;
  int failed;
  uint8_t piece[PIECE];
} programmer;

/** CRC-32 of Ethernet without the final inversion. */
static uint32_t crc32(uint32_t crc, const void *data, uint32_t size) {
  const uint8_t *at = (const uint8_t *)data;
  unsigned bit;
  for (; size > 0u; size--) {
    crc ^= *at++;
    for (bit = 0; bit < 8u; bit++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return crc;
}

static uint32_t rounded(const myco_flash *flash, uint32_t bytes) {
  return (bytes + flash->unit - 1u) & (0u - flash->unit);
}

static uint32_t record_bytes(const myco_flash *flash, uint32_t size) {
  return rounded(flash, MYCO_STORE_HEAD_BYTES) + rounded(flash, size + MYCO_STORE_CRC_BYTES) + flash->unit;
}

static uint32_t first_record(const myco_flash *flash) {
  return rounded(flash, MYCO_STORE_HEADER_BYTES);
}

/** Where records end. */
static uint32_t close_mark(const myco_flash *flash) {
  return flash->sector_bytes - flash->unit;
}

static int read_at(const myco_flash *flash, uint32_t at, void *out, uint32_t size) {
  return flash->read(flash->ctx, at, (uint8_t *)out, size) == 0;
}

static int is_blank(const myco_flash *flash, uint32_t at, uint32_t size) {
  uint8_t piece[PIECE];
  if (!read_at(flash, at, piece, size)) return 0;
  while (size > 0u) {
    if (piece[--size] != 0xFFu) return 0;
  }
  return 1;
}

static void begin(programmer *to, const myco_flash *flash, uint32_t at) {
  to->flash = flash;
  to->at = at;
  to->held = 0;
  to->failed = 0;
}

static void flush(programmer *to) {
  const uint32_t size = rounded(to->flash, to->held);
  while (to->held < size) to->piece[to->held++] = 0xFF;
  if (size > 0u && !to->failed) to->failed = to->flash->program(to->flash->ctx, to->at, to->piece, size);
  to->at += size;
  to->held = 0;
}

static void put(programmer *to, const void *data, uint32_t size) {
  const uint8_t *at = (const uint8_t *)data;
  for (; size > 0u; size--) {
    if (to->held == PIECE) flush(to);
    to->piece[to->held++] = *at++;
  }
}

/** A mark that was not programmed as it should be is a mark all the same. */
static int set_mark(const myco_flash *flash, uint32_t at) {
  uint8_t mark[MYCO_STORE_UNIT_MAX];
  unsigned byte;
  for (byte = 0; byte < sizeof mark; byte++) mark[byte] = 0;
  return flash->program(flash->ctx, at, mark, flash->unit) == 0 || !is_blank(flash, at, flash->unit);
}

static uint32_t crc_of(const header *of) {
  return crc32(HEADER_CRC_SEED, &of->erase, sizeof *of - sizeof of->crc);
}

/** @return the sector's `erase`, 0 if its header is not sound */
static uint32_t read_header(const myco_flash *flash, uint32_t sector, header *out) {
  if (!read_at(flash, sector * flash->sector_bytes, out, MYCO_STORE_HEADER_BYTES)) return 0;
  return out->crc == crc_of(out) ? out->erase : 0u;
}

/** The sector, one of those in use, that is `back` before the newest. */
static uint32_t sector_before(const myco_store *store, uint32_t back) {
  return store->sector >= back ? store->sector - back : store->sector + store->flash->sectors - back;
}

/** The next record from the cursor on in its sector. What is no head is passed over: behind a torn one writing went on. */
static int next_record(const myco_store *store, myco_store_cursor *cursor, record *out) {
  const myco_flash *flash = store->flash;
  const uint32_t back = store->erases - cursor->erase;
  const uint32_t base = sector_before(store, back) * flash->sector_bytes;
  const uint32_t end = back == 0u ? store->at : close_mark(flash);
  for (; cursor->offset + record_bytes(flash, 0) <= end; cursor->offset += flash->unit) {
    uint32_t total;
    if (!read_at(flash, base + cursor->offset, &out->head, MYCO_STORE_HEAD_BYTES) ||
        out->head.crc != crc32(cursor->erase, &out->head, offsetof(head, crc))) {
      continue;
    }
    /* A length that nobody wrote must not come out small when rounded. */
    if (out->head.size > MYCO_STORE_ENVELOPE_MAX) continue;
    total = record_bytes(flash, out->head.size);
    if (total > end - cursor->offset) continue;
    out->body = base + cursor->offset + rounded(flash, MYCO_STORE_HEAD_BYTES);
    cursor->offset += total;
    out->mark = base + cursor->offset - flash->unit;
    return 1;
  }
  return 0;
}

static int is_whole(const myco_flash *flash, const record *of) {
  uint8_t piece[PIECE];
  uint32_t crc = of->head.crc;
  uint32_t at = of->body;
  uint32_t left = of->head.size;
  uint32_t stored;
  while (left > 0u) {
    const uint32_t size = left < PIECE ? left : PIECE;
    if (!read_at(flash, at, piece, size)) return 0;
    crc = crc32(crc, piece, size);
    at += size;
    left -= size;
  }
  return read_at(flash, at, &stored, MYCO_STORE_CRC_BYTES) && stored == crc;
}

static uint32_t oldest_erase(const myco_store *store) {
  return store->erases - store->used + 1u;
}

/** The next entry from the cursor on that has no receipt, or the next one of this number; 0 for any. */
static int next_live(const myco_store *store, myco_store_cursor *cursor, uint64_t seq, record *out) {
  const myco_flash *flash = store->flash;
  /* Before the oldest sector, or of a store that was there before the area was erased. */
  if (cursor->erase - oldest_erase(store) >= store->used) {
    cursor->erase = oldest_erase(store);
    cursor->offset = first_record(flash);
  }
  for (;;) {
    while (next_record(store, cursor, out)) {
      if (out->head.seq == 0u || (seq != 0u && out->head.seq != seq)) continue;
      if (is_blank(flash, out->mark, flash->unit) && is_whole(flash, out)) return 1;
    }
    if (cursor->erase >= store->erases) return 0;
    cursor->erase++;
    cursor->offset = first_record(flash);
  }
}

/** Entries without a receipt in the sectors up to this one. */
static uint32_t count_live(const myco_store *store, uint32_t last_erase) {
  myco_store_cursor cursor = {0, 0};
  record entry;
  uint32_t count = 0;
  while (next_live(store, &cursor, 0, &entry) && cursor.erase <= last_erase) count++;
  return count;
}

/** Erase a sector and make it the newest. */
static myco_status begin_sector(myco_store *store, uint32_t sector) {
  const myco_flash *flash = store->flash;
  programmer to;
  header made;
  if (myco_store_kept(store, &made.kept) != MYCO_OK || flash->erase(flash->ctx, sector) != 0) return MYCO_ERR_FLASH;
  made.erase = store->erases + 1u;
  made.next_seq = store->next_seq;
  made.dropped = store->dropped;
  made.sector_bytes = flash->sector_bytes;
  made.sectors = flash->sectors;
  made.unit = flash->unit;
  made.crc = crc_of(&made);
  begin(&to, flash, sector * flash->sector_bytes);
  put(&to, &made, MYCO_STORE_HEADER_BYTES);
  flush(&to);
  if (to.failed) return MYCO_ERR_FLASH;
  store->erases++;
  store->used++;
  store->sector = (uint16_t)sector;
  store->at = first_record(flash);
  store->kept_at = sector * flash->sector_bytes + (uint32_t)offsetof(header, kept);
  return MYCO_OK;
}

/** Go on in the next sector, if what it still holds may go. */
static myco_status advance(myco_store *store) {
  const myco_flash *flash = store->flash;
  if (store->used == flash->sectors) {
    const uint32_t live = count_live(store, oldest_erase(store));
    if (live > 0u && store->policy == MYCO_STORE_REFUSE_NEW) {
      store->refused++;
      return MYCO_ERR_FULL;
    }
    if (!set_mark(flash, store->sector * flash->sector_bytes + close_mark(flash))) return MYCO_ERR_FLASH;
    store->used--;
    store->pending -= live;
    store->dropped += live;
  }
  return begin_sector(store, store->sector + 1u < flash->sectors ? store->sector + 1u : 0u);
}

/** Write one record and read it back. @param seq 0 for a checkpoint @param body where it lies then */
static myco_status add_record(myco_store *store, uint32_t seq, const uint8_t *msg_id, const void *data, size_t len,
                              uint32_t *body) {
  const myco_flash *flash = store->flash;
  myco_store_cursor cursor;
  record made;
  programmer to;
  uint32_t total;
  uint32_t crc;
  if (len > MYCO_STORE_ENVELOPE_MAX) return MYCO_ERR_NO_SPACE;
  total = record_bytes(flash, (uint32_t)len);
  if (total > close_mark(flash) - first_record(flash)) return MYCO_ERR_NO_SPACE;
  if (total > close_mark(flash) - store->at) {
    const myco_status status = advance(store);
    if (status != MYCO_OK) return status;
  }
  made.head.seq = seq;
  myco_copy(made.head.msg_id, msg_id, MYCO_MSG_ID_BYTES);
  made.head.size = (uint32_t)len;
  made.head.crc = crc32(store->erases, &made.head, offsetof(head, crc));
  crc = crc32(made.head.crc, data, made.head.size);
  begin(&to, flash, store->sector * flash->sector_bytes + store->at);
  put(&to, &made.head, MYCO_STORE_HEAD_BYTES);
  flush(&to);
  put(&to, data, made.head.size);
  put(&to, &crc, MYCO_STORE_CRC_BYTES);
  flush(&to);
  /* Whatever became of it, that space is used. */
  cursor.erase = store->erases;
  cursor.offset = store->at;
  store->at += total;
  if (!next_record(store, &cursor, &made) || !is_whole(flash, &made)) return MYCO_ERR_FLASH;
  *body = made.body;
  return MYCO_OK;
}

static int is_usable(const myco_flash *flash) {
  const uint32_t unit = flash->unit;
  return unit > 0u && unit <= MYCO_STORE_UNIT_MAX && (unit & (unit - 1u)) == 0u && flash->sectors >= 2u &&
         rounded(flash, flash->sector_bytes) == flash->sector_bytes && (uint64_t)flash->sector_bytes * flash->sectors <= UINT32_MAX &&
         flash->sector_bytes >= first_record(flash) + record_bytes(flash, sizeof(myco_checkpoint)) + unit;
}

/** What the newest sector says: numbers used, the checkpoint, and where writing goes on. */
static void read_newest(myco_store *store) {
  const myco_flash *flash = store->flash;
  const uint32_t base = store->sector * flash->sector_bytes;
  const uint32_t first = first_record(flash);
  const uint32_t last = close_mark(flash);
  uint32_t last_record = first;
  uint32_t end = last;
  myco_store_cursor cursor;
  record found;
  store->at = end;
  while (end >= first + PIECE && is_blank(flash, base + end - PIECE, PIECE)) end -= PIECE;
  while (end > first && is_blank(flash, base + end - flash->unit, flash->unit)) end -= flash->unit;
  cursor.erase = store->erases;
  cursor.offset = first;
  while (next_record(store, &cursor, &found)) {
    if (found.head.seq == 0u && is_whole(flash, &found)) store->kept_at = found.body;
    if (found.head.seq >= store->next_seq && store->next_seq != 0u) store->next_seq = found.head.seq + 1u;
    if (cursor.offset >= end) end = last_record = cursor.offset;
  }
  /* A head that was cut short may lack no more than what happens to be written behind it, so blank space goes there. */
  if (end != last_record) end += rounded(flash, MYCO_STORE_HEAD_BYTES);
  store->at = end < last ? end : last;
}

myco_status myco_store_open(myco_store *store, const myco_flash *flash, myco_store_policy policy) {
  header found;
  uint32_t sector;
  if (!is_usable(flash)) return MYCO_ERR_ARG;
  store->flash = flash;
  store->policy = policy;
  store->next_seq = 1;
  store->pending = store->dropped = store->refused = store->erases = 0;
  store->at = store->kept_at = 0;
  store->sector = store->used = 0;
  for (sector = 0; sector < flash->sectors; sector++) {
    if (read_header(flash, sector, &found) <= store->erases) continue;
    if (found.sector_bytes != flash->sector_bytes || found.sectors != flash->sectors || found.unit != flash->unit) {
      return MYCO_ERR_ARG;
    }
    store->erases = found.erase;
    store->next_seq = found.next_seq;
    store->dropped = found.dropped;
    store->sector = (uint16_t)sector;
    store->kept_at = sector * flash->sector_bytes + (uint32_t)offsetof(header, kept);
  }
  if (store->erases == 0u) {
    /* Flash that does not answer is not empty flash. The last sector is none that a first start may have left torn. */
    return read_at(flash, (sector - 1u) * flash->sector_bytes, &found, 1) ? begin_sector(store, 0) : MYCO_ERR_FLASH;
  }
  do {
    store->used++;
  } while (store->used < flash->sectors && store->erases > store->used &&
           read_header(flash, sector_before(store, store->used), &found) == store->erases - store->used);
  read_newest(store);
  if (store->used == flash->sectors &&
      !is_blank(flash, store->sector * flash->sector_bytes + close_mark(flash), flash->unit)) {
    store->dropped += count_live(store, oldest_erase(store));
    store->used--;
  }
  store->pending = count_live(store, store->erases);
  return MYCO_OK;
}

myco_status myco_store_append(myco_store *store, uint32_t seq, const uint8_t msg_id[16], const uint8_t *envelope,
                              size_t len) {
  uint32_t body;
  myco_status status;
  if (seq < store->next_seq || store->next_seq == 0u) return MYCO_ERR_ARG;
  status = add_record(store, seq, msg_id, envelope, len, &body);
  if (status != MYCO_OK) return status;
  store->next_seq = seq + 1u;
  store->pending++;
  return MYCO_OK;
}

myco_status myco_store_next(const myco_store *store, myco_store_cursor *cursor, uint8_t *out, size_t cap,
                            size_t *written, uint32_t *seq) {
  myco_store_cursor at = *cursor;
  record entry;
  if (!next_live(store, &at, 0, &entry)) return MYCO_ERR_NOT_FOUND;
  *written = entry.head.size;
  if (seq != NULL) *seq = entry.head.seq;
  if (cap < entry.head.size) return MYCO_ERR_NO_SPACE;
  if (!read_at(store->flash, entry.body, out, entry.head.size)) return MYCO_ERR_FLASH;
  *cursor = at;
  return MYCO_OK;
}

myco_status myco_store_release(myco_store *store, const myco_receipt *receipt) {
  myco_store_cursor cursor = {0, 0};
  record entry;
  while (next_live(store, &cursor, receipt->seq, &entry)) {
    if (entry.head.seq != receipt->seq || !myco_equal(entry.head.msg_id, receipt->msg_id, MYCO_MSG_ID_BYTES)) continue;
    if (!set_mark(store->flash, entry.mark)) return MYCO_ERR_FLASH;
    store->pending--;
    return MYCO_OK;
  }
  return MYCO_ERR_NOT_FOUND;
}

myco_status myco_store_keep(myco_store *store, const myco_checkpoint *seen) {
  myco_checkpoint kept;
  uint64_t size;
  myco_status status = myco_store_kept(store, &kept);
  if (status != MYCO_OK) return status;
  size = kept.size;
  status = myco_checkpoint_advance(&kept, seen);
  if (status != MYCO_OK || kept.size == size) return status;
  /* A checkpoint has no message id: any bytes will do. */
  return add_record(store, 0, kept.root, &kept, sizeof kept, &store->kept_at);
}

myco_status myco_store_kept(const myco_store *store, myco_checkpoint *out) {
  unsigned byte;
  if (store->kept_at != 0u) {
    return read_at(store->flash, store->kept_at, out, sizeof *out) ? MYCO_OK : MYCO_ERR_FLASH;
  }
  out->size = 0;
  for (byte = 0; byte < sizeof out->root; byte++) out->root[byte] = 0;
  return MYCO_OK;
}
