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

unsigned myco_below_line_end(uint32_t number) {
  unsigned below = 32;
  while (below > 0u) {
    const uint32_t byte = (number >> (below -= 8u)) & 0xFFu;
    if (byte == 0x0Au || byte == 0x0Du) return below;
  }
  return 32;
}

const char *myco_behind(const char *from, const char *end, const char *text) {
  for (; *text != '\0'; text++, from++) {
    if (from == end || *from != *text) return NULL;
  }
  return from;
}

const char *myco_read_digits(const char *from, const char *end, uint64_t *value) {
  const char *at = from;
  for (*value = 0; at < end; at++) {
    const unsigned digit = (unsigned)*at - '0';
    if (digit > 9u) break;
    *value = *value * 10u + digit;
  }
  return (size_t)(at - from) - 1u < DIGITS_MAX ? at : NULL;
}

myco_status myco_verify(const myco_crypto *crypto, const uint8_t key[32], const uint8_t *data, size_t len,
                        const uint8_t signature[64]) {
  if (crypto == NULL || crypto->ed25519_verify == NULL) return MYCO_ERR_CRYPTO;
  return crypto->ed25519_verify(crypto->ctx, key, data, len, signature) != 0 ? MYCO_ERR_SIGNATURE : MYCO_OK;
}
