/**
 * Crypto comes from outside: a library, a secure element, the chip's accelerator. This library holds no primitive and
 * no key. Ready tables for common libraries are in adapters/.
 */
#ifndef MYCO_CRYPTO_H
#define MYCO_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Every function returns 0 when it did what it says, anything else when it could not (`MYCO_ERR_CRYPTO` then reaches the
 * caller). `ctx` is the table's own, handed through untouched; a private key lives behind it, never in this library.
 * A function that a device never needs may be NULL: asking for it gives `MYCO_ERR_CRYPTO`.
 */
typedef struct myco_crypto {
  void *ctx;
  /** BLAKE2b with a 32-byte digest, unkeyed (RFC 7693); not a truncated BLAKE2b-512. */
  int (*blake2b_256)(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]);
  /** SHA-256 (FIPS 180-4). */
  int (*sha256)(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]);
  /** Plain Ed25519 (RFC 8032) with the device's own key. */
  int (*ed25519_sign)(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]);
  /** @return 0 only for a valid signature of the holder of `public_key` */
  int (*ed25519_verify)(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len,
                        const uint8_t signature[64]);
} myco_crypto;

#ifdef __cplusplus
}
#endif

#endif /* MYCO_CRYPTO_H */
