/** MycoEnvelope v1. See envelope.h. */
#include "../include/myco/envelope.h"
#include "internal.h"

/* A message is a map of these and, with a position or metadata, one more each; its hash and signature are the last two. */
#define REQUIRED_KEYS 10u
#define SIGNATURE_KEYS 2u
#define READING_KEYS 5u
#define SIGNED_TEXT_BYTES (MYCO_SIGNATURE_PREFIX_BYTES + MYCO_HASH_BYTES)

MYCO_STATIC_ASSERT(REQUIRED_KEYS + 2u < 24u, the_count_of_keys_is_in_the_first_byte);

static int is_of_device_id(uint8_t c) {
  const unsigned letter = c & 0xDFu; /* Of either case. */
  return (letter >= 'A' && letter <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static int is_printable(uint8_t c) {
  return c >= 0x20u && c != 0x7Fu;
}

static void write_uint(myco_writer *w, unsigned key, uint64_t value) {
  myco_write_uint(w, key);
  myco_write_uint(w, value);
}

static void write_int(myco_writer *w, unsigned key, int64_t value) {
  myco_write_uint(w, key);
  myco_write_int(w, value);
}

static void write_code(myco_writer *w, unsigned key, uint16_t number, const char *text, size_t len) {
  if (text == NULL) {
    write_uint(w, key, number);
    return;
  }
  myco_write_uint(w, key);
  myco_write_text(w, text, len);
}

static void write_geo(myco_writer *w, const myco_geo *geo) {
  myco_write_uint(w, MYCO_ENVELOPE_KEY_GEO);
  myco_write_head(w, MYCO_CBOR_MAP, geo->has_acc ? 3u : 2u);
  write_int(w, MYCO_GEO_KEY_LAT_E7, geo->lat_e7);
  write_int(w, MYCO_GEO_KEY_LON_E7, geo->lon_e7);
  if (geo->has_acc) write_uint(w, MYCO_GEO_KEY_ACC_M, geo->acc_m);
}

static void write_reading(myco_writer *w, const myco_reading *reading) {
  myco_write_head(w, MYCO_CBOR_MAP, READING_KEYS);
  write_code(w, MYCO_READING_KEY_SENSOR, reading->sensor, reading->sensor_text, reading->sensor_text_len);
  write_int(w, MYCO_READING_KEY_VI, reading->vi);
  write_uint(w, MYCO_READING_KEY_VS, reading->vs);
  write_code(w, MYCO_READING_KEY_UNIT, reading->unit, reading->unit_text, reading->unit_text_len);
  write_uint(w, MYCO_READING_KEY_QUALITY, reading->quality);
}

static void write_message(myco_writer *w, const myco_envelope *in) {
  size_t at;
  const unsigned optional = (in->geo != NULL ? 1u : 0u) + (in->metadata != NULL ? 1u : 0u);
  myco_write_head(w, MYCO_CBOR_MAP, REQUIRED_KEYS + optional);
  write_uint(w, MYCO_ENVELOPE_KEY_VERSION, MYCO_ENVELOPE_VERSION);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_DEVICE_ID);
  myco_write_text(w, in->device_id, in->device_id_len);
  write_uint(w, MYCO_ENVELOPE_KEY_PROTO, in->proto);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_MSG_ID);
  myco_write_bytes(w, in->msg_id, MYCO_MSG_ID_BYTES);
  write_int(w, MYCO_ENVELOPE_KEY_EPOCH_MS, in->epoch_ms);
  write_uint(w, MYCO_ENVELOPE_KEY_SEQ, in->seq);
  write_uint(w, MYCO_ENVELOPE_KEY_MONO_MS, in->mono_ms);
  if (in->geo != NULL) write_geo(w, in->geo);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_READINGS);
  myco_write_head(w, MYCO_CBOR_ARRAY, in->reading_count);
  for (at = 0; at < in->reading_count; at++) write_reading(w, &in->readings[at]);
  if (in->metadata != NULL) {
    myco_write_uint(w, MYCO_ENVELOPE_KEY_METADATA);
    myco_write_raw(w, in->metadata, in->metadata_len);
  }
  myco_write_uint(w, MYCO_ENVELOPE_KEY_HASH);
  myco_write_room(w, MYCO_HASH_BYTES);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_SIGNATURE);
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

