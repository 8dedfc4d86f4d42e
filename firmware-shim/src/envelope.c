/** MycoEnvelope v1. See envelope.h. */
#include "../include/myco/envelope.h"
#include "internal.h"

/* A message is a map of these and, with a position or metadata, one more each; its hash and signature are the last two. */
#define REQUIRED_KEYS 10u
#define SIGNATURE_KEYS 2u
#define READING_KEYS 5u
#define SIGNED_TEXT_BYTES (MYCO_SIGNATURE_PREFIX_BYTES + MYCO_HASH_BYTES)

MYCO_STATIC_ASSERT(REQUIRED_KEYS + 2u < 24u, the_count_of_keys_is_in_the_first_byte);

/** What the signature covers: the prefix, and room for the hash behind it. */
static void signed_text(uint8_t text[SIGNED_TEXT_BYTES], const uint8_t *hash) {
  static const char prefix[] = MYCO_SIGNATURE_PREFIX;
  myco_copy(text, (const uint8_t *)prefix, MYCO_SIGNATURE_PREFIX_BYTES);
  if (hash != NULL) myco_copy(text + MYCO_SIGNATURE_PREFIX_BYTES, hash, MYCO_HASH_BYTES);
}

static int is_device_id(const char *id, size_t len) {
  size_t at;
  if (id == NULL || len == 0u || len > MYCO_DEVICE_ID_MAX) return 0;
  for (at = 0; at < len; at++) {
    const char c = id[at];
    const int allowed = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                        c == '_' || c == '-';
    if (!allowed) return 0;
  }
  return 1;
}

static int has_control_character(const char *text, size_t len) {
  size_t at;
  for (at = 0; at < len; at++) {
    const uint8_t byte = (uint8_t)text[at];
    if (byte < 0x20u || byte == 0x7Fu) return 1;
  }
  return 0;
}

static int is_on_globe(int64_t lat_e7, int64_t lon_e7) {
  return lat_e7 >= -MYCO_GEO_LAT_E7_MAX && lat_e7 <= MYCO_GEO_LAT_E7_MAX && lon_e7 >= -MYCO_GEO_LON_E7_MAX &&
         lon_e7 <= MYCO_GEO_LON_E7_MAX;
}

static void write_code(myco_writer *w, unsigned key, uint16_t number, const char *text, size_t len) {
  myco_write_uint(w, key);
  if (text == NULL) myco_write_uint(w, number);
  else myco_write_text(w, text, len);
}

static void write_geo(myco_writer *w, const myco_geo *geo) {
  myco_write_uint(w, MYCO_ENVELOPE_KEY_GEO);
  myco_write_head(w, MYCO_CBOR_MAP, geo->has_acc ? 3u : 2u);
  myco_write_uint(w, MYCO_GEO_KEY_LAT_E7);
  myco_write_int(w, geo->lat_e7);
  myco_write_uint(w, MYCO_GEO_KEY_LON_E7);
  myco_write_int(w, geo->lon_e7);
  if (geo->has_acc) {
    myco_write_uint(w, MYCO_GEO_KEY_ACC_M);
    myco_write_uint(w, geo->acc_m);
  }
}

static void write_reading(myco_writer *w, const myco_reading *reading) {
  myco_write_head(w, MYCO_CBOR_MAP, READING_KEYS);
  write_code(w, MYCO_READING_KEY_SENSOR, reading->sensor, reading->sensor_text, reading->sensor_text_len);
  myco_write_uint(w, MYCO_READING_KEY_VI);
  myco_write_int(w, reading->vi);
  myco_write_uint(w, MYCO_READING_KEY_VS);
  myco_write_uint(w, reading->vs);
  write_code(w, MYCO_READING_KEY_UNIT, reading->unit, reading->unit_text, reading->unit_text_len);
  myco_write_uint(w, MYCO_READING_KEY_QUALITY);
  myco_write_uint(w, reading->quality);
}

/** Everything that the hash covers, in a map that promises `more` keys behind it. */
static void write_fields(myco_writer *w, const myco_envelope *in, unsigned more) {
  size_t at;
  const unsigned optional = (in->geo != NULL ? 1u : 0u) + (in->metadata != NULL ? 1u : 0u);
  myco_write_head(w, MYCO_CBOR_MAP, REQUIRED_KEYS - SIGNATURE_KEYS + optional + more);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_VERSION);
  myco_write_uint(w, MYCO_ENVELOPE_VERSION);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_DEVICE_ID);
  myco_write_text(w, in->device_id, in->device_id_len);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_PROTO);
  myco_write_uint(w, in->proto);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_MSG_ID);
  myco_write_bytes(w, in->msg_id, MYCO_MSG_ID_BYTES);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_EPOCH_MS);
  myco_write_int(w, in->epoch_ms);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_SEQ);
  myco_write_uint(w, in->seq);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_MONO_MS);
  myco_write_uint(w, in->mono_ms);
  if (in->geo != NULL) write_geo(w, in->geo);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_READINGS);
  myco_write_head(w, MYCO_CBOR_ARRAY, in->reading_count);
  for (at = 0; at < in->reading_count; at++) write_reading(w, &in->readings[at]);
  if (in->metadata != NULL) {
    myco_write_uint(w, MYCO_ENVELOPE_KEY_METADATA);
    myco_write_raw(w, in->metadata, in->metadata_len);
  }
}

