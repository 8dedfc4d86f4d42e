/**
 * PSA Crypto (mbedTLS 2.28 or later, TF-M, a secure element behind it): SHA-256, and Ed25519 where the implementation has
 * it. PSA has no BLAKE2b at all, so that comes from another library. Header only: include it in one source file, after
 * psa_crypto_init() has been called.
 *
 * mbedTLS's own software has no Ed25519; vendors' drivers do (nRF Connect SDK, some secure elements). Whether yours does is
 * what it says of PSA_WANT_ALG_PURE_EDDSA; define MYCO_PSA_HAS_ED25519 as 1 or 0 before including this to say it yourself.
 * With 0 there is no myco_psa_sign, no myco_psa_verify and no myco_psa_crypto: the compiler tells, not the field.
 */
#ifndef MYCO_ADAPTERS_PSA_H
#define MYCO_ADAPTERS_PSA_H

#include <psa/crypto.h>

#include "../crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MYCO_PSA_HAS_ED25519
#if defined(PSA_WANT_ALG_PURE_EDDSA) && PSA_WANT_ALG_PURE_EDDSA
#define MYCO_PSA_HAS_ED25519 1
#else
#define MYCO_PSA_HAS_ED25519 0
#endif
#endif
#define MYCO_PSA_HAS_SHA256 1
#define MYCO_PSA_HAS_BLAKE2B 0

static inline int myco_psa_sha256(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  size_t written = 0;
  (void)ctx;
  return psa_hash_compute(PSA_ALG_SHA_256, data, len, digest, 32, &written) == PSA_SUCCESS && written == 32u ? 0 : -1;
}

#if MYCO_PSA_HAS_ED25519

/** A key that never leaves the implementation: a pair of PSA_ECC_FAMILY_TWISTED_EDWARDS, 255 bits, usage SIGN_MESSAGE. */
typedef struct myco_psa_key {
  psa_key_id_t id;
} myco_psa_key;

static inline int myco_psa_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]) {
  size_t written = 0;
  if (ctx == NULL) return -1;
  return psa_sign_message(((const myco_psa_key *)ctx)->id, PSA_ALG_PURE_EDDSA, data, len, signature, 64, &written) ==
                     PSA_SUCCESS &&
                 written == 64u
             ? 0
             : -1;
}

static inline int myco_psa_verify(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len,
                                  const uint8_t signature[64]) {
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_key_id_t key = 0;
  psa_status_t status;
  (void)ctx;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_TWISTED_EDWARDS));
  psa_set_key_bits(&attributes, 255);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_MESSAGE);
  psa_set_key_algorithm(&attributes, PSA_ALG_PURE_EDDSA);
  status = psa_import_key(&attributes, public_key, 32, &key);
  if (status != PSA_SUCCESS) return -1;
  status = psa_verify_message(key, PSA_ALG_PURE_EDDSA, data, len, signature, 64);
  (void)psa_destroy_key(key);
  return status == PSA_SUCCESS ? 0 : -1;
}

/**
 * @param key NULL for a table that only verifies
 * @param blake2b_256 of another library; `ctx` is the key's, so it must not need one of its own
 */
static inline myco_crypto myco_psa_crypto(myco_psa_key *key,
                                          int (*blake2b_256)(void *ctx, const uint8_t *data, size_t len,
                                                             uint8_t digest[32])) {
  myco_crypto crypto;
  crypto.ctx = key;
  crypto.blake2b_256 = blake2b_256;
  crypto.sha256 = myco_psa_sha256;
  crypto.ed25519_sign = myco_psa_sign;
  crypto.ed25519_verify = myco_psa_verify;
  return crypto;
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ADAPTERS_PSA_H */
