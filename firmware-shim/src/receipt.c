/* One form only: all but the payload and the signature are constants, so a receipt is compared, not parsed. */
#include "../include/myco/receipt.h"

#include "internal.h"
#include "../include/myco/cbor.h"

#define PAYLOAD_AT (MYCO_RECEIPT_HEAD_BYTES + 1u)
#define BEHIND_PAYLOAD (MYCO_RECEIPT_SIGNATURE_HEAD_BYTES + MYCO_SIGNATURE_BYTES)
#define PAYLOAD_MAX (MYCO_RECEIPT_MAX - PAYLOAD_AT - BEHIND_PAYLOAD)

myco_status myco_receipt_read(const uint8_t *bytes, size_t len, const uint8_t key[32], const char *device_id,
                              const myco_crypto *crypto, myco_receipt *out) {
  uint8_t covered[MYCO_RECEIPT_SIGNED_HEAD_BYTES + 1u + PAYLOAD_MAX];
  myco_receipt found;
  myco_reader r;
  const char *device;
  size_t device_len;
  size_t payload_len;
  const char *end;
  myco_status status;

  if (len <= PAYLOAD_AT + BEHIND_PAYLOAD || len > MYCO_RECEIPT_MAX) return MYCO_ERR_SCHEMA;
  payload_len = len - PAYLOAD_AT - BEHIND_PAYLOAD;
  if (!myco_equal(bytes, (const uint8_t *)MYCO_RECEIPT_HEAD, MYCO_RECEIPT_HEAD_BYTES) ||
      bytes[MYCO_RECEIPT_HEAD_BYTES] != payload_len ||
      !myco_equal(bytes + PAYLOAD_AT + payload_len, (const uint8_t *)MYCO_RECEIPT_SIGNATURE_HEAD,
                  MYCO_RECEIPT_SIGNATURE_HEAD_BYTES)) {
    return MYCO_ERR_SCHEMA;
  }
  myco_reader_init(&r, bytes + PAYLOAD_AT, payload_len);
  myco_expect_byte(&r, MYCO_SHORT_HEAD(MYCO_CBOR_ARRAY, MYCO_RECEIPT_ELEMENTS));
  myco_expect_byte(&r, MYCO_SHORT_HEAD(MYCO_CBOR_UINT, MYCO_RECEIPT_KIND));
  device = myco_read_text(&r, MYCO_DEVICE_ID_MAX, &device_len);
  found.seq = myco_read_expect(&r, MYCO_CBOR_UINT);
  found.msg_id = myco_read_fixed(&r, MYCO_MSG_ID_BYTES);
  found.leaf_index = myco_read_expect(&r, MYCO_CBOR_UINT);
  found.leaf_hash = myco_read_fixed(&r, MYCO_RECEIPT_LEAF_HASH_BYTES);
  found.tree_size = myco_read_uint(&r, MYCO_RECEIPT_INDEX_MAX);
  /* Which keeps the index within its limit, too. */
  if (found.tree_size <= found.leaf_index) myco_refuse(&r);
  status = myco_finish_message(&r);
  if (status != MYCO_OK) return status;

  myco_copy(covered, (const uint8_t *)MYCO_RECEIPT_SIGNED_HEAD, MYCO_RECEIPT_SIGNED_HEAD_BYTES);
  /* The payload with its length, as in the receipt. */
  myco_copy(covered + MYCO_RECEIPT_SIGNED_HEAD_BYTES, bytes + MYCO_RECEIPT_HEAD_BYTES, 1u + payload_len);
  status = myco_verify(crypto, key, covered, MYCO_RECEIPT_SIGNED_HEAD_BYTES + 1u + payload_len,
                       bytes + len - MYCO_SIGNATURE_BYTES);
  if (status != MYCO_OK) return status;
  end = device + device_len;
  if (myco_behind(device, end, device_id) != end) return MYCO_ERR_OTHER_DEVICE;
  myco_copy((uint8_t *)out, (const uint8_t *)&found, sizeof found);
  return MYCO_OK;
}