myco_status myco_envelope_seal(uint8_t *message, size_t len, const myco_crypto *crypto) {
  uint8_t text[SIGNED_TEXT_BYTES];
  myco_envelope_view view;
  myco_status status;
  /* One set of range checks for both directions: what we would not take from others we do not sign. */
  if (myco_envelope_parse(message, len, &view) != MYCO_OK) return MYCO_ERR_ARG;
  status = signed_text(message, view.unsigned_len, crypto, text);
  if (status != MYCO_OK) return status;
  myco_copy(message + (view.hash - message), text + MYCO_SIGNATURE_PREFIX_BYTES, MYCO_HASH_BYTES);
  if (crypto->ed25519_sign == NULL) return MYCO_ERR_CRYPTO;
  return crypto->ed25519_sign(crypto->ctx, text, sizeof text, message + (view.signature - message)) ? MYCO_ERR_CRYPTO
                                                                                                    : MYCO_OK;
}

static void require(myco_reader *r, int holds) {
  if (!holds) myco_reader_fail(r, MYCO_ERR_SCHEMA);
}

static void expect_key(myco_reader *r, unsigned key) {
  require(r, myco_read_key(r, key));
}

static uint64_t uint_at(myco_reader *r, unsigned key, uint64_t max) {
  expect_key(r, key);
  return myco_read_uint(r, max);
}

static int64_t int_at(myco_reader *r, unsigned key) {
  expect_key(r, key);
  return myco_read_int(r);
}

/** @return from -max to max */
static int32_t degrees_at(myco_reader *r, unsigned key, int32_t max) {
  const int64_t value = int_at(r, key);
  require(r, value >= -max && value <= max);
  return (int32_t)value;
}

static const uint8_t *fixed_at(myco_reader *r, unsigned key, size_t len) {
  expect_key(r, key);
  return myco_read_fixed(r, len);
}

/** A number of a code table, or text. @return the number, if it is one */
static uint16_t read_code(myco_reader *r, unsigned key, const char **text, uint8_t *text_len) {
  size_t len = 0;
  expect_key(r, key);
  *text = NULL;
  *text_len = 0;
  if (myco_read_peek(r) != MYCO_CBOR_TEXT) return (uint16_t)myco_read_uint(r, UINT16_MAX);
  *text = myco_read_text(r, MYCO_CODE_TEXT_MAX, &len);
  *text_len = (uint8_t)len;
  for (; len > 0u; len--) require(r, is_printable((uint8_t)(*text)[len - 1u]));
  return 0;
}

static void read_reading(myco_reader *r, myco_reading *out) {
  require(r, myco_read_expect(r, MYCO_CBOR_MAP) == READING_KEYS);
  out->sensor = read_code(r, MYCO_READING_KEY_SENSOR, &out->sensor_text, &out->sensor_text_len);
  out->vi = int_at(r, MYCO_READING_KEY_VI);
  out->vs = (uint8_t)uint_at(r, MYCO_READING_KEY_VS, MYCO_VALUE_PLACES_MAX);
  out->unit = read_code(r, MYCO_READING_KEY_UNIT, &out->unit_text, &out->unit_text_len);
  out->quality = (uint8_t)uint_at(r, MYCO_READING_KEY_QUALITY, MYCO_QUALITY_BAD);
}

static void read_geo(myco_reader *r, myco_geo *out) {
  const size_t keys = (size_t)myco_read_expect(r, MYCO_CBOR_MAP);
  out->lat_e7 = degrees_at(r, MYCO_GEO_KEY_LAT_E7, MYCO_GEO_LAT_E7_MAX);
  out->lon_e7 = degrees_at(r, MYCO_GEO_KEY_LON_E7, MYCO_GEO_LON_E7_MAX);
  out->has_acc = keys != 2u;
  out->acc_m = out->has_acc ? (uint32_t)uint_at(r, MYCO_GEO_KEY_ACC_M, UINT32_MAX) : 0u;
  require(r, keys <= 3u);
}

