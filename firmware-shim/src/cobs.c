/** COBS. See cobs.h. */
#include "../include/myco/cobs.h"
#include "internal.h"

#define FULL_BLOCK 0xFFu

static void write_at(const myco_cobs_encoder *e, size_t at, uint8_t byte) {
  if (at < e->cap) e->out[at] = byte;
}

void myco_cobs_begin(myco_cobs_encoder *e, uint8_t *out, size_t cap) {
  e->out = out;
  e->cap = out == NULL ? 0u : cap;
  e->code_at = 0;
  e->len = 1;
}

void myco_cobs_put(myco_cobs_encoder *e, uint8_t byte) {
  size_t code;
  /* A zero holds the place of the next block's code; behind the last block it is the delimiter. */
  write_at(e, e->len, byte);
  if (byte != 0u) e->len++;
  /* As every encoder of the field: a full block closes at once, so data that ends there gets one 0x01 more. */
  code = e->len - e->code_at;
  if (byte == 0u || code == FULL_BLOCK) {
    write_at(e, e->code_at, (uint8_t)code);
    e->code_at = e->len++;
  }
}

myco_status myco_cobs_end(myco_cobs_encoder *e, size_t *written) {
  myco_cobs_put(e, 0);
  *written = e->len;
  return e->out != NULL && e->len > e->cap ? MYCO_ERR_NO_SPACE : MYCO_OK;
}

static void restart(myco_cobs_decoder *d) {
  d->len = 0;
  d->left = 0;
  d->zero_owed = 0;
  d->status = MYCO_OK;
}

void myco_cobs_decoder_init(myco_cobs_decoder *d, uint8_t *out, size_t cap) {
  d->out = out;
  d->cap = cap;
  restart(d);
}

static int end_frame(myco_cobs_decoder *d, size_t *frame_len) {
  int result = 1;
  if (d->status != MYCO_OK) result = d->status;
  /* A last block shorter than its code promises: some decoders leave this to the CRC. */
  else if (d->left > 0u) result = MYCO_ERR_FRAME_COBS;
  else if (d->len == 0u && !d->zero_owed) result = MYCO_ERR_FRAME_EMPTY;
  *frame_len = d->len;
  restart(d);
  return result;
}

int myco_cobs_take(myco_cobs_decoder *d, uint8_t byte, size_t *frame_len) {
  if (byte == 0u) return end_frame(d, frame_len);
  if (d->left > 0u) {
    d->left--;
  } else {
    const uint8_t owed = d->zero_owed;
    d->left = (uint8_t)(byte - 1u);
    d->zero_owed = (uint8_t)(byte ^ FULL_BLOCK);
    if (owed == 0u) return 0;
    byte = 0;
  }
  if (d->len < d->cap) d->out[d->len++] = byte;
  else d->status = MYCO_ERR_FRAME_TOO_LONG; /* Dropped up to the next delimiter. */
  return 0;
}
