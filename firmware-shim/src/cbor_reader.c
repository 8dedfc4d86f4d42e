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

MYCO_ONE_COPY void myco_reader_init(myco_reader *r, const uint8_t *data, size_t len) {
  r->data = data;
  r->len = data == NULL ? 0u : len;
  r->at = 0;
  r->status = MYCO_OK;
}

void myco_reader_fail(myco_reader *r, myco_status status) {
  if (r->status == MYCO_OK) r->status = status;
  r->at = r->len;
}

MYCO_ONE_COPY void myco_refuse(myco_reader *r) {
  myco_reader_fail(r, MYCO_ERR_SCHEMA);
}

unsigned myco_read_peek(const myco_reader *r) {
  return r->at < r->len ? (unsigned)r->data[r->at] >> 5 : NOTHING;
}

/** What no head may begin with, and indefinite lengths, which are well-formed for strings and containers. */
static myco_status reserved(unsigned major, unsigned info) {
  return info == 31u && major >= MYCO_CBOR_BYTES && major <= MYCO_CBOR_MAP ? MYCO_ERR_NOT_DETERMINISTIC
                                                                            : MYCO_ERR_NOT_WELL_FORMED;
}

/** The head of an item of this major type, which is there. */
static myco_status take_head(myco_reader *r, unsigned major, uint64_t *argument) {
  const uint8_t *const head = r->data + r->at;
  const unsigned info = head[0] & 0x1Fu;
  size_t left = r->len - r->at - 1u;
  uint64_t value = info;
  unsigned bytes;
  unsigned at;
  if (info > 27u) return reserved(major, info);
  bytes = MYCO_ARGUMENT_BYTES(info);
  if (bytes > left) return MYCO_ERR_NOT_WELL_FORMED;
  left -= bytes;
  if (bytes > 0u) {
    if (major == MYCO_CBOR_SIMPLE) {
      return bytes == 1u && head[1] < 32u ? MYCO_ERR_NOT_WELL_FORMED : MYCO_ERR_NOT_DETERMINISTIC;
    }
    value = 0;
    for (at = 1; at <= bytes; at++) value = value << 8 | head[at];
    if (myco_head_info(value) != info) return MYCO_ERR_NOT_DETERMINISTIC;
  }
  /* Nobody walks or allocates on the word of a head alone: every item takes at least a byte. */
  if (major == MYCO_CBOR_MAP) left /= 2u;
  if (major >= MYCO_CBOR_BYTES && major <= MYCO_CBOR_TAG && (major == MYCO_CBOR_TAG ? 1u : value) > left) {
    return MYCO_ERR_NOT_WELL_FORMED;
  }
  r->at += 1u + bytes;
  *argument = value;
  return MYCO_OK;
}

unsigned myco_read_head(myco_reader *r, uint64_t *argument) {
  const unsigned major = myco_read_peek(r);
  const myco_status status = major == NOTHING ? MYCO_ERR_NOT_WELL_FORMED : take_head(r, major, argument);
  if (status == MYCO_OK) return major;
  myco_reader_fail(r, status);
  *argument = 0;
  return NOTHING;
}

/** An item of that major type. @return its argument, or 0 for one over `max` too */
static MYCO_ONE_COPY uint64_t expect(myco_reader *r, unsigned major, uint64_t max) {
  uint64_t argument;
  if (myco_read_head(r, &argument) == major && argument <= max) return argument;
  myco_refuse(r);
  return 0;
}

uint64_t myco_read_expect(myco_reader *r, unsigned major) {
  return expect(r, major, UINT64_MAX);
}

uint64_t myco_read_uint(myco_reader *r, uint64_t max) {
  return expect(r, MYCO_CBOR_UINT, max);
}

int64_t myco_read_int(myco_reader *r) {
  uint64_t argument;
  const unsigned major = myco_read_head(r, &argument);
  if (major > MYCO_CBOR_NEGATIVE || argument > (uint64_t)INT64_MAX) {
    myco_refuse(r);
    return 0;
  }
  return major == MYCO_CBOR_NEGATIVE ? -1 - (int64_t)argument : (int64_t)argument;
}

/** RFC 3629: no overlong form, no surrogate, nothing beyond U+10FFFF. */
static int is_utf8(const uint8_t *text, size_t len) {
  const uint8_t *const end = text + len;
  while (text < end) {
    uint32_t point = *text++;
    uint32_t bit;
    if (point < 0x80u) continue;
    if (point < 0xC2u || point > 0xF4u) return 0;
    /* Each one behind the first announces a byte, and is 5 places further left behind it. What is below fits there. */
    for (bit = 0x40; (point & bit) != 0u; bit <<= 5) {
      if (text == end || *text >> 6 != 2u) return 0;
      point = point << 6 | (*text++ & 0x3Fu);
    }
    point &= bit - 1u;
    if (point < bit >> 5 || point >> 11 == 0x1Bu || point > 0x10FFFFu) return 0;
  }
  return 1;
}