/** Hash the message's own bytes as the map without its last two keys, without a copy of them. */
static myco_status hash_unsigned(uint8_t *message, size_t unsigned_len, const myco_crypto *crypto,
                                 uint8_t hash[MYCO_HASH_BYTES]) {
  int failed;
  if (crypto->blake2b_256 == NULL) return MYCO_ERR_CRYPTO;
  message[0] = (uint8_t)(message[0] - SIGNATURE_KEYS);
  failed = crypto->blake2b_256(crypto->ctx, message, unsigned_len, hash);
  message[0] = (uint8_t)(message[0] + SIGNATURE_KEYS);
  return failed ? MYCO_ERR_CRYPTO : MYCO_OK;
}

/** @param hash, signature where they belong in the message; 0 bytes until now */
static myco_status sign(uint8_t *message, size_t unsigned_len, const myco_crypto *crypto, uint8_t *hash,
                        uint8_t *signature) {
  uint8_t text[SIGNED_TEXT_BYTES];
  myco_status status = hash_unsigned(message, unsigned_len, crypto, hash);
  if (status != MYCO_OK) return status;
  signed_text(text, hash);
  if (crypto->ed25519_sign == NULL) return MYCO_ERR_CRYPTO;
  return crypto->ed25519_sign(crypto->ctx, text, sizeof text, signature) ? MYCO_ERR_CRYPTO : MYCO_OK;
}

myco_status myco_envelope_build(const myco_envelope *in, const myco_crypto *crypto, uint8_t *out, size_t cap,
                                size_t *written) {
  static const uint8_t none[MYCO_SIGNATURE_BYTES] = {0};
  myco_envelope_view view;
  myco_writer w;
  myco_status status;
  size_t unsigned_len;
  size_t hash_at;
  if (in == NULL || written == NULL || (in->readings == NULL && in->reading_count > 0u)) return MYCO_ERR_ARG;
  myco_writer_init(&w, out, cap);
  write_fields(&w, in, SIGNATURE_KEYS);
  unsigned_len = w.len;
  myco_write_uint(&w, MYCO_ENVELOPE_KEY_HASH);
  myco_write_bytes(&w, none, MYCO_HASH_BYTES);
  hash_at = w.len - MYCO_HASH_BYTES;
  myco_write_uint(&w, MYCO_ENVELOPE_KEY_SIGNATURE);
  myco_write_bytes(&w, none, MYCO_SIGNATURE_BYTES);
  status = myco_writer_finish(&w, written);
  if (status != MYCO_OK || out == NULL) return status;
  /* One set of range checks for both directions: what we would not take from others we do not sign. */
  if (myco_envelope_parse(out, w.len, &view) != MYCO_OK) return MYCO_ERR_ARG;
  if (crypto == NULL) return MYCO_ERR_CRYPTO;
  return sign(out, unsigned_len, crypto, out + hash_at, out + w.len - MYCO_SIGNATURE_BYTES);
}

static void expect_key(myco_reader *r, unsigned key) {
  if (!myco_read_key(r, key)) myco_reader_fail(r, MYCO_ERR_SCHEMA);
}

static uint64_t uint_at(myco_reader *r, unsigned key, uint64_t max) {
  expect_key(r, key);
  return myco_read_uint(r, max);
}

static int64_t int_at(myco_reader *r, unsigned key) {
  expect_key(r, key);
  return myco_read_int(r);
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
  if (*text != NULL && has_control_character(*text, len)) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  return 0;
}

static void read_reading(myco_reader *r, myco_reading *out) {
  if (myco_read_expect(r, MYCO_CBOR_MAP) != READING_KEYS) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  out->sensor = read_code(r, MYCO_READING_KEY_SENSOR, &out->sensor_text, &out->sensor_text_len);
  out->vi = int_at(r, MYCO_READING_KEY_VI);
  out->vs = (uint8_t)uint_at(r, MYCO_READING_KEY_VS, MYCO_VALUE_PLACES_MAX);
  out->unit = read_code(r, MYCO_READING_KEY_UNIT, &out->unit_text, &out->unit_text_len);
  out->quality = (uint8_t)uint_at(r, MYCO_READING_KEY_QUALITY, MYCO_QUALITY_BAD);
}

