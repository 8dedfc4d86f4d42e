/** Deterministic CBOR, read strictly. See cbor.h. */
#include "../include/myco/cbor.h"
#include "internal.h"

#define NOTHING (MYCO_CBOR_SIMPLE + 1u)
#define ANY_ITEMS SIZE_MAX

/* Simple values of the profile. */
#define SIMPLE_FALSE 20u
#define SIMPLE_NULL 22u
/* Map keys are integers that a double holds exactly, so that every language can. */
#define EXACT_INTEGER_END 0x20000000000000u

void myco_reader_init(myco_reader *r, const uint8_t *data, size_t len) {
  r->data = data;
  r->len = data == NULL ? 0u : len;
  r->at = 0;
  r->status = MYCO_OK;
}

void myco_reader_fail(myco_reader *r, myco_status status) {
  if (r->status == MYCO_OK) r->status = status;
  r->at = r->len;
}

unsigned myco_read_peek(const myco_reader *r) {
  return r->at < r->len ? (unsigned)r->data[r->at] >> 5 : NOTHING;
}

static unsigned fail_head(myco_reader *r, uint64_t *argument, myco_status status) {
  myco_reader_fail(r, status);
  *argument = 0;
  return NOTHING;
}

/** Indefinite lengths, and what no head may begin with. */
static myco_status reserved(unsigned major, unsigned info) {
  const int breaks_or_integer = major == MYCO_CBOR_UINT || major == MYCO_CBOR_NEGATIVE || major >= MYCO_CBOR_TAG;
  return info < 31u || breaks_or_integer ? MYCO_ERR_NOT_WELL_FORMED : MYCO_ERR_NOT_DETERMINISTIC;
}

unsigned myco_read_head(myco_reader *r, uint64_t *argument) {
  unsigned major = myco_read_peek(r);
  unsigned info;
  unsigned bytes;
  unsigned at;
  uint64_t value;
  size_t left;
  if (major == NOTHING) return fail_head(r, argument, MYCO_ERR_NOT_WELL_FORMED);
  info = r->data[r->at] & 0x1Fu;
  if (info > 27u) return fail_head(r, argument, reserved(major, info));
  value = info;
  bytes = info < 24u ? 0u : 1u << (info - 24u);
  left = r->len - r->at - 1u;
  if (bytes > left) return fail_head(r, argument, MYCO_ERR_NOT_WELL_FORMED);
  if (bytes > 0u) {
    value = 0;
    for (at = 1; at <= bytes; at++) value = value << 8 | r->data[r->at + at];
    if (major == MYCO_CBOR_SIMPLE) {
      return fail_head(r, argument, bytes == 1u && value < 32u ? MYCO_ERR_NOT_WELL_FORMED : MYCO_ERR_NOT_DETERMINISTIC);
    }
    /* Shortest form: what fits half the bytes has to be in them. */
    if (bytes == 1u ? value < 24u : value >> (bytes * 4u) == 0u) {
      return fail_head(r, argument, MYCO_ERR_NOT_DETERMINISTIC);
    }
  }
  left -= bytes;
  /* Nobody walks or allocates on the word of a head alone: every item takes at least a byte. */
  if (((major == MYCO_CBOR_BYTES || major == MYCO_CBOR_TEXT || major == MYCO_CBOR_ARRAY) && value > left) ||
      (major == MYCO_CBOR_MAP && value > left / 2u) || (major == MYCO_CBOR_TAG && left == 0u)) {
    return fail_head(r, argument, MYCO_ERR_NOT_WELL_FORMED);
  }
  r->at += 1u + bytes;
  *argument = value;
  return major;
}

uint64_t myco_read_expect(myco_reader *r, unsigned major) {
  uint64_t argument;
  unsigned found = myco_read_head(r, &argument);
  if (found == major) return argument;
  myco_reader_fail(r, MYCO_ERR_SCHEMA);
  return 0;
}

uint64_t myco_read_uint(myco_reader *r, uint64_t max) {
  uint64_t value = myco_read_expect(r, MYCO_CBOR_UINT);
  if (value <= max) return value;
  myco_reader_fail(r, MYCO_ERR_SCHEMA);
  return 0;
}

int64_t myco_read_int(myco_reader *r) {
  uint64_t argument;
  unsigned major = myco_read_head(r, &argument);
  if (major > MYCO_CBOR_NEGATIVE || argument > (uint64_t)INT64_MAX) {
    myco_reader_fail(r, MYCO_ERR_SCHEMA);
    return 0;
  }
  return major == MYCO_CBOR_NEGATIVE ? -1 - (int64_t)argument : (int64_t)argument;
}

/** @param len at most what follows: the head was read */
static const uint8_t *take(myco_reader *r, size_t len) {
  const uint8_t *start;
  if (r->status != MYCO_OK) return NULL;
  start = r->data + r->at;
  r->at += len;
  return start;
}

const uint8_t *myco_read_bytes(myco_reader *r, size_t *len) {
  *len = (size_t)myco_read_expect(r, MYCO_CBOR_BYTES);
  return take(r, *len);
}

const uint8_t *myco_read_fixed(myco_reader *r, size_t len) {
  size_t found;
  const uint8_t *bytes = myco_read_bytes(r, &found);
  if (bytes != NULL && found != len) {
    myco_reader_fail(r, MYCO_ERR_SCHEMA);
    return NULL;
  }
  return bytes;
}