/** What follows the head of a byte string, or of text, which is valid UTF-8. @return NULL after an error */
static MYCO_ONE_COPY const uint8_t *take_string(myco_reader *r, unsigned major, size_t len) {
  const uint8_t *start;
  if (r->status != MYCO_OK) return NULL;
  start = r->data + r->at;
  r->at += len;
  if (major != MYCO_CBOR_TEXT || is_utf8(start, len)) return start;
  myco_reader_fail(r, MYCO_ERR_NOT_DETERMINISTIC);
  return NULL;
}

/** @param len 0 after an error */
static MYCO_ONE_COPY const uint8_t *read_string(myco_reader *r, unsigned major, size_t max, size_t *len) {
  const uint8_t *start;
  *len = (size_t)expect(r, major, max);
  start = take_string(r, major, *len);
  if (start == NULL) *len = 0;
  return start;
}

const uint8_t *myco_read_bytes(myco_reader *r, size_t *len) {
  return read_string(r, MYCO_CBOR_BYTES, SIZE_MAX, len);
}

const uint8_t *myco_read_fixed(myco_reader *r, size_t len) {
  size_t found;
  const uint8_t *bytes = read_string(r, MYCO_CBOR_BYTES, len, &found);
  if (found == len) return bytes;
  myco_refuse(r);
  return NULL;
}

const char *myco_read_text(myco_reader *r, size_t max, size_t *len) {
  const uint8_t *text = read_string(r, MYCO_CBOR_TEXT, max, len);
  if (*len > 0u) return (const char *)text;
  myco_refuse(r);
  return NULL;
}

int myco_read_key(myco_reader *r, unsigned key) {
  const int is_next = r->at < r->len && r->data[r->at] == key;
  if (is_next) r->at++;
  return is_next;
}

MYCO_ONE_COPY void myco_expect_byte(myco_reader *r, unsigned byte) {
  if (!myco_read_key(r, byte)) myco_refuse(r);
}

/** A container whose end has not come yet; small, because they lie on the stack. */
typedef struct level {
  uint16_t left;   /* Data items still to come; each takes at least a byte of at most SKIP_BYTES_MAX. */
  uint16_t key_at; /* Of a map's latest key, 0 before the first; NO_MAP. */
} level;

#define SKIP_BYTES_MAX UINT16_MAX
#define NO_MAP UINT16_MAX

static MYCO_ONE_COPY void disallow(myco_reader *r) {
  myco_reader_fail(r, MYCO_ERR_NOT_DETERMINISTIC);
}

/** One item of the profile, with its bytes, without what a container holds. @return its major type */
static unsigned take_item(myco_reader *r, uint64_t *argument) {
  const unsigned major = myco_read_head(r, argument);
  if (major == MYCO_CBOR_BYTES || major == MYCO_CBOR_TEXT) (void)take_string(r, major, (size_t)*argument);
  if (major >= MYCO_CBOR_TAG && !(major == MYCO_CBOR_SIMPLE && (unsigned)*argument - SIMPLE_FALSE <= 2u)) disallow(r);
  return major;
}

/** Keys ascend by their encoded bytes (RFC 8949 section 4.2.1). No item is another one's beginning, so two that differ do
 *  so before the shorter one ends. */
static int ascends(const myco_reader *r, size_t before, size_t key) {
  while (key < r->at && r->data[before] == r->data[key]) {
    before++;
    key++;
  }
  return key < r->at && r->data[before] < r->data[key];
}

static int is_key(unsigned major, uint64_t argument) {
  /* The absolute value is `argument + major`, which may wrap. */
  return major == MYCO_CBOR_TEXT ||
         (major <= MYCO_CBOR_NEGATIVE && (argument | (argument + major)) < EXACT_INTEGER_END);
}

void myco_cbor_skip(myco_reader *r, unsigned depth, size_t items) {
  level levels[MYCO_CBOR_DEPTH_MAX + 1u];
  level *in = levels;
  const level *const deepest = levels + (depth < MYCO_CBOR_DEPTH_MAX ? depth : MYCO_CBOR_DEPTH_MAX);
  if (r->len > SKIP_BYTES_MAX) disallow(r);
  in->left = 1;
  in->key_at = NO_MAP;
  for (;;) {
    const size_t start = r->at;
    uint64_t argument;
    const unsigned major = take_item(r, &argument);
    if (items-- == 0u) disallow(r);
    in->left--;
    if (in->key_at != NO_MAP && in->left % 2u != 0u) {
      if (!is_key(major, argument) || (in->key_at != 0u && !ascends(r, in->key_at, start))) disallow(r);
      in->key_at = (uint16_t)start;
    } else if (major == MYCO_CBOR_ARRAY || major == MYCO_CBOR_MAP) {
      if (in == deepest) disallow(r);
      else in++;
      in->left = (uint16_t)(major == MYCO_CBOR_MAP ? 2u * argument : argument);
      in->key_at = major == MYCO_CBOR_MAP ? 0u : NO_MAP;
    }
    if (r->status != MYCO_OK) return;
    while (in->left == 0u) {
      if (in == levels) return;
      in--;
    }
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

myco_status myco_finish_message(myco_reader *r) {
  myco_status status;
  if (myco_reader_finish(r) == MYCO_OK) return MYCO_OK;
  status = myco_cbor_check(r->data, r->len);
  return status == MYCO_OK ? MYCO_ERR_SCHEMA : status;
}
