/** What the library's files share. C99 freestanding has no <string.h>, and some targets have no C library at all. */
#ifndef MYCO_INTERNAL_H
#define MYCO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "../include/myco/cbor.h"
#include "../include/myco/crypto.h"
#include "../include/myco/status.h"

/** Before C11: an array of negative size stops the compiler, with `name` in its message. */
#define MYCO_STATIC_ASSERT(condition, name) typedef char myco_assert_##name[(condition) ? 1 : -1]

/** For a small function with several callers, which a compiler may take for smaller when copied into each. */
#if defined(__GNUC__)
#define MYCO_ONE_COPY __attribute__((noinline))
#else
#define MYCO_ONE_COPY
#endif

/** The two may not overlap. */
void myco_copy(uint8_t *to, const uint8_t *from, size_t len);

/** Not in constant time: for public values only. */
int myco_equal(const uint8_t *a, const uint8_t *b, size_t len);

/**
 * A peer that takes 0x0A and 0x0D for line ends (Side-A 2.1.0) loses a frame with one.
 * @return how many bits are below the highest such byte of a number; 32 if there is none
 */
unsigned myco_below_line_end(uint32_t number);

/** @param text terminated @return where `from` goes on behind `text`, NULL if it does not begin with it */
const char *myco_behind(const char *from, const char *end, const char *text);

/** Decimal digits. @return where they end; NULL if there are none, or more than the 18 that 64 bits hold, sign and all */
const char *myco_read_digits(const char *from, const char *end, uint64_t *value);

/** What the first byte of a CBOR head says of its argument (RFC 8949 section 3): the argument itself, or how wide it is. */
unsigned myco_head_info(uint64_t argument);

/** Bytes of the argument behind the first one of a head, for an additional information of at most 27. */
#define MYCO_ARGUMENT_BYTES(info) ((info) < 24u ? 0u : 1u << ((info) - 24u))

/** What was read is not what the schema has: MYCO_ERR_SCHEMA. */
void myco_refuse(myco_reader *r);

/** A head of one byte, for an argument below 24. */
#define MYCO_SHORT_HEAD(major, argument) ((major) << 5 | (argument))

/** A key, or another head of one byte; MYCO_ERR_SCHEMA for anything else. */
void myco_expect_byte(myco_reader *r, unsigned byte);

/** Nothing may follow. It may not fit the schema; that is said only of what is deterministic CBOR at all. */
myco_status myco_finish_message(myco_reader *r);

/** @return MYCO_OK, MYCO_ERR_SIGNATURE, or MYCO_ERR_CRYPTO where nothing can verify */
myco_status myco_verify(const myco_crypto *crypto, const uint8_t key[32], const uint8_t *data, size_t len,
                        const uint8_t signature[64]);

#endif /* MYCO_INTERNAL_H */
