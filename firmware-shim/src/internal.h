/** What the library's files share. C99 freestanding has no <string.h>, and some targets have no C library at all. */
#ifndef MYCO_INTERNAL_H
#define MYCO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "../include/myco/crypto.h"
#include "../include/myco/status.h"

/** Before C11: an array of negative size stops the compiler, with `name` in its message. */
#define MYCO_STATIC_ASSERT(condition, name) typedef char myco_assert_##name[(condition) ? 1 : -1]

/** The two may not overlap. */
void myco_copy(uint8_t *to, const uint8_t *from, size_t len);

/** Not in constant time: for public values only. */
int myco_equal(const uint8_t *a, const uint8_t *b, size_t len);

/** @param text terminated @return where `from` goes on behind `text`, NULL if it does not begin with it */
const char *myco_behind(const char *from, const char *end, const char *text);

/** Decimal digits. @return where they end; NULL if there are none, or more than the 18 that 64 bits hold, sign and all */
const char *myco_read_digits(const char *from, const char *end, uint64_t *value);

/** @return MYCO_OK, MYCO_ERR_SIGNATURE, or MYCO_ERR_CRYPTO where nothing can verify */
myco_status myco_verify(const myco_crypto *crypto, const uint8_t key[32], const uint8_t *data, size_t len,
                        const uint8_t signature[64]);

#endif /* MYCO_INTERNAL_H */
