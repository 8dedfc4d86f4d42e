/**
 * Monocypher 4: monocypher.c, and monocypher-ed25519.c of its optional part. Header only: include it in one source file.
 *   static myco_monocypher_key key;  (call myco_monocypher_key_from_seed first)
 *   const myco_crypto crypto = myco_monocypher_crypto(&key);
 * It has no SHA-256; set `sha256` to another library's, such as myco_mbedtls_sha256, if something asks for it.
 */
#ifndef MYCO_ADAPTERS_MONOCYPHER_H
#define MYCO_ADAPTERS_MONOCYPHER_H

/* Before version 4 these functions take their arguments in another order, without a warning. */
#include <monocypher-ed25519.h>
#include <monocypher.h>

#include "../crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MYCO_MONOCYPHER_HAS_SHA256 0

/** Seed, then public key. */
typedef struct myco_monocypher_key {
  uint8_t secret[64];
} myco_monocypher_key;

/** @param public_key what the gateway enrols */
static inline void myco_monocypher_key_from_seed(myco_monocypher_key *key, const uint8_t seed[32],
                                                 uint8_t public_key[32]) {
  uint8_t wiped[32]; /* Monocypher clears the seed it is given. */
  unsigned at;
  for (at = 0; at < 32u; at++) wiped[at] = seed[at];
  crypto_ed25519_key_pair(key->secret, public_key, wiped);
}

static inline int myco_monocypher_blake2b_256(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx;
  crypto_blake2b(digest, 32, data, len);
  return 0;
}

static inline int myco_monocypher_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]) {
  if (ctx == NULL) return -1;
  crypto_ed25519_sign(signature, ((const myco_monocypher_key *)ctx)->secret, data, len);
  return 0;
}

static inline int myco_monocypher_verify(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len,
                                         const uint8_t signature[64]) {
  (void)ctx;
  return crypto_ed25519_check(signature, public_key, data, len);
}

/** @param key NULL for a table that only verifies */
static inline myco_crypto myco_monocypher_crypto(myco_monocypher_key *key) {
  myco_crypto crypto;
  crypto.ctx = key;
  crypto.blake2b_256 = myco_monocypher_blake2b_256;
  crypto.sha256 = NULL;
  crypto.ed25519_sign = myco_monocypher_sign;
  crypto.ed25519_verify = myco_monocypher_verify;
  return crypto;
}

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ADAPTERS_MONOCYPHER_H */
