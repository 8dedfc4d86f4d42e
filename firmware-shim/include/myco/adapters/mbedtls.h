/**
 * mbedTLS 2.7 to 3.x: its SHA-256, which on many chips is the accelerator's. It has neither BLAKE2b nor Ed25519, in any
 * version, so it completes another library's table and makes none of its own. Header only: include it in one source file.
 *   myco_crypto crypto = myco_monocypher_crypto(&key);
 *   crypto.sha256 = myco_mbedtls_sha256;
 * From mbedTLS 4 on this header is gone from it: use adapters/psa.h.
 */
#ifndef MYCO_ADAPTERS_MBEDTLS_H
#define MYCO_ADAPTERS_MBEDTLS_H

#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include "../crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MYCO_MBEDTLS_HAS_SHA256 1
#define MYCO_MBEDTLS_HAS_BLAKE2B 0
#define MYCO_MBEDTLS_HAS_ED25519 0

static inline int myco_mbedtls_sha256(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx;
#if MBEDTLS_VERSION_NUMBER < 0x03000000
  return mbedtls_sha256_ret(data, len, digest, 0);
#else
  return mbedtls_sha256(data, len, digest, 0);
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ADAPTERS_MBEDTLS_H */
