/**
 * What envelopes and chained messages have in common. A header of functions, so that a program without chains has no
 * byte of them: each of the two sources has its own.
 */
#ifndef MYCO_ENVELOPE_FIELDS_H
#define MYCO_ENVELOPE_FIELDS_H

#include "../include/myco/envelope.h"
#include "internal.h"

#define READING_KEYS 5u
#define TEXT_MAX 64u

MYCO_STATIC_ASSERT(TEXT_MAX == MYCO_DEVICE_ID_MAX && TEXT_MAX == MYCO_CODE_TEXT_MAX, every_text_has_the_same_limit);

static int is_of_device_id(uint8_t c) {
  const unsigned letter = c & 0xDFu; /* Of either case. */
  return (letter >= 'A' && letter <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static int is_printable(uint8_t c) {
  return c >= 0x20u && c != 0x7Fu;
}

static MYCO_ONE_COPY void write_key(myco_writer *w, unsigned key) {
  myco_write_uint(w, key);
}

static MYCO_ONE_COPY void write_uint(myco_writer *w, unsigned key, uint64_t value) {
  write_key(w, key);
  myco_write_uint(w, value);
}

static MYCO_ONE_COPY void write_int(myco_writer *w, unsigned key, int64_t value) {
  write_key(w, key);
  myco_write_int(w, value);
}

/** @param number the code, or with a text how long that is */
static MYCO_ONE_COPY void write_code(myco_writer *w, unsigned key, const char *text, unsigned number) {
  write_key(w, key);
  if (text == NULL) myco_write_uint(w, number);
  else myco_write_text(w, text, number);
}

static void write_geo(myco_writer *w, const myco_geo *geo) {
  write_key(w, MYCO_ENVELOPE_KEY_GEO);
  myco_write_head(w, MYCO_CBOR_MAP, 2u + (geo->has_acc != 0u));
  write_int(w, MYCO_GEO_KEY_LAT_E7, geo->lat_e7);
  write_int(w, MYCO_GEO_KEY_LON_E7, geo->lon_e7);
  if (geo->has_acc) write_uint(w, MYCO_GEO_KEY_ACC_M, geo->acc_m);
}

static void write_reading(myco_writer *w, const myco_reading *reading) {
  myco_write_head(w, MYCO_CBOR_MAP, READING_KEYS);
  write_code(w, MYCO_READING_KEY_SENSOR, reading->sensor_text,
             reading->sensor_text == NULL ? reading->sensor : reading->sensor_text_len);
  write_int(w, MYCO_READING_KEY_VI, reading->vi);
  write_uint(w, MYCO_READING_KEY_VS, reading->vs);
  write_code(w, MYCO_READING_KEY_UNIT, reading->unit_text,
             reading->unit_text == NULL ? reading->unit : reading->unit_text_len);
  write_uint(w, MYCO_READING_KEY_QUALITY, reading->quality);
}

/** Up to the transport, in a map of so many keys and of those that the envelope adds. */
static void write_first_fields(myco_writer *w, const myco_envelope *in, unsigned version, unsigned keys) {
  const unsigned optional = (in->geo != NULL ? 1u : 0u) + (in->metadata != NULL ? 1u : 0u);
  myco_write_head(w, MYCO_CBOR_MAP, keys + optional);
  write_uint(w, MYCO_ENVELOPE_KEY_VERSION, version);
  write_key(w, MYCO_ENVELOPE_KEY_DEVICE_ID);
  myco_write_text(w, in->device_id, in->device_id_len);
  write_uint(w, MYCO_ENVELOPE_KEY_PROTO, in->proto);
  write_key(w, MYCO_ENVELOPE_KEY_MSG_ID);
}

/** From behind key 3 to the metadata. */
static void write_other_fields(myco_writer *w, const myco_envelope *in) {
  const myco_reading *reading = in->readings;
  size_t left = in->reading_count;
  write_int(w, MYCO_ENVELOPE_KEY_EPOCH_MS, in->epoch_ms);
  write_uint(w, MYCO_ENVELOPE_KEY_SEQ, in->seq);
  write_uint(w, MYCO_ENVELOPE_KEY_MONO_MS, in->mono_ms);
  if (in->geo != NULL) write_geo(w, in->geo);
  write_key(w, MYCO_ENVELOPE_KEY_READINGS);
  myco_write_head(w, MYCO_CBOR_ARRAY, left);
  for (; left > 0u; left--) write_reading(w, reading++);
  if (in->metadata != NULL) {
    write_key(w, MYCO_ENVELOPE_KEY_METADATA);
    myco_write_raw(w, in->metadata, in->metadata_len);
  }
}


static MYCO_ONE_COPY uint32_t uint_at(myco_reader *r, unsigned key, uint32_t max) {
  myco_expect_byte(r, key);
  return (uint32_t)myco_read_uint(r, max);
}

static MYCO_ONE_COPY int64_t int_at(myco_reader *r, unsigned key) {
  myco_expect_byte(r, key);
  return myco_read_int(r);
}

/** @return from -max to max */
static MYCO_ONE_COPY int32_t degrees_at(myco_reader *r, unsigned key, uint32_t max) {
  const int64_t value = int_at(r, key);
  if ((uint64_t)value + max > (uint64_t)max + max) myco_refuse(r);
  return (int32_t)value;
}

/** Text of the characters that a device id, or else a code, may have. */
static const char *read_text(myco_reader *r, int is_id, size_t *len) {
  const char *const text = myco_read_text(r, TEXT_MAX, len);
  size_t at;
  for (at = 0; at < *len; at++) {
    if (!(is_id ? is_of_device_id((uint8_t)text[at]) : is_printable((uint8_t)text[at]))) myco_refuse(r);
  }
  return text;
}

/** A number of a code table, or text. @return the number, if it is one */
static MYCO_ONE_COPY uint16_t read_code(myco_reader *r, unsigned key, const char **text, uint8_t *text_len) {
  size_t len = 0;
  myco_expect_byte(r, key);
  *text = NULL;
  *text_len = 0;
  if (myco_read_peek(r) != MYCO_CBOR_TEXT) return (uint16_t)myco_read_uint(r, UINT16_MAX);
  *text = read_text(r, 0, &len);
  *text_len = (uint8_t)len;
  return 0;
}

static void read_reading(myco_reader *r, myco_reading *out) {
  myco_expect_byte(r, MYCO_SHORT_HEAD(MYCO_CBOR_MAP, READING_KEYS));
  out->sensor = read_code(r, MYCO_READING_KEY_SENSOR, &out->sensor_text, &out->sensor_text_len);
  out->vi = int_at(r, MYCO_READING_KEY_VI);
  out->vs = (uint8_t)uint_at(r, MYCO_READING_KEY_VS, MYCO_VALUE_PLACES_MAX);
  out->unit = read_code(r, MYCO_READING_KEY_UNIT, &out->unit_text, &out->unit_text_len);
  out->quality = (uint8_t)uint_at(r, MYCO_READING_KEY_QUALITY, MYCO_QUALITY_BAD);
}

static void read_geo(myco_reader *r, myco_geo *out) {
  out->acc_m = 0;
  out->has_acc = (uint8_t)myco_read_key(r, MYCO_SHORT_HEAD(MYCO_CBOR_MAP, 3u));
  if (!out->has_acc) myco_expect_byte(r, MYCO_SHORT_HEAD(MYCO_CBOR_MAP, 2u));
  out->lat_e7 = degrees_at(r, MYCO_GEO_KEY_LAT_E7, MYCO_GEO_LAT_E7_MAX);
  out->lon_e7 = degrees_at(r, MYCO_GEO_KEY_LON_E7, MYCO_GEO_LON_E7_MAX);
  if (out->has_acc) out->acc_m = uint_at(r, MYCO_GEO_KEY_ACC_M, UINT32_MAX);
}

static void read_readings(myco_reader *r, myco_envelope_view *out) {
  myco_reading reading;
  size_t left;
  myco_expect_byte(r, MYCO_ENVELOPE_KEY_READINGS);
  left = out->reading_count = (size_t)myco_read_expect(r, MYCO_CBOR_ARRAY);
  if (left > MYCO_READINGS_MAX) myco_refuse(r);
  out->readings = *r;
  for (; left > 0u && r->status == MYCO_OK; left--) read_reading(r, &reading);
}

static void read_metadata(myco_reader *r, myco_envelope_view *out) {
  const size_t start = r->at;
  if (myco_read_peek(r) != MYCO_CBOR_MAP) myco_refuse(r);
  myco_cbor_skip(r, MYCO_METADATA_DEPTH_MAX, MYCO_METADATA_ITEMS_MAX);
  out->metadata = r->data + start;
  out->metadata_len = r->at - start;
}

/** From behind the version to key 3. */
static void read_first_fields(myco_reader *r, myco_envelope_view *out) {
  myco_expect_byte(r, MYCO_ENVELOPE_KEY_DEVICE_ID);
  out->device_id = read_text(r, 1, &out->device_id_len);
  out->proto = (uint8_t)uint_at(r, MYCO_ENVELOPE_KEY_PROTO, UINT8_MAX);
  myco_expect_byte(r, MYCO_ENVELOPE_KEY_MSG_ID);
}

/** @return how many of the optional keys there are */
static size_t read_other_fields(myco_reader *r, myco_envelope_view *out) {
  out->epoch_ms = int_at(r, MYCO_ENVELOPE_KEY_EPOCH_MS);
  myco_expect_byte(r, MYCO_ENVELOPE_KEY_SEQ);
  out->seq = myco_read_expect(r, MYCO_CBOR_UINT);
  myco_expect_byte(r, MYCO_ENVELOPE_KEY_MONO_MS);
  out->mono_ms = myco_read_expect(r, MYCO_CBOR_UINT);
  out->has_geo = (uint8_t)myco_read_key(r, MYCO_ENVELOPE_KEY_GEO);
  if (out->has_geo) read_geo(r, &out->geo);
  read_readings(r, out);
  out->metadata = NULL;
  out->metadata_len = 0;
  if (myco_read_key(r, MYCO_ENVELOPE_KEY_METADATA)) read_metadata(r, out);
  return (size_t)out->has_geo + (out->metadata != NULL);
}

#endif /* MYCO_ENVELOPE_FIELDS_H */
