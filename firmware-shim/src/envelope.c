/** MycoEnvelope v1. See envelope.h. */
#include "../include/myco/envelope.h"
#include "envelope_fields.h"
#include "internal.h"

/* A message is a map of these and, with a position or metadata, one more each; its hash and signature are the last two. */
#define REQUIRED_KEYS 10u
#define SIGNATURE_KEYS 2u
#define KEY_AND_HEAD_BYTES 3u /* Before the hash: its key, and the head of a string of 24 to 255 bytes. */
#define SIGNED_TEXT_BYTES (MYCO_SIGNATURE_PREFIX_BYTES + MYCO_HASH_BYTES)

MYCO_STATIC_ASSERT(REQUIRED_KEYS + 2u < 24u, the_count_of_keys_is_in_the_first_byte);

static void write_message(myco_writer *w, const myco_envelope *in) {
  write_first_fields(w, in, MYCO_ENVELOPE_VERSION, REQUIRED_KEYS);
  myco_write_bytes(w, in->msg_id, MYCO_MSG_ID_BYTES);
  write_other_fields(w, in);
  write_key(w, MYCO_ENVELOPE_KEY_HASH);
  myco_write_room(w, MYCO_HASH_BYTES);
  write_key(w, MYCO_ENVELOPE_KEY_SIGNATURE);
  myco_write_room(w, MYCO_SIGNATURE_BYTES);
}

/** What the signature covers: the prefix, and the hash of the message's own bytes as the map without its last two keys. */
static myco_status signed_text(uint8_t *message, size_t unsigned_len, const myco_crypto *crypto,
                               uint8_t text[SIGNED_TEXT_BYTES]) {
  int failed;
  if (crypto == NULL || crypto->blake2b_256 == NULL) return MYCO_ERR_CRYPTO;
  myco_copy(text, (const uint8_t *)MYCO_SIGNATURE_PREFIX, MYCO_SIGNATURE_PREFIX_BYTES);
  message[0] = (uint8_t)(message[0] - SIGNATURE_KEYS);
  failed = crypto->blake2b_256(crypto->ctx, message, unsigned_len, text + MYCO_SIGNATURE_PREFIX_BYTES);
  message[0] = (uint8_t)(message[0] + SIGNATURE_KEYS);
  return failed ? MYCO_ERR_CRYPTO : MYCO_OK;
}

myco_status myco_envelope_build(const myco_envelope *in, const myco_crypto *crypto, uint8_t *out, size_t cap,
                                size_t *written) {
  myco_writer w;
  myco_status status;
  if (in == NULL || written == NULL || (in->readings == NULL && in->reading_count > 0u)) return MYCO_ERR_ARG;
  myco_writer_init(&w, out, cap);
  write_message(&w, in);
  status = myco_writer_finish(&w, written);
  return status != MYCO_OK || out == NULL ? status : myco_envelope_seal(out, w.len, crypto);
}

/** How many bytes of a message the hash covers, 0 if it is no valid envelope. Its view is off the stack before the text is on. */
static size_t checked_len(const uint8_t *message, size_t len) {
  myco_envelope_view view;
  return myco_envelope_parse(message, len, &view) == MYCO_OK ? view.unsigned_len : 0u;
}

myco_status myco_envelope_seal(uint8_t *message, size_t len, const myco_crypto *crypto) {
  uint8_t text[SIGNED_TEXT_BYTES];
  myco_status status;
  /* One set of range checks for both directions: what we would not take from others we do not sign. */
  const size_t unsigned_len = checked_len(message, len);
  if (unsigned_len == 0u) return MYCO_ERR_ARG;
  status = signed_text(message, unsigned_len, crypto, text);
  if (status != MYCO_OK) return status;
  myco_copy(message + unsigned_len + KEY_AND_HEAD_BYTES, text + MYCO_SIGNATURE_PREFIX_BYTES, MYCO_HASH_BYTES);
  if (crypto->ed25519_sign == NULL ||
      crypto->ed25519_sign(crypto->ctx, text, sizeof text, message + len - MYCO_SIGNATURE_BYTES) != 0) {
    return MYCO_ERR_CRYPTO;
  }
  return MYCO_OK;
}

static const uint8_t *fixed_at(myco_reader *r, unsigned key, size_t len) {
  myco_expect_byte(r, key);
  return myco_read_fixed(r, len);
}

static void read_message(myco_reader *r, myco_envelope_view *out) {
  size_t keys = (size_t)myco_read_expect(r, MYCO_CBOR_MAP);
  myco_expect_byte(r, MYCO_ENVELOPE_KEY_VERSION);
  myco_expect_byte(r, MYCO_ENVELOPE_VERSION);
  read_first_fields(r, out);
  out->msg_id = myco_read_fixed(r, MYCO_MSG_ID_BYTES);
  keys -= read_other_fields(r, out);
  out->unsigned_len = r->at;
  out->hash = fixed_at(r, MYCO_ENVELOPE_KEY_HASH, MYCO_HASH_BYTES);
  out->signature = fixed_at(r, MYCO_ENVELOPE_KEY_SIGNATURE, MYCO_SIGNATURE_BYTES);
  if (keys != REQUIRED_KEYS) myco_refuse(r);
}

myco_status myco_envelope_parse(const uint8_t *message, size_t len, myco_envelope_view *out) {
  myco_reader r;
  myco_reader_init(&r, message, len);
  if (len > MYCO_ENVELOPE_BYTES_MAX) myco_refuse(&r);
  read_message(&r, out);
  return myco_finish_message(&r);
}

int myco_envelope_next_reading(myco_envelope_view *view, myco_reading *out) {
  if (view->reading_count == 0u) return 0;
  view->reading_count--;
  read_reading(&view->readings, out);
  return view->readings.status == MYCO_OK;
}

myco_status myco_envelope_verify(uint8_t *message, size_t len, const uint8_t public_key[32], const myco_crypto *crypto,
                                 myco_envelope_view *out) {
  uint8_t text[SIGNED_TEXT_BYTES];
  myco_status status = myco_envelope_parse(message, len, out);
  if (status != MYCO_OK) return status;
  status = signed_text(message, out->unsigned_len, crypto, text);
  if (status != MYCO_OK) return status;
  if (!myco_equal(text + MYCO_SIGNATURE_PREFIX_BYTES, out->hash, MYCO_HASH_BYTES)) return MYCO_ERR_HASH;
  return myco_verify(crypto, public_key, text, sizeof text, out->signature);
}
