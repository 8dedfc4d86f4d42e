/** The few functions of libsodium's platform layer that signing, verifying and hashing need. */
#include <sodium.h>
#include <stdlib.h>

void sodium_memzero(void *const data, const size_t len) {
  volatile unsigned char *at = (volatile unsigned char *)data;
  size_t left;
  for (left = len; left > 0u; left--) *at++ = 0;
}

int sodium_memcmp(const void *const a, const void *const b, size_t len) {
  const volatile unsigned char *left = (const volatile unsigned char *)a;
  const volatile unsigned char *right = (const volatile unsigned char *)b;
  unsigned char differs = 0;
  size_t at;
  for (at = 0; at < len; at++) differs |= left[at] ^ right[at];
  return (1 & ((differs - 1) >> 8)) - 1;
}

int sodium_is_zero(const unsigned char *data, const size_t len) {
  volatile unsigned char any = 0;
  size_t at;
  for (at = 0; at < len; at++) any |= data[at];
  return 1 & ((any - 1) >> 8);
}

void sodium_misuse(void) {
  abort();
}

/** Signatures are deterministic and keys come from the factory. Whoever needs random numbers has no source of them here. */
void randombytes_buf(void *const data, const size_t len) {
  (void)data;
  (void)len;
  abort();
}
