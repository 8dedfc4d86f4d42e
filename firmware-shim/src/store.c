/*
 * Flash layout. A sector is records (record.h), one behind the other, and blank space. The first record of a sector is its
 * state: `erase` there counts the sectors that were begun. They are begun in turn, so that of the newest one and the number
 * of sectors tells which are in use.
 *
 *  - An entry's mark frees it. The mark of a sector's state says that the next sector, which is to be erased, holds nothing
 *    any more: an erase that is cut short may leave anything there, even entries whose marks are gone.
 *  - Behind a torn head one head's space stays blank, or writing on could make it whole.
 */
#include "../include/myco/store.h"

#include "internal.h"
#include "record.h"

/* In its sector. */
#define STATE_MARK_AT (MYCO_STORE_HEAD_BYTES + MYCO_STORE_STATE_BYTES)

typedef struct state {
  uint32_t erase;
  uint32_t next_seq;
  uint32_t dropped;
  uint32_t sector_bytes;
  uint32_t shape;
  uint32_t reserved; /* 0 */
  myco_checkpoint kept;
} state;

MYCO_STATIC_ASSERT(sizeof(head) == MYCO_STORE_HEAD_BYTES && sizeof(state) == MYCO_STORE_STATE_BYTES,
                   the_layout_has_no_holes);
MYCO_STATIC_ASSERT(sizeof(head) % MYCO_STORE_UNIT_MAX == 0u && sizeof(state) % MYCO_STORE_UNIT_MAX == 0u,
                   both_are_whole_units_of_any_size);

/** Where it lies, if the record has one. */
static uint32_t checkpoint_of(const record *of) {
  return of->body + of->head.size - (uint32_t)sizeof(myco_checkpoint);
}

/** With the size of a sector, what may not change under a store. */
static uint32_t shape_of(const myco_flash *flash) {
  return (uint32_t)flash->unit << 16 | flash->sectors;
}

/** @return the sector's `erase`, 0 if its state is not sound */
static uint32_t read_state(const myco_flash *flash, uint32_t sector, state *out) {
  const uint32_t at = sector * flash->sector_bytes;
  record found;
  if (read_at(flash, at + MYCO_STORE_HEAD_BYTES, out, sizeof *out) != MYCO_OK ||
      !read_whole(flash, out->erase, at, &found) || found.head.size != sizeof *out) {
    return 0;
  }
  return out->erase;
}

/**
 * The next entry from the cursor on that has no receipt, or the next one of this number; 0 for any. What is no head is
 * passed over: behind a torn one writing went on.
 */