/** RFC 3629: no overlong form, no surrogate, nothing beyond U+10FFFF. */
static int is_utf8(const uint8_t *text, size_t len) {
  uint32_t point = 0;
  unsigned more = 0;
  uint32_t least = 0;
  for (; len > 0u; len--) {
    const uint32_t byte = *text++;
    if (more > 0u) {
      if ((byte & 0xC0u) != 0x80u) return 0;
      point = point << 6 | (byte & 0x3Fu);
      if (--more == 0u && (point < least || point >> 11 == 0x1Bu || point > 0x10FFFFu)) return 0;
    } else if (byte >= 0x80u) {
      if (byte < 0xC2u || byte > 0xF4u) return 0;
      more = byte < 0xE0u ? 1u : byte < 0xF0u ? 2u : 3u;
      point = byte & (0x3Fu >> more);
      least = 2u << (5u * more);
    }
  }
  return more == 0u;
}

/** The text whose head was read. */
static const uint8_t *take_text(myco_reader *r, size_t len) {
  const uint8_t *text = take(r, len);
  if (text != NULL && !is_utf8(text, len)) {
    myco_reader_fail(r, MYCO_ERR_NOT_DETERMINISTIC);
    return NULL;
  }
  return text;
}

const char *myco_read_text(myco_reader *r, size_t max, size_t *len) {
  const uint64_t argument = myco_read_expect(r, MYCO_CBOR_TEXT);
  const uint8_t *text;
  if (argument == 0u || argument > max) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  text = take_text(r, (size_t)argument);
  *len = text == NULL ? 0u : (size_t)argument;
  return (const char *)text;
}

int myco_read_key(myco_reader *r, unsigned key) {
  if (r->at >= r->len || r->data[r->at] != key) return 0;
  r->at++;
  return 1;
}

/** A container whose end has not come yet; small, because they lie on the stack. */
typedef struct level {
  uint16_t left;   /* Data items still to come; each takes at least a byte of at most SKIP_BYTES_MAX. */
  uint16_t key_at; /* Of a map's latest key, 0 before the first; NO_MAP. */
} level;

#define SKIP_BYTES_MAX UINT16_MAX
#define NO_MAP UINT16_MAX

/** Keys ascend by their encoded bytes (RFC 8949 section 4.2.1). No item is another one's beginning, so two that differ do
 *  so before the shorter one ends. */
static int ascends(const myco_reader *r, size_t before, size_t key) {
  while (key < r->at && r->data[before] == r->data[key]) {
    before++;
    key++;
  }
  return key < r->at && r->data[before] < r->data[key];
}

void myco_cbor_skip(myco_reader *r, unsigned depth, size_t items) {
  level levels[MYCO_CBOR_DEPTH_MAX + 1u];
  level *in = levels;
  if (depth > MYCO_CBOR_DEPTH_MAX) depth = MYCO_CBOR_DEPTH_MAX;
  if (r->len > SKIP_BYTES_MAX) myco_reader_fail(r, MYCO_ERR_NOT_DETERMINISTIC);
  in->left = 1;
  in->key_at = NO_MAP;
  while (in->left > 0u) {
    const int is_key = in->key_at != NO_MAP && in->left % 2u == 0u;
    const size_t start = r->at;
    uint64_t argument;
    const unsigned major = myco_read_head(r, &argument);
    int is_allowed = items-- > 0u;
    in->left--;
    if (major == MYCO_CBOR_BYTES) (void)take(r, (size_t)argument);
    if (major == MYCO_CBOR_TEXT) (void)take_text(r, (size_t)argument);
    if (major == MYCO_CBOR_TAG) is_allowed = 0;
    if (major == MYCO_CBOR_SIMPLE && (argument < SIMPLE_FALSE || argument > SIMPLE_NULL)) is_allowed = 0;
    if (is_key) {
      const int is_integer = major <= MYCO_CBOR_NEGATIVE && argument < EXACT_INTEGER_END - major;
      if (!is_integer && major != MYCO_CBOR_TEXT) is_allowed = 0;
      if (in->key_at > 0u && !ascends(r, in->key_at, start)) is_allowed = 0;
      in->key_at = (uint16_t)start;
    } else if (major == MYCO_CBOR_ARRAY || major == MYCO_CBOR_MAP) {
      if (in == levels + depth) is_allowed = 0;
      else in++;
      in->left = (uint16_t)(major == MYCO_CBOR_MAP ? 2u * argument : argument);
      in->key_at = major == MYCO_CBOR_MAP ? 0u : NO_MAP;
    }
    if (!is_allowed) myco_reader_fail(r, MYCO_ERR_NOT_DETERMINISTIC);
    if (r->status != MYCO_OK) return;
    while (in->left == 0u && in > levels) in--;
  }
}

myco_status myco_reader_finish(myco_reader *r) {
  if (r->at < r->len) myco_reader_fail(r, MYCO_ERR_NOT_WELL_FORMED);
  return r->status;
}

myco_status myco_cbor_check(const uint8_t *data, size_t len) {
  myco_reader r;
  myco_reader_init(&r, data, len);
  myco_cbor_skip(&r, MYCO_CBOR_DEPTH_MAX, ANY_ITEMS);
  return myco_reader_finish(&r);
}
