/** What the library's files share. C99 freestanding has no <string.h>, and some targets have no C library at all. */
#ifndef MYCO_INTERNAL_H
#define MYCO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/** Before C11: an array of negative size stops the compiler, with `name` in its message. */
#define MYCO_STATIC_ASSERT(condition, name) typedef char myco_assert_##name[(condition) ? 1 : -1]

static inline void myco_copy(uint8_t *to, const uint8_t *from, size_t len) {
  while (len > 0u) {
    len--;
    to[len] = from[len];
  }
}

/** Not in constant time: for public values only. */
static inline int myco_equal(const uint8_t *a, const uint8_t *b, size_t len) {
  size_t at;
  for (at = 0; at < len; at++) {
    if (a[at] != b[at]) return 0;
  }
  return 1;
}

#endif /* MYCO_INTERNAL_H */
