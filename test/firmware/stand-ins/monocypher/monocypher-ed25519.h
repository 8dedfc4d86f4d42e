/** See monocypher.h. */
#ifndef ED25519_H
#define ED25519_H

#include "monocypher.h"

static inline void crypto_ed25519_key_pair(uint8_t secret_key[64], uint8_t public_key[32], uint8_t seed[32]) {
  (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
  sodium_memzero(seed, 32); /* As its manual says. */
}

static inline void crypto_ed25519_sign(uint8_t signature[64], const uint8_t secret_key[64], const uint8_t *message,
                                       size_t message_size) {
  (void)crypto_sign_detached(signature, NULL, message, message_size, secret_key);
}

static inline int crypto_ed25519_check(const uint8_t signature[64], const uint8_t public_key[32], const uint8_t *message,
                                       size_t message_size) {
  return crypto_sign_verify_detached(signature, message, message_size, public_key);
}

#endif
