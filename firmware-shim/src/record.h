/**
 * Records in flash: a head, a body, and in one unit more a mark. Each of these begins with a unit of its own; numbers are in
 * the processor's order. A header of functions, because a call between files takes more flash than what it calls here.
 *
 *  - A head is whole before its body begins, so its record's number and space are used up from then on.
 *  - A mark is blank or not. A torn one counts as set, so it needs no checksum and no second try.
 *  - The CRC of a head begins with the sector's `erase`, so what an earlier round left is no head.
 */
#ifndef MYCO_RECORD_H
#define MYCO_RECORD_H

#include "../include/myco/store.h"
#include "internal.h"

#define PIECE MYCO_STORE_UNIT_MAX

typedef struct head {
  uint32_t seq; /* 0: the body is a checkpoint, or a state, which ends with one. */
  uint8_t msg_id[MYCO_MSG_ID_BYTES];
  uint32_t size;
  uint32_t body_crc;
  uint32_t crc; /* Of all before it. */
} head;

typedef struct record {
  head head;
  uint32_t body;
  uint32_t mark;
} record;

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

static MYCO_ONE_COPY uint32_t record_bytes(const myco_flash *flash, uint32_t size) {
  return MYCO_STORE_HEAD_BYTES + rounded(flash, size) + flash->unit;
}

static myco_status read_at(const myco_flash *flash, uint32_t at, void *out, uint32_t size) {
  return flash->read(flash->ctx, at, (uint8_t *)out, size) == 0 ? MYCO_OK : MYCO_ERR_FLASH;
}

static int is_blank(const myco_flash *flash, uint32_t at, uint32_t size) {
  uint8_t piece[PIECE];
  if (read_at(flash, at, piece, size) != MYCO_OK) return 0;
  while (size > 0u) {
    if (piece[--size] != 0xFFu) return 0;
  }
  return 1;
}

/** Program whole units; what is left of the last one stays blank. */
static int program_at(const myco_flash *flash, uint32_t at, const void *data, uint32_t size) {
  const uint8_t *from = (const uint8_t *)data;
  uint8_t piece[PIECE];
  uint32_t done;
  for (done = 0; done < size; done += PIECE) {
    const uint32_t len = size - done < PIECE ? size - done : PIECE;
    unsigned byte;
    for (byte = 0; byte < PIECE; byte++) piece[byte] = byte < len ? from[done + byte] : 0xFFu;
    if (flash->program(flash->ctx, at + done, piece, rounded(flash, len)) != 0) return 0;
  }
  return 1;
}

/** A mark that was not programmed as it should be is a mark all the same. */
static myco_status set_mark(const myco_flash *flash, uint32_t at) {
  const uint8_t mark = 0;
  (void)program_at(flash, at, &mark, sizeof mark);
  return is_blank(flash, at, flash->unit) ? MYCO_ERR_FLASH : MYCO_OK;
}

/** Read what may be a head. @return the space that its record takes, 0 if it is none */
static uint32_t read_record(const myco_flash *flash, uint32_t erase, uint32_t at, record *out) {
  uint32_t total;
  /* A length that nobody wrote must not come out small when rounded. */
  if (read_at(flash, at, &out->head, sizeof out->head) != MYCO_OK ||
      out->head.crc != crc32(erase, &out->head, offsetof(head, crc)) || out->head.size > MYCO_STORE_ENVELOPE_MAX) {
    return 0;
  }
  out->body = at + MYCO_STORE_HEAD_BYTES;
  total = record_bytes(flash, out->head.size);
  out->mark = at + total - flash->unit;
  return total;
}

static int is_whole(const myco_flash *flash, const record *of) {
  uint8_t piece[PIECE];
  uint32_t crc = 0;
  uint32_t done;
  for (done = 0; done < of->head.size; done += PIECE) {
    const uint32_t left = of->head.size - done;
    const uint32_t size = left < PIECE ? left : PIECE;
    if (read_at(flash, of->body + done, piece, size) != MYCO_OK) return 0;
    crc = crc32(crc, piece, size);
  }
  return crc == of->head.body_crc;
}

static int read_whole(const myco_flash *flash, uint32_t erase, uint32_t at, record *out) {
  return read_record(flash, erase, at, out) != 0u && is_whole(flash, out);
}

#endif /* MYCO_RECORD_H */
