/**
 * Deterministic CBOR (RFC 8949 section 4.2.1), writing and strict reading, in the profile of the protocol: integers,
 * byte strings, text, arrays, maps, false, true, null; definite lengths; no floats; tags only where a reader asks for one.
 * Both sides keep their first error, so a caller checks once, at the end.
 */
#ifndef MYCO_CBOR_H
#define MYCO_CBOR_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MYCO_CBOR_UINT 0u
#define MYCO_CBOR_NEGATIVE 1u
#define MYCO_CBOR_BYTES 2u
#define MYCO_CBOR_TEXT 3u
#define MYCO_CBOR_ARRAY 4u
#define MYCO_CBOR_MAP 5u
#define MYCO_CBOR_TAG 6u
#define MYCO_CBOR_SIMPLE 7u

/** Containers inside one another that `myco_cbor_skip` and `myco_cbor_check` follow. */
#define MYCO_CBOR_DEPTH_MAX 16u

/** Writes behind `len`; past `cap` it goes on counting, so `len` ends as the length needed. */
typedef struct myco_writer {
  uint8_t *out;
  size_t cap;
  size_t len;
  myco_status status;
} myco_writer;

/** @param out NULL (with cap 0) only measures */
void myco_writer_init(myco_writer *w, uint8_t *out, size_t cap);
/** Bytes as they are: items encoded elsewhere, or what is no CBOR. NULL with a length is MYCO_ERR_ARG. */
void myco_write_raw(myco_writer *w, const uint8_t *data, size_t len);
/** A head: major type and argument in the shortest form. Array, map and tag are heads alone. */
void myco_write_head(myco_writer *w, unsigned major, uint64_t argument);
void myco_write_uint(myco_writer *w, uint64_t value);
void myco_write_int(myco_writer *w, int64_t value);
void myco_write_bytes(myco_writer *w, const uint8_t *data, size_t len);
/** A byte string that is filled in later. */
void myco_write_room(myco_writer *w, size_t len);
/** @param text UTF-8, not terminated; the writer does not look into it */
void myco_write_text(myco_writer *w, const char *text, size_t len);
/** Remember an error unless there is one already. */
void myco_writer_fail(myco_writer *w, myco_status status);
/**
 * @param written bytes written, or bytes needed on MYCO_ERR_NO_SPACE and when only measuring; untouched on other errors
 * @return the first error; MYCO_OK when only measuring
 */
myco_status myco_writer_finish(const myco_writer *w, size_t *written);

/** A place in CBOR bytes. After an error every read gives 0 or NULL and moves no further. */
typedef struct myco_reader {
  const uint8_t *data;
  size_t len;
  size_t at;
  myco_status status;
} myco_reader;

void myco_reader_init(myco_reader *r, const uint8_t *data, size_t len);
/** Remember an error unless there is one already, and stop. */
void myco_reader_fail(myco_reader *r, myco_status status);
/** Major type of the next item without taking it; MYCO_CBOR_SIMPLE + 1 at the end or after an error. */
unsigned myco_read_peek(const myco_reader *r);
/**
 * The head of the next item. @param argument value, length, count or tag number; lengths and counts are checked against
 * what follows @return the major type
 */
unsigned myco_read_head(myco_reader *r, uint64_t *argument);
/** A head of that major type; MYCO_ERR_SCHEMA for another. @return its argument */
uint64_t myco_read_expect(myco_reader *r, unsigned major);
/** An unsigned integer of at most `max`, else MYCO_ERR_SCHEMA. */
uint64_t myco_read_uint(myco_reader *r, uint64_t max);
/** An integer of 64 bits with sign, else MYCO_ERR_SCHEMA. */
int64_t myco_read_int(myco_reader *r);
/** A byte string, a view into the input. */
const uint8_t *myco_read_bytes(myco_reader *r, size_t *len);
/** A byte string of exactly that length, else MYCO_ERR_SCHEMA. */
const uint8_t *myco_read_fixed(myco_reader *r, size_t len);
/** Text in valid UTF-8 of 1 to `max` bytes, else MYCO_ERR_SCHEMA; a view, not terminated. `len` is 0 after an error. */
const char *myco_read_text(myco_reader *r, size_t max, size_t *len);
/** The key `key`, an unsigned integer below 24, of the map that is being read. @return 1 if it came next and was taken */
int myco_read_key(myco_reader *r, unsigned key);
/**
 * Takes one item of any kind, with everything in it, and checks it. @param depth containers inside one another, at most
 * MYCO_CBOR_DEPTH_MAX @param items data items in total, keys and containers included
 */
void myco_cbor_skip(myco_reader *r, unsigned depth, size_t items);
/** Nothing may follow. @return the first error */
myco_status myco_reader_finish(myco_reader *r);

/** Is this one deterministic CBOR data item of the profile, and nothing else? */
myco_status myco_cbor_check(const uint8_t *data, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_CBOR_H */
