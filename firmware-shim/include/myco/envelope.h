/** MycoEnvelope v1: build, sign, read and verify. Protocol reference, "Envelope". */
#ifndef MYCO_ENVELOPE_H
#define MYCO_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "cbor.h"
#include "crypto.h"
#include "protocol.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The value is vi x 10^(-vs). Sensor and unit are codes of the tables in protocol.h, or text where `_text` is not NULL. */
typedef struct myco_reading {
  int64_t vi;
  const char *sensor_text; /* UTF-8 without control characters, not terminated. */
  const char *unit_text;
  uint8_t sensor_text_len; /* 1 to MYCO_CODE_TEXT_MAX */
  uint8_t unit_text_len;
  uint16_t sensor;
  uint16_t unit;
  uint8_t vs;      /* At most MYCO_VALUE_PLACES_MAX. */
  uint8_t quality; /* MYCO_QUALITY_* */
} myco_reading;

typedef struct myco_geo {
  int32_t lat_e7;
  int32_t lon_e7;
  uint32_t acc_m;
  uint8_t has_acc; /* 0: the accuracy is unknown, and left out. */
} myco_geo;

/** What an envelope says. Every pointer belongs to the caller; fields that are not needed are 0. */
typedef struct myco_envelope {
  const char *device_id; /* 1 to MYCO_DEVICE_ID_MAX of A-Z a-z 0-9 . _ - */
  size_t device_id_len;
  const uint8_t *msg_id; /* MYCO_MSG_ID_BYTES; a resent message keeps it. */
  uint8_t proto;         /* MYCO_TRANSPORT_* */
  int64_t epoch_ms;      /* 0 without a clock. */
  uint64_t seq;
  uint64_t mono_ms;
  const myco_geo *geo; /* NULL without a fix. */
  const myco_reading *readings;
  size_t reading_count;    /* At most MYCO_READINGS_MAX. */
  const uint8_t *metadata; /* One CBOR map as the writer of cbor.h makes it, or NULL. */
  size_t metadata_len;
} myco_envelope;

/**
 * A signed message. Nothing is written past `cap`; on an error `out` may hold a part of it.
 * @param out NULL (with cap 0) only measures: no crypto is called
 * @param written bytes written, or bytes needed when measuring and on MYCO_ERR_NO_SPACE
 * @return MYCO_ERR_ARG for a field out of range, MYCO_ERR_NO_SPACE, MYCO_ERR_CRYPTO
 */
myco_status myco_envelope_build(const myco_envelope *in, const myco_crypto *crypto, uint8_t *out, size_t cap,
                                size_t *written);

/**
 * Fill in the hash and the signature of a message that somebody wrote with room for both, whatever is in there.
 * @return MYCO_ERR_ARG if that would be no valid envelope, MYCO_ERR_CRYPTO
 */
myco_status myco_envelope_seal(uint8_t *message, size_t len, const myco_crypto *crypto);

/** A message as read: views into its bytes. */
typedef struct myco_envelope_view {
  uint8_t has_geo;
  uint8_t proto;
  myco_geo geo; /* Only with has_geo. */
  const char *device_id;
  size_t device_id_len;
  const uint8_t *msg_id;
  int64_t epoch_ms;
  uint64_t seq;
  uint64_t mono_ms;
  size_t reading_count;
  myco_reader readings; /* For myco_envelope_next_reading. */
  const uint8_t *metadata; /* NULL without. */
  size_t metadata_len;
  size_t unsigned_len; /* Bytes that the hash covers, with the first byte less 2. */
  const uint8_t *hash;
  const uint8_t *signature;
} myco_envelope_view;

/**
 * Total over any bytes; believes nothing. A message that is both cut and in another encoding may get either reason.
 * @return MYCO_ERR_NOT_WELL_FORMED, MYCO_ERR_NOT_DETERMINISTIC or MYCO_ERR_SCHEMA
 */
myco_status myco_envelope_parse(const uint8_t *message, size_t len, myco_envelope_view *out);

/** The next reading. @return 1, or 0 when there are no more */
int myco_envelope_next_reading(myco_envelope_view *view, myco_reading *out);

/**
 * Parse, and check the hash and the signature of the message as received.
 * @param message its first byte is changed for the hash and set back before this returns
 * @return also MYCO_ERR_HASH, MYCO_ERR_SIGNATURE, MYCO_ERR_CRYPTO
 */
myco_status myco_envelope_verify(uint8_t *message, size_t len, const uint8_t public_key[32], const myco_crypto *crypto,
                                 myco_envelope_view *out);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ENVELOPE_H */