static int next_live(const myco_store *store, myco_store_cursor *cursor, uint32_t seq, record *out) {
  const myco_flash *flash = store->flash;
  /* Before the oldest sector, or of a store that was there before the area was erased. */
  if (cursor->erase - store->oldest > store->erases - store->oldest) {
    cursor->erase = store->oldest;
    cursor->offset = 0;
  }
  for (;;) {
    const uint32_t back = store->erases - cursor->erase;
    const uint32_t sector = store->sector - back + (store->sector < back ? flash->sectors : 0u);
    const uint32_t end = back == 0u ? store->at : flash->sector_bytes;
    uint32_t total;
    if (cursor->offset + MYCO_STORE_HEAD_BYTES > end) {
      if (back == 0u) return 0;
      cursor->erase++;
      cursor->offset = 0;
      continue;
    }
    total = read_record(flash, cursor->erase, sector * flash->sector_bytes + cursor->offset, out);
    if (total - 1u >= end - cursor->offset) {
      cursor->offset += flash->unit;
      continue;
    }
    cursor->offset += total;
    if (out->head.seq != 0u && (seq == 0u || out->head.seq == seq) &&
        is_blank(flash, out->mark, flash->unit) && is_whole(flash, out)) {
      return 1;
    }
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

/**
 * Write a record where writing goes on, and read it back.
 * @param seq 0 for what ends with a checkpoint, which is the one kept from then on
 */
static myco_status write_record(myco_store *store, uint32_t seq, const uint8_t *msg_id, const void *data, uint32_t size) {
  const myco_flash *flash = store->flash;
  const uint32_t at = store->sector * flash->sector_bytes + store->at;
  record made;
  made.head.seq = seq;
  myco_copy(made.head.msg_id, msg_id, MYCO_MSG_ID_BYTES);
  made.head.size = size;
  made.head.body_crc = crc32(0, data, size);
  made.head.crc = crc32(store->erases, &made.head, offsetof(head, crc));
  /* Whatever becomes of it, that space is used. */
  store->at += record_bytes(flash, size);
  /* Only what can be read back counts: a callback that failed may have done all. */
  if (program_at(flash, at, &made.head, sizeof made.head)) {
    (void)program_at(flash, at + MYCO_STORE_HEAD_BYTES, data, size);
  }
  if (!read_whole(flash, store->erases, at, &made)) return MYCO_ERR_FLASH;
  if (seq == 0u) store->kept_at = checkpoint_of(&made);
  return MYCO_OK;
}

/** Erase the sector behind the newest one and make it the newest. */
static myco_status begin_sector(myco_store *store) {
  const myco_flash *flash = store->flash;
  const uint32_t before = store->sector;
  const uint32_t sector = before + 1u < flash->sectors ? before + 1u : 0u;
  state made;
  if (myco_store_kept(store, &made.kept) != MYCO_OK || flash->erase(flash->ctx, sector) != 0) return MYCO_ERR_FLASH;
  store->sector = sector;
  store->at = 0;
  made.erase = ++store->erases;
  made.next_seq = store->next_seq;
  made.dropped = store->dropped;
  made.sector_bytes = flash->sector_bytes;
  made.shape = shape_of(flash);
  made.reserved = 0;
  if (write_record(store, 0, made.kept.root, &made, sizeof made) == MYCO_OK) return MYCO_OK;
  /* The one before is still the newest, and full. */
  store->sector = before;
  store->at = flash->sector_bytes;
  store->erases--;
  return MYCO_ERR_FLASH;
}

/** Where the newest sector says that the one behind it holds nothing any more. */
static uint32_t close_mark(const myco_store *store) {
  return store->sector * store->flash->sector_bytes + STATE_MARK_AT;
}

/** Go on in the next sector, if what it still holds may go. */
static myco_status advance(myco_store *store) {
  const myco_flash *flash = store->flash;
  if (store->erases - store->oldest + 1u == flash->sectors) {
    const uint32_t live = count_live(store, store->oldest);
    if (live > 0u && store->policy == MYCO_STORE_REFUSE_NEW) {
      store->refused++;
      return MYCO_ERR_FULL;
    }
    const myco_status status = set_mark(flash, close_mark(store));
    if (status != MYCO_OK) return status;
    store->oldest++;
    store->pending -= live;
    store->dropped += live;
  }
  return begin_sector(store);
}

/** Write one record, in the next sector if need be. @param seq 0 for a checkpoint */
static myco_status add_record(myco_store *store, uint32_t seq, const uint8_t *msg_id, const void *data, size_t len) {
  const myco_flash *flash = store->flash;
  uint32_t total;
  if (len > MYCO_STORE_ENVELOPE_MAX) return MYCO_ERR_NO_SPACE;
  total = record_bytes(flash, (uint32_t)len);
  if (total + STATE_MARK_AT + flash->unit > flash->sector_bytes) return MYCO_ERR_NO_SPACE;
  if (store->at + total > flash->sector_bytes) {
    const myco_status status = advance(store);
    if (status != MYCO_OK) return status;
  }
  return write_record(store, seq, msg_id, data, (uint32_t)len);
}

static int is_usable(const myco_flash *flash) {
  const uint32_t unit = flash->unit;
  return unit > 0u && unit <= MYCO_STORE_UNIT_MAX && ((flash->sector_bytes | unit) & (unit - 1u)) == 0u &&
         flash->sectors >= 2u && (uint64_t)flash->sector_bytes * flash->sectors <= UINT32_MAX &&
         flash->sector_bytes >= 2u * (STATE_MARK_AT + unit);
}

/** What the newest sector says: numbers used, the checkpoint, and where writing goes on. */
static void read_newest(myco_store *store) {
  const myco_flash *flash = store->flash;
  const uint32_t end = flash->sector_bytes;
  const uint32_t base = store->sector * end;
  uint32_t at = 0;
  while (at + MYCO_STORE_HEAD_BYTES <= end) {
    record found;
    const uint32_t total = read_record(flash, store->erases, base + at, &found);
    if (total - 1u >= end - at) {
      /* A head that was cut short may lack no more than what happens to be written behind it: blank space goes there. */
      if (!is_blank(flash, base + at, MYCO_STORE_HEAD_BYTES)) store->at = at + 2u * MYCO_STORE_HEAD_BYTES;
      at += flash->unit;
    } else {
      store->at = at += total;
      if (found.head.seq == 0u) {
        if (is_whole(flash, &found)) store->kept_at = checkpoint_of(&found);
      } else if (found.head.seq >= store->next_seq) {
        store->next_seq = found.head.seq + 1u;
      }
    }
  }
  if (store->at > end) store->at = end;
}

myco_status myco_store_open(myco_store *store, const myco_flash *flash, myco_store_policy policy) {
  state found;
  uint32_t sector;
  myco_status status;
  if (!is_usable(flash)) return MYCO_ERR_ARG;
  store->flash = flash;
  store->policy = policy;
  store->next_seq = store->oldest = 1;
  store->dropped = store->refused = store->erases = 0;
  store->pending = store->kept_at = 0;
  store->sector = flash->sectors - 1u; /* The first to begin is the one behind the last. */
  for (sector = 0; sector < flash->sectors; sector++) {
    if (read_state(flash, sector, &found) <= store->erases) continue;
    if (found.sector_bytes != flash->sector_bytes || found.shape != shape_of(flash)) {
      return MYCO_ERR_ARG;
    }
    store->erases = found.erase;
    store->next_seq = found.next_seq;
    store->dropped = found.dropped;
    store->sector = sector;
  }
  if (store->erases == 0u) {
    /* Flash that does not answer is not empty flash. The last sector is none that a first start may have left torn. */
    status = read_at(flash, store->sector * flash->sector_bytes, &found, 1);
    return status == MYCO_OK ? begin_sector(store) : status;
  }
  read_newest(store);
  if (store->erases >= flash->sectors) {
    store->oldest = store->erases - flash->sectors + 1u;
    if (!is_blank(flash, close_mark(store), flash->unit)) {
      store->dropped += count_live(store, store->oldest);
      store->oldest++;
    }
  }
  store->pending = count_live(store, store->erases);
  return MYCO_OK;
}

myco_status myco_store_append(myco_store *store, uint32_t seq, const uint8_t msg_id[16], const uint8_t *envelope,
                              size_t len) {
  myco_status status;
  /* Where no number is left, `next_seq` is 0, and none is high enough. */
  if (seq <= store->next_seq - 1u) return MYCO_ERR_ARG;
  status = add_record(store, seq, msg_id, envelope, len);
  if (status != MYCO_OK) return status;
  store->next_seq = seq + 1u;
  store->pending++;
  return MYCO_OK;
}

myco_status myco_store_next(const myco_store *store, myco_store_cursor *cursor, uint8_t *out, size_t cap,
                            size_t *written, uint32_t *seq) {
  myco_store_cursor at = *cursor;
  record entry;
  myco_status status;
  if (!next_live(store, &at, 0, &entry)) return MYCO_ERR_NOT_FOUND;
  *written = entry.head.size;
  if (seq != NULL) *seq = entry.head.seq;
  if (cap < entry.head.size) return MYCO_ERR_NO_SPACE;
  status = read_at(store->flash, entry.body, out, entry.head.size);
  if (status == MYCO_OK) *cursor = at;
  return status;
}

myco_status myco_store_release(myco_store *store, const myco_receipt *receipt) {
  myco_store_cursor cursor = {0, 0};
  record entry;
  myco_status status;
  while (next_live(store, &cursor, (uint32_t)receipt->seq, &entry)) {
    if (entry.head.seq != receipt->seq || !myco_equal(entry.head.msg_id, receipt->msg_id, MYCO_MSG_ID_BYTES)) continue;
    status = set_mark(store->flash, entry.mark);
    if (status == MYCO_OK) store->pending--;
    return status;
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
  return add_record(store, 0, kept.root, &kept, sizeof kept);
}

myco_status myco_store_kept(const myco_store *store, myco_checkpoint *out) {
  unsigned byte;
  if (store->kept_at != 0u) {
    return read_at(store->flash, store->kept_at, out, sizeof *out);
  }
  for (byte = 0; byte < sizeof *out; byte++) ((uint8_t *)out)[byte] = 0;
  return MYCO_OK;
}
