/**
 * Store and forward: signed envelopes wait in flash until the gateway's signed receipt says that they are durable.
 *
 * A log that runs round two or more sectors. Each envelope is written once, as it was signed, together with its number
 * and message id, so that what is sent after any number of restarts has the identity it was given when it was signed.
 * Power may fail during any erase or program, however little or much of it was done:
 *  - what myco_store_append confirmed is there until its receipt came or the caller's policy dropped it;
 *  - what myco_store_release confirmed does not come back;
 *  - a number that was used is not used again.
 * Every unit of flash is programmed at most once between two erases, and sectors are erased in turn, so they wear evenly.
 *
 * Not thread-safe: one task at a time. RAM: one myco_store, nothing else.
 */
#ifndef MYCO_STORE_H
#define MYCO_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"
#include "protocol.h"
#include "receipt.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Largest smallest-program-unit, in bytes. */
#define MYCO_STORE_UNIT_MAX 32u
/** As everywhere on the way of an envelope. */
#define MYCO_STORE_ENVELOPE_MAX 65535u
#define MYCO_STORE_HEAD_BYTES 32u
#define MYCO_STORE_STATE_BYTES 64u
/** Sector space of one entry of so many bytes, and what a sector does not give to entries; `unit` as in myco_flash. */
#define MYCO_STORE_ROUND(bytes, unit) (((bytes) + (unit)-1u) / (unit) * (unit))
#define MYCO_STORE_ENTRY_BYTES(len, unit) (MYCO_STORE_HEAD_BYTES + MYCO_STORE_ROUND(len, unit) + (unit))
#define MYCO_STORE_SECTOR_OVERHEAD(unit) MYCO_STORE_ENTRY_BYTES(MYCO_STORE_STATE_BYTES, unit)

/**
 * NOR flash behind callbacks. Addresses count from the beginning of the store's area; each callback blocks until done.
 * A callback that fails returns something else than 0. A read that fails is taken for damage that stays, as flash with
 * ECC reports of a unit whose programming was cut short; a bus that may yet answer is for the callback to wait for.
 */
typedef struct myco_flash {
  /** Set a whole sector, counted from 0, to 0xFF. @return 0 when done */
  int (*erase)(void *ctx, uint32_t sector);
  /** Clear bits. `address` and `size` are multiples of `unit`, `size` at most 32; it may cross a page but no sector. @return 0 when done */
  int (*program)(void *ctx, uint32_t address, const uint8_t *data, size_t size);
  /** Any address and size within the area. @return 0 when done */
  int (*read)(void *ctx, uint32_t address, uint8_t *data, size_t size);
  void *ctx;
  /** Bytes that one erase sets; a multiple of `unit`. */
  uint32_t sector_bytes;
  /** At least 2. */
  uint16_t sectors;
  /** Smallest number of bytes that can be programmed at once: 1, 4, 8, 16 or 32. None is ever programmed twice. */
  uint16_t unit;
} myco_flash;

/** What happens to an append when the oldest sector still holds entries without a receipt and its space is needed. */
typedef enum myco_store_policy {
  /** The new entry is refused: MYCO_ERR_FULL. */
  MYCO_STORE_REFUSE_NEW = 0,
  /** All entries of the oldest sector are given up; `dropped` counts them. */
  MYCO_STORE_DROP_OLDEST = 1
} myco_store_policy;

/** Owned by the caller; read what has a comment here, leave the rest alone. */
typedef struct myco_store {
  const myco_flash *flash;
  /** May be changed between two calls. */
  myco_store_policy policy;
  /** The number for the next envelope, from 1; survives restarts. 0 when all 2^32 - 1 are used up. */
  uint32_t next_seq;
  /** Entries without a receipt. */
  uint32_t pending;
  /** Entries given up by MYCO_STORE_DROP_OLDEST, since the flash was first used. */
  uint32_t dropped;
  /** Entries refused with MYCO_ERR_FULL, since myco_store_open. */
  uint32_t refused;
  /** Erases so far; divided by the number of sectors, the wear of each. */
  uint32_t erases;
  uint32_t at;
  uint32_t kept_at;
  uint32_t oldest;
  uint32_t sector;
} myco_store;

/** A place among the entries; all zero is before the oldest. It stays valid whatever happens to the store. */
typedef struct myco_store_cursor {
  uint32_t erase;
  uint32_t offset;
} myco_store_cursor;

/**
 * Find what the flash holds; reads all of it. Flash without a store is erased and becomes an empty one.
 * @return MYCO_OK, MYCO_ERR_ARG (also where the flash holds a store of another geometry) or MYCO_ERR_FLASH
 */
myco_status myco_store_open(myco_store *store, const myco_flash *flash, myco_store_policy policy);

/**
 * Keep one signed envelope; it is safe once this returns MYCO_OK.
 * @param seq as in the envelope: `store->next_seq` before the call, or a higher number
 * @param msg_id as in the envelope
 * @param len at most MYCO_STORE_ENVELOPE_MAX; an entry has to fit in a sector, see MYCO_STORE_ENTRY_BYTES
 * @return MYCO_OK; MYCO_ERR_FULL; MYCO_ERR_ARG for a number used before; MYCO_ERR_NO_SPACE if no sector holds so many
 *         bytes; MYCO_ERR_FLASH if it could not be read back: it will not be delivered, and may be appended again
 */
myco_status myco_store_append(myco_store *store, uint32_t seq, const uint8_t msg_id[16], const uint8_t *envelope,
                              size_t len);

/**
 * The next entry without a receipt after the cursor, oldest first; the cursor moves behind it. To send everything
 * again, begin with a cursor that is all zero.
 * @param out NULL with cap 0 only measures: MYCO_ERR_NO_SPACE
 * @param written bytes of the envelope, or needed on MYCO_ERR_NO_SPACE
 * @param seq its number; may be NULL
 * @return MYCO_OK, MYCO_ERR_NOT_FOUND after the last one, MYCO_ERR_NO_SPACE (cursor unmoved), MYCO_ERR_FLASH
 */
myco_status myco_store_next(const myco_store *store, myco_store_cursor *cursor, uint8_t *out, size_t cap,
                            size_t *written, uint32_t *seq);

/**
 * Free the entry that a receipt is for. The only way to free one, because myco_receipt_read is the only way to a receipt.
 * @return MYCO_OK, MYCO_ERR_NOT_FOUND (freed before, dropped, or another's), MYCO_ERR_FLASH
 */
myco_status myco_store_release(myco_store *store, const myco_receipt *receipt);

/**
 * Keep a checkpoint over restarts, if it says more than the one kept: see myco_checkpoint_advance. Takes an entry's space,
 * so one an hour rather than one a second.
 * @return as myco_checkpoint_advance and myco_store_append; on an error of the latter either of the two is kept
 */
myco_status myco_store_keep(myco_store *store, const myco_checkpoint *seen);

/** The checkpoint kept, all zero if there is none. @return MYCO_OK or MYCO_ERR_FLASH */
myco_status myco_store_kept(const myco_store *store, myco_checkpoint *out);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_STORE_H */