static void read_readings(myco_reader *r, myco_envelope_view *out) {
  myco_reading reading;
  size_t left;
  expect_key(r, MYCO_ENVELOPE_KEY_READINGS);
  left = out->reading_count = (size_t)myco_read_expect(r, MYCO_CBOR_ARRAY);
  require(r, left <= MYCO_READINGS_MAX);
  out->readings = *r;
  for (; left > 0u && r->status == MYCO_OK; left--) read_reading(r, &reading);
}

static void read_metadata(myco_reader *r, myco_envelope_view *out) {
  const size_t start = r->at;
  require(r, myco_read_peek(r) == MYCO_CBOR_MAP);
  myco_cbor_skip(r, MYCO_METADATA_DEPTH_MAX, MYCO_METADATA_ITEMS_MAX);
  out->metadata = r->data + start;
  out->metadata_len = r->at - start;
}

static void read_fields(myco_reader *r, myco_envelope_view *out) {
  size_t keys = (size_t)myco_read_expect(r, MYCO_CBOR_MAP);
  size_t at;
  require(r, (unsigned)uint_at(r, MYCO_ENVELOPE_KEY_VERSION, MYCO_ENVELOPE_VERSION) == MYCO_ENVELOPE_VERSION);
  expect_key(r, MYCO_ENVELOPE_KEY_DEVICE_ID);
  out->device_id = myco_read_text(r, MYCO_DEVICE_ID_MAX, &out->device_id_len);
  for (at = 0; at < out->device_id_len; at++) require(r, is_of_device_id((uint8_t)out->device_id[at]));
  out->proto = (uint8_t)uint_at(r, MYCO_ENVELOPE_KEY_PROTO, UINT8_MAX);
  out->msg_id = fixed_at(r, MYCO_ENVELOPE_KEY_MSG_ID, MYCO_MSG_ID_BYTES);
  out->epoch_ms = int_at(r, MYCO_ENVELOPE_KEY_EPOCH_MS);
  out->seq = uint_at(r, MYCO_ENVELOPE_KEY_SEQ, UINT64_MAX);
  out->mono_ms = uint_at(r, MYCO_ENVELOPE_KEY_MONO_MS, UINT64_MAX);
  out->has_geo = (uint8_t)myco_read_key(r, MYCO_ENVELOPE_KEY_GEO);
  keys -= out->has_geo;
  if (out->has_geo) read_geo(r, &out->geo);
  read_readings(r, out);
  out->metadata = NULL;
  out->metadata_len = 0;
  if (myco_read_key(r, MYCO_ENVELOPE_KEY_METADATA)) {
    keys--;
    read_metadata(r, out);
  }
  out->unsigned_len = r->at;
  out->hash = fixed_at(r, MYCO_ENVELOPE_KEY_HASH, MYCO_HASH_BYTES);
  out->signature = fixed_at(r, MYCO_ENVELOPE_KEY_SIGNATURE, MYCO_SIGNATURE_BYTES);
  require(r, keys == REQUIRED_KEYS);
}

myco_status myco_envelope_parse(const uint8_t *message, size_t len, myco_envelope_view *out) {
  myco_reader r;
  myco_status status;
  if (len > MYCO_ENVELOPE_BYTES_MAX) return MYCO_ERR_NOT_DETERMINISTIC;
  myco_reader_init(&r, message, len);
  read_fields(&r, out);
  if (myco_reader_finish(&r) == MYCO_OK) return MYCO_OK;
  /* It does not fit the schema; say so only of what is deterministic CBOR at all. */
  status = myco_cbor_check(message, len);
  return status == MYCO_OK ? MYCO_ERR_SCHEMA : status;
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
  if (crypto->ed25519_verify == NULL) return MYCO_ERR_CRYPTO;
  return crypto->ed25519_verify(crypto->ctx, public_key, text, sizeof text, out->signature) ? MYCO_ERR_SIGNATURE
                                                                                            : MYCO_OK;
}
