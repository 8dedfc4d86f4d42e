/**
 * libsodium 1.0.12 or later, the ESP32 cores' own copy included. Header only: include it in one source file.
 *   static myco_sodium_key key;  (call sodium_init() and myco_sodium_key_from_seed first)
 *   const myco_crypto crypto = myco_sodium_crypto(&key);
 */
#ifndef MYCO_ADAPTERS_SODIUM_H
#define MYCO_ADAPTERS_SODIUM_H

#include <sodium.h>

#include "../crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

/** libsodium's form of an Ed25519 key: seed, then public key. */
typedef struct myco_sodium_key {
  uint8_t secret[64];
} myco_sodium_key;

/** @param public_key what the gateway enrols */
static inline void myco_sodium_key_from_seed(myco_sodium_key *key, const uint8_t seed[32], uint8_t public_key[32]) {
  (void)crypto_sign_seed_keypair(public_key, key->secret, seed);
}

static inline int myco_sodium_blake2b_256(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx;
  return crypto_generichash(digest, 32, data, len, NULL, 0);
}

static inline int myco_sodium_sha256(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx;
  return crypto_hash_sha256(digest, data, len);
}

static inline int myco_sodium_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]) {
  return ctx == NULL ? -1 : crypto_sign_detached(signature, NULL, data, len, ((const myco_sodium_key *)ctx)->secret);
}

static inline int myco_sodium_verify(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len,
                                     const uint8_t signature[64]) {
  (void)ctx;
  return crypto_sign_verify_detached(signature, data, len, public_key);
}

/** @param key NULL for a table that only verifies */
static inline myco_crypto myco_sodium_crypto(myco_sodium_key *key) {
  myco_crypto crypto;
  crypto.ctx = key;
  crypto.blake2b_256 = myco_sodium_blake2b_256;
  crypto.sha256 = myco_sodium_sha256;
  crypto.ed25519_sign = myco_sodium_sign;
  crypto.ed25519_verify = myco_sodium_verify;
  return crypto;
}

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ADAPTERS_SODIUM_H */
