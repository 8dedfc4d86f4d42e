/** See internal.h. */
#include "internal.h"

#define DIGITS_MAX 18

void myco_copy(uint8_t *to, const uint8_t *from, size_t len) {
  while (len > 0u) {
    len--;
    to[len] = from[len];
  }
}

int myco_equal(const uint8_t *a, const uint8_t *b, size_t len) {
  while (len > 0u) {
    len--;
    if (a[len] != b[len]) return 0;
  }
  return 1;
}

const char *myco_behind(const char *from, const char *end, const char *text) {
  for (; *text != '\0'; text++, from++) {
    if (from == end || *from != *text) return NULL;
  }
  return from;
}

const char *myco_read_digits(const char *from, const char *end, uint64_t *value) {
  const char *at = from;
  for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++) *value = *value * 10u + (unsigned)(*at - '0');
  return at == from || at - from > DIGITS_MAX ? NULL : at;
}
