/** Sparse signing. See sparse.h. */
#include "../include/myco/sparse.h"
#include "envelope_fields.h"
#include "internal.h"

#define REQUIRED_KEYS 8u

MYCO_STATIC_ASSERT(MYCO_LINK_BYTES == MYCO_MSG_ID_BYTES, a_link_is_a_message_id);
MYCO_STATIC_ASSERT(MYCO_LINK_BYTES <= MYCO_HASH_BYTES, a_link_is_the_beginning_of_a_hash);

myco_status myco_chain_init(myco_chain *chain, unsigned links, unsigned span) {
  if (links == 0u || links > MYCO_LINKS_MAX || span > MYCO_SPAN_MAX) return MYCO_ERR_ARG;
  chain->known = 0;
  chain->links = (uint8_t)links;
  chain->span = (uint8_t)span;
  chain->unsigned_count = 0;
  return MYCO_OK;
}

int myco_chain_must_sign(const myco_chain *chain) {
  return chain->unsigned_count >= chain->span;
}

void myco_chain_refused(myco_chain *chain) {
  chain->span = 0;
  chain->known = 0;
}

static void remember(myco_chain *chain, const uint8_t id[MYCO_LINK_BYTES]) {
  uint8_t *const newest = chain->metadata + MYCO_ANCHOR_HEAD_MAX;
  size_t at;
  if (chain->known < chain->links) chain->known++;
  for (at = (size_t)chain->known * MYCO_LINK_BYTES; at > MYCO_LINK_BYTES; at--) {
    newest[at - 1u] = newest[at - 1u - MYCO_LINK_BYTES];
  }
  myco_copy(newest, id, MYCO_LINK_BYTES);
  if (chain->unsigned_count < UINT8_MAX) chain->unsigned_count++;
}

void myco_chain_anchor(myco_chain *chain, myco_envelope *in) {
  const size_t len = (size_t)chain->known * MYCO_LINK_BYTES;
  /* The head of a byte string of up to 23 bytes, which one link has, is one byte shorter; it ends where the links begin. */
  uint8_t *const start = chain->metadata + (len < 24u ? 1u : 0u);
  myco_writer w;
  chain->unsigned_count = 0;
  if (len == 0u) return;
  myco_writer_init(&w, start, MYCO_ANCHOR_HEAD_MAX);
  myco_write_head(&w, MYCO_CBOR_MAP, 1u);
  myco_write_uint(&w, MYCO_ANCHOR_KEY);
  myco_write_head(&w, MYCO_CBOR_BYTES, len);
  in->metadata = start;
  in->metadata_len = w.len + len;
}

/** Are these the bytes of a chained message? What we would not take from others we do not send. */
static myco_status check(const uint8_t *message, size_t len) {
  myco_chained_view view;
  return myco_chained_parse(message, len, &view) == MYCO_OK ? MYCO_OK : MYCO_ERR_ARG;
}

myco_status myco_chain_add(myco_chain *chain, const myco_envelope *in, const myco_crypto *crypto, uint8_t *out,
                           size_t cap, size_t *written, uint8_t msg_id[MYCO_MSG_ID_BYTES]) {
  myco_writer w;
  myco_status status;
  if (in == NULL || written == NULL || (in->readings == NULL && in->reading_count > 0u)) return MYCO_ERR_ARG;
  myco_writer_init(&w, out, cap);
  write_first_fields(&w, in, MYCO_CHAINED_VERSION, REQUIRED_KEYS);
  myco_write_bytes(&w, chain->metadata + MYCO_ANCHOR_HEAD_MAX, (size_t)chain->known * MYCO_LINK_BYTES);
  write_other_fields(&w, in);
  status = myco_writer_finish(&w, written);
  if (status != MYCO_OK || out == NULL) return status;
  status = check(out, *written);
  if (status == MYCO_OK) status = myco_chained_id(out, *written, crypto, msg_id);
  if (status == MYCO_OK) remember(chain, msg_id);
  return status;
}

myco_status myco_chain_recall(myco_chain *chain, const uint8_t *message, size_t len, const myco_crypto *crypto) {
  uint8_t id[MYCO_LINK_BYTES];
  myco_status status;
  if (!myco_is_chained(message, len)) return MYCO_OK;
  status = myco_chained_id(message, len, crypto, id);
  if (status == MYCO_OK) remember(chain, id);
  return status;
}

int myco_is_chained(const uint8_t *message, size_t len) {
  return len > 3u && message[1] == MYCO_ENVELOPE_KEY_VERSION && message[2] == 0x18u &&
         message[3] == MYCO_CHAINED_VERSION;
}

/** @return 1 if so many bytes are whole links, and not too many */
static int are_links(size_t len) {
  return len % MYCO_LINK_BYTES == 0u && len <= MYCO_LINKS_MAX * MYCO_LINK_BYTES;
}

myco_status myco_chained_parse(const uint8_t *message, size_t len, myco_chained_view *out) {
  myco_reader r;
  size_t links_len = 0;
  size_t keys;
  if (len > MYCO_CHAINED_BYTES_MAX) return MYCO_ERR_NOT_DETERMINISTIC;
  myco_reader_init(&r, message, len);
  keys = (size_t)myco_read_expect(&r, MYCO_CBOR_MAP);
  if (uint_at(&r, MYCO_ENVELOPE_KEY_VERSION, UINT8_MAX) != MYCO_CHAINED_VERSION) myco_refuse(&r);
  read_first_fields(&r, &out->message);
  out->links = myco_read_bytes(&r, &links_len);
  out->link_count = links_len / MYCO_LINK_BYTES;
  keys -= read_other_fields(&r, &out->message);
  out->message.unsigned_len = len;
  out->message.msg_id = NULL;
  out->message.hash = NULL;
  out->message.signature = NULL;
  if (keys != REQUIRED_KEYS || !are_links(links_len)) myco_refuse(&r);
  return myco_finish_message(&r);
}

myco_status myco_chained_id(const uint8_t *message, size_t len, const myco_crypto *crypto, uint8_t id[MYCO_LINK_BYTES]) {
  uint8_t hash[MYCO_HASH_BYTES];
  if (crypto == NULL || crypto->blake2b_256 == NULL) return MYCO_ERR_CRYPTO;
  if (crypto->blake2b_256(crypto->ctx, message, len, hash) != 0) return MYCO_ERR_CRYPTO;
  myco_copy(id, hash, MYCO_LINK_BYTES);
  return MYCO_OK;
}

size_t myco_anchor_links(const myco_envelope_view *anchor, const uint8_t **links) {
  myco_reader r;
  size_t left;
  *links = NULL;
  if (anchor->metadata == NULL) return 0;
  myco_reader_init(&r, anchor->metadata, anchor->metadata_len);
  for (left = (size_t)myco_read_expect(&r, MYCO_CBOR_MAP); left > 0u && r.status == MYCO_OK; left--) {
    const int is_number = myco_read_peek(&r) == MYCO_CBOR_UINT;
    const uint64_t key = is_number ? myco_read_uint(&r, UINT64_MAX) : 0u;
    size_t len = 0;
    if (!is_number) myco_cbor_skip(&r, 1u, 1u);
    if (is_number && key == MYCO_ANCHOR_KEY && myco_read_peek(&r) == MYCO_CBOR_BYTES) {
      *links = myco_read_bytes(&r, &len);
      return *links != NULL && are_links(len) ? len / MYCO_LINK_BYTES : 0u;
    }
    myco_cbor_skip(&r, MYCO_METADATA_DEPTH_MAX, MYCO_METADATA_ITEMS_MAX);
  }
  return 0;
}