static void read_geo(myco_reader *r, myco_geo *out) {
  const uint64_t keys = myco_read_expect(r, MYCO_CBOR_MAP);
  const int64_t lat_e7 = int_at(r, MYCO_GEO_KEY_LAT_E7);
  const int64_t lon_e7 = int_at(r, MYCO_GEO_KEY_LON_E7);
  out->has_acc = keys == 3u;
  out->acc_m = out->has_acc ? (uint32_t)uint_at(r, MYCO_GEO_KEY_ACC_M, UINT32_MAX) : 0u;
  if ((keys != 2u && keys != 3u) || !is_on_globe(lat_e7, lon_e7)) {
    myco_reader_fail(r, MYCO_ERR_SCHEMA);
    return;
  }
  out->lat_e7 = (int32_t)lat_e7;
  out->lon_e7 = (int32_t)lon_e7;
}

static void read_readings(myco_reader *r, myco_envelope_view *out) {
  myco_reading reading;
  size_t at;
  uint64_t count;
  expect_key(r, MYCO_ENVELOPE_KEY_READINGS);
  count = myco_read_expect(r, MYCO_CBOR_ARRAY);
  if (count > MYCO_READINGS_MAX) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  out->readings = *r;
  out->reading_count = (size_t)count;
  for (at = 0; at < out->reading_count && r->status == MYCO_OK; at++) read_reading(r, &reading);
}

static void read_metadata(myco_reader *r, myco_envelope_view *out) {
  const size_t start = r->at;
  if (myco_read_peek(r) != MYCO_CBOR_MAP) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  myco_cbor_skip(r, MYCO_METADATA_DEPTH_MAX, MYCO_METADATA_ITEMS_MAX);
  if (r->status != MYCO_OK) return;
  out->metadata = r->data + start;
  out->metadata_len = r->at - start;
}

static void read_fields(myco_reader *r, myco_envelope_view *out) {
  const uint64_t keys = myco_read_expect(r, MYCO_CBOR_MAP);
  (void)uint_at(r, MYCO_ENVELOPE_KEY_VERSION, MYCO_ENVELOPE_VERSION);
  if (r->status == MYCO_OK && r->data[r->at - 1u] != MYCO_ENVELOPE_VERSION) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  expect_key(r, MYCO_ENVELOPE_KEY_DEVICE_ID);
  out->device_id = myco_read_text(r, MYCO_DEVICE_ID_MAX, &out->device_id_len);
  if (out->device_id != NULL && !is_device_id(out->device_id, out->device_id_len)) myco_reader_fail(r, MYCO_ERR_SCHEMA);
  out->proto = (uint8_t)uint_at(r, MYCO_ENVELOPE_KEY_PROTO, UINT8_MAX);
  out->msg_id = fixed_at(r, MYCO_ENVELOPE_KEY_MSG_ID, MYCO_MSG_ID_BYTES);
  out->epoch_ms = int_at(r, MYCO_ENVELOPE_KEY_EPOCH_MS);
  out->seq = uint_at(r, MYCO_ENVELOPE_KEY_SEQ, UINT64_MAX);
  out->mono_ms = uint_at(r, MYCO_ENVELOPE_KEY_MONO_MS, UINT64_MAX);
  out->has_geo = (uint8_t)myco_read_key(r, MYCO_ENVELOPE_KEY_GEO);
  if (out->has_geo) read_geo(r, &out->geo);
  read_readings(r, out);
  out->metadata = NULL;
  out->metadata_len = 0;
  if (myco_read_key(r, MYCO_ENVELOPE_KEY_METADATA)) read_metadata(r, out);
  out->unsigned_len = r->at;
  out->hash = fixed_at(r, MYCO_ENVELOPE_KEY_HASH, MYCO_HASH_BYTES);
  out->signature = fixed_at(r, MYCO_ENVELOPE_KEY_SIGNATURE, MYCO_SIGNATURE_BYTES);
  if (keys != REQUIRED_KEYS + out->has_geo + (out->metadata != NULL ? 1u : 0u)) myco_reader_fail(r, MYCO_ERR_SCHEMA);
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
  status = hash_unsigned(message, out->unsigned_len, crypto, text + MYCO_SIGNATURE_PREFIX_BYTES);
  if (status != MYCO_OK) return status;
  if (!myco_equal(text + MYCO_SIGNATURE_PREFIX_BYTES, out->hash, MYCO_HASH_BYTES)) return MYCO_ERR_HASH;
  signed_text(text, NULL);
  if (crypto->ed25519_verify == NULL) return MYCO_ERR_CRYPTO;
  return crypto->ed25519_verify(crypto->ctx, public_key, text, sizeof text, out->signature) ? MYCO_ERR_SIGNATURE
                                                                                            : MYCO_OK;
}
