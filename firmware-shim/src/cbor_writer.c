/** Deterministic CBOR, written. See cbor.h. */
#include "../include/myco/cbor.h"
#include "internal.h"

void myco_writer_init(myco_writer *w, uint8_t *out, size_t cap) {
  w->out = out;
  w->cap = out == NULL ? 0u : cap;
  w->len = 0;
  w->status = MYCO_OK;
}

void myco_writer_fail(myco_writer *w, myco_status status) {
  if (w->status == MYCO_OK) w->status = status;
}

void myco_write_raw(myco_writer *w, const uint8_t *data, size_t len) {
  if ((data == NULL && len > 0u) || len > SIZE_MAX - w->len) {
    myco_writer_fail(w, MYCO_ERR_ARG);
    return;
  }
  if (w->len <= w->cap && len <= w->cap - w->len) {
    if (len > 0u) myco_copy(w->out + w->len, data, len);
  }
  w->len += len;
}

void myco_write_head(myco_writer *w, unsigned major, uint64_t argument) {
  uint8_t head[9];
  unsigned bytes = argument < 24u ? 0u : argument < 0x100u ? 1u : argument < 0x10000u ? 2u : argument < 0x100000000u ? 4u : 8u;
  unsigned info = argument < 24u ? (unsigned)argument : bytes == 1u ? 24u : bytes == 2u ? 25u : bytes == 4u ? 26u : 27u;
  unsigned at;
  head[0] = (uint8_t)((major << 5) | info);
  for (at = bytes; at > 0u; at--) {
    head[at] = (uint8_t)argument;
    argument >>= 8;
  }
  myco_write_raw(w, head, 1u + bytes);
}

void myco_write_uint(myco_writer *w, uint64_t value) { myco_write_head(w, MYCO_CBOR_UINT, value); }

void myco_write_int(myco_writer *w, int64_t value) {
  if (value >= 0) myco_write_head(w, MYCO_CBOR_UINT, (uint64_t)value);
  else myco_write_head(w, MYCO_CBOR_NEGATIVE, ~(uint64_t)value); /* -1 - value, without overflow */
}

static void write_string(myco_writer *w, unsigned major, const uint8_t *data, size_t len) {
  myco_write_head(w, major, len);
  myco_write_raw(w, data, len);
}

void myco_write_bytes(myco_writer *w, const uint8_t *data, size_t len) {
  write_string(w, MYCO_CBOR_BYTES, data, len);
}

void myco_write_room(myco_writer *w, size_t len) {
  myco_write_head(w, MYCO_CBOR_BYTES, len);
  if (len > SIZE_MAX - w->len) myco_writer_fail(w, MYCO_ERR_ARG);
  w->len += len;
}

void myco_write_text(myco_writer *w, const char *text, size_t len) {
  write_string(w, MYCO_CBOR_TEXT, (const uint8_t *)text, len);
}

myco_status myco_writer_finish(const myco_writer *w, size_t *written) {
  if (w->status != MYCO_OK) return w->status;
  *written = w->len;
  return w->out != NULL && w->len > w->cap ? MYCO_ERR_NO_SPACE : MYCO_OK;
}
