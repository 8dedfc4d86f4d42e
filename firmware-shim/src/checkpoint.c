/* A note is text, an empty line, and signature lines: "\xE2\x80\x94 <name> <base64(4-byte key id || signature)>\n". */
#include "../include/myco/checkpoint.h"

#include "internal.h"
#include "../include/myco/protocol.h"

#define KEY_ID_BYTES 4u
#define LINE_BYTES (KEY_ID_BYTES + MYCO_SIGNATURE_BYTES)
#define DASH "\xE2\x80\x94 "
#define DASH_BYTES 4u

/** What is left of the note, or of a part of it. */
typedef struct rest {
  const char *at;
  const char *end;
} rest;

/** Take `text`, terminated, if that comes next. */
static int take(rest *from, const char *text) {
  const char *at = myco_behind(from->at, from->end, text);
  if (at == NULL) return 0;
  from->at = at;
  return 1;
}

/** @return the value of a base64 digit, 64 for anything else */
static unsigned digit(char c) {
  const unsigned code = (uint8_t)c;
  if (code - 'A' < 26u) return code - 'A';
  if (code - 'a' < 26u) return code - 'a' + 26u;
  if (code - '0' < 10u) return code - '0' + 52u;
  return c == '+' ? 62u : c == '/' ? 63u : 64u;
}

/**
 * Take a line of standard base64 (RFC 4648 section 4) of exactly `len` bytes, where len leaves 2 when divided by 3, as it
 * does for a root and for a signature line: the last digit then has two unused bits, zero, and one sign pads it.
 */
static int take_base64(rest *from, uint8_t *out, size_t len) {
  uint32_t bits = 0;
  unsigned held = 0;
  const char *at;
  for (at = from->at; len > 0u; at++) {
    const unsigned value = at < from->end ? digit(*at) : 64u;
    if (value > 63u) return 0;
    bits = bits << 6 | value;
    held += 6u;
    if (held < 8u) continue;
    held -= 8u;
    *out++ = (uint8_t)(bits >> held);
    len--;
  }
  if ((bits & 3u) != 0u) return 0;
  from->at = at;
  return take(from, "=\n");
}

/** A number of at most 18 digits. */
static int take_size(rest *from, uint64_t *size) {
  const char *start = from->at;
  const char *end = myco_read_digits(start, from->end, size);
  if (end == NULL || (*start == '0' && end != start + 1)) return 0;
  from->at = end;
  return take(from, "\n");
}

static MYCO_ONE_COPY void skip_line(rest *from) {
  while (from->at < from->end) {
    if (*from->at++ == '\n') return;
  }
}

myco_status myco_checkpoint_read(const char *note, size_t len, const char *origin, const uint8_t key[32],
                                 const myco_crypto *crypto, myco_checkpoint *out) {
  myco_checkpoint found;
  uint8_t line[LINE_BYTES];
  rest text;
  rest signatures;

  /* The text ends with its last line end before the last empty line. */
  text.at = note;
  text.end = note + len;
  while (text.end - note >= 2 && !(text.end[-1] == '\n' && text.end[-2] == '\n')) text.end--;
  if (text.end - note < 2 || note[len - 1u] != '\n') return MYCO_ERR_NOT_WELL_FORMED;
  signatures.at = text.end;
  signatures.end = note + len;
  text.end--;

  if (!take(&text, origin) || !take(&text, "\n")) return MYCO_ERR_OTHER_LOG;
  if (!take_size(&text, &found.size) || !take_base64(&text, found.root, sizeof found.root)) {
    return MYCO_ERR_NOT_WELL_FORMED;
  }
  while (signatures.at < signatures.end) {
    if (!take(&signatures, DASH)) return MYCO_ERR_NOT_WELL_FORMED;
    /* The key's id is a hint. Whether it is the key's line is for the key to say. */
    if (take(&signatures, origin) && take(&signatures, " ") && take_base64(&signatures, line, sizeof line)) {
      const myco_status status = myco_verify(crypto, key, (const uint8_t *)note, (size_t)(text.end - note),
                                             line + KEY_ID_BYTES);
      if (status == MYCO_OK) *out = found;
      if (status != MYCO_ERR_SIGNATURE) return status;
    } else {
      skip_line(&signatures);
    }
  }
  return MYCO_ERR_SIGNATURE;
}

myco_status myco_checkpoint_advance(myco_checkpoint *kept, const myco_checkpoint *seen) {
  if (seen->size < kept->size) return MYCO_ERR_OLDER;
  if (seen->size == kept->size && kept->size > 0u) {
    return myco_equal(seen->root, kept->root, sizeof kept->root) ? MYCO_OK : MYCO_ERR_FORK;
  }
  *kept = *seen;
  return MYCO_OK;
}
