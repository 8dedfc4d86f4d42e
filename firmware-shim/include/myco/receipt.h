/**
 * The gateway's signed receipt: it has this envelope on disk, as this leaf of its log. Protocol reference, "Signed
 * receipt".
 */
#ifndef MYCO_RECEIPT_H
#define MYCO_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"
#include "protocol.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Filled in by myco_receipt_read; the pointers lead into the bytes that were read. */
typedef struct myco_receipt {
  const uint8_t *msg_id; /* MYCO_MSG_ID_BYTES */
  uint64_t seq;
  uint64_t leaf_index;      /* Which leaf the envelope is, from 0. */
  const uint8_t *leaf_hash; /* MYCO_RECEIPT_LEAF_HASH_BYTES, RFC 6962; a proof has to begin with it. */
  uint64_t tree_size;       /* Leaves on disk when it was signed, more than leaf_index. */
} myco_receipt;

/**
 * Check a receipt: the body of an ACK frame, or of `{p}/{id}/ack`, that begins with MYCO_RECEIPT_FIRST_BYTE. What begins
 * with MYCO_MDP_REFUSAL_FIRST_BYTE is no receipt but JSON that says why not: the envelope was put aside.
 * @param key the gateway's receipt key: raw Ed25519, 32 bytes
 * @param device_id of this device, terminated
 * @param out filled in only on MYCO_OK
 * @return MYCO_ERR_SCHEMA, MYCO_ERR_NOT_WELL_FORMED, MYCO_ERR_NOT_DETERMINISTIC, MYCO_ERR_SIGNATURE,
 *         MYCO_ERR_OTHER_DEVICE or MYCO_ERR_CRYPTO
 */
myco_status myco_receipt_read(const uint8_t *bytes, size_t len, const uint8_t key[32], const char *device_id,
                              const myco_crypto *crypto, myco_receipt *out);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_RECEIPT_H */
