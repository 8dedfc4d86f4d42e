/** Deterministic CBOR, written. See cbor.h. */
#include "../include/myco/cbor.h"
#include "internal.h"

void myco_writer_init(myco_writer *w, uint8_t *out, size_t cap) {
  w->out = out;
  w->cap = out == NULL ? 0u : cap;
  w->len = 0;
  w->status = MYCO_OK;
}

MYCO_ONE_COPY void myco_writer_fail(myco_writer *w, myco_status status) {
  if (w->status == MYCO_OK) w->status = status;
}

void myco_write_raw(myco_writer *w, const uint8_t *data, size_t len) {
  const size_t start = w->len;
  w->len += len;
  if (w->len < len || (data == NULL && len > 0u)) myco_writer_fail(w, MYCO_ERR_ARG);
  else if (len > 0u && w->len <= w->cap) myco_copy(w->out + start, data, len);
}

unsigned myco_head_info(uint64_t argument) {
  if (argument < 24u) return (unsigned)argument;
  return argument <= UINT8_MAX ? 24u : argument <= UINT16_MAX ? 25u : argument <= UINT32_MAX ? 26u : 27u;
}

void myco_write_head(myco_writer *w, unsigned major, uint64_t argument) {
  uint8_t head[9];
  const unsigned info = myco_head_info(argument);
  const unsigned bytes = MYCO_ARGUMENT_BYTES(info);
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

static MYCO_ONE_COPY void write_string(myco_writer *w, const uint8_t *data, size_t len, unsigned major) {
  myco_write_head(w, major, len);
  myco_write_raw(w, data, len);
}

void myco_write_bytes(myco_writer *w, const uint8_t *data, size_t len) {
  write_string(w, data, len, MYCO_CBOR_BYTES);
}

void myco_write_room(myco_writer *w, size_t len) {
  myco_write_head(w, MYCO_CBOR_BYTES, len);
  w->len += len;
  if (w->len < len) myco_writer_fail(w, MYCO_ERR_ARG);
}

void myco_write_text(myco_writer *w, const char *text, size_t len) {
  write_string(w, (const uint8_t *)text, len, MYCO_CBOR_TEXT);
}

myco_status myco_writer_finish(const myco_writer *w, size_t *written) {
  if (w->status != MYCO_OK) return w->status;
  *written = w->len;
  return w->out != NULL && w->len > w->cap ? MYCO_ERR_NO_SPACE : MYCO_OK;
}
