/**
 * The interface of the codec that present firmware has, over this library: the same types, function, hooks, arguments,
 * return codes and limits, and the same bytes. Put this folder on the include path in place of the old `myco_envelope.h`,
 * remove the old sources, and compile. Header only, because the hooks are the firmware's.
 *
 * One thing is not the same: what no receiver takes (a device id of other characters or over 64, more than 9 decimal
 * places, a quality over 2, a position off the globe) used to be signed and gives -4 here.
 */
#ifndef MYCO_COMPAT_ENVELOPE_H
#define MYCO_COMPAT_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "../envelope.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  MYCO_PROTO_LORAWAN = 1,
  MYCO_PROTO_MQTT = 2,
  MYCO_PROTO_BLE = 3,
  MYCO_PROTO_LTE = 4,
  MYCO_PROTO_OTHER = 5
};

typedef struct {
  uint16_t sid; /* Sensor: MYCO_SENSOR_* */
  int32_t vi;   /* The value is vi x 10^(-vs). */
  uint8_t vs;
  uint16_t unit; /* MYCO_UNIT_* */
  uint8_t quality;
} myco_reading_t;

typedef struct {
  int has_fix;
  int32_t lat_e7;
  int32_t lon_e7;
  uint16_t acc_m;
} myco_geo_t;

/* Hooks, defined by the firmware. */

/** BLAKE2b with a 32-byte digest. */
void myco_hash256(uint8_t out32[32], const uint8_t *msg, size_t msg_len);
/** @param sk64 seed and public key */
void myco_ed25519_sign(uint8_t sig64[64], const uint8_t sk64[64], const uint8_t *msg, size_t msg_len);
/** @return 1 for a valid signature, else 0 */
int myco_ed25519_verify(const uint8_t pk32[32], const uint8_t *msg, size_t msg_len, const uint8_t sig64[64]);

static inline int myco_compat_hash(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx;
  myco_hash256(digest, data, len);
  return 0;
}

static inline int myco_compat_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]) {
  if (ctx == NULL) return -1;
  myco_ed25519_sign(signature, (const uint8_t *)ctx, data, len);
  return 0;
}

static inline int myco_compat_verify(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len,
                                     const uint8_t signature[64]) {
  (void)ctx;
  return myco_ed25519_verify(public_key, data, len, signature) == 1 ? 0 : -1;
}

/** The hooks for the rest of the library, which checks receipts with them. @param sk64 NULL for a table that only verifies */
static inline myco_crypto myco_compat_crypto(const uint8_t sk64[64]) {
  myco_crypto crypto;
  crypto.ctx = (void *)sk64;
  crypto.blake2b_256 = myco_compat_hash;
  crypto.sha256 = NULL;
  crypto.ed25519_sign = myco_compat_sign;
  crypto.ed25519_verify = myco_compat_verify;
  return crypto;
}

static inline void myco_compat_put_uint(myco_writer *w, unsigned key, uint64_t value) {
  myco_write_uint(w, key);
  myco_write_uint(w, value);
}

static inline void myco_compat_put_int(myco_writer *w, unsigned key, int64_t value) {
  myco_write_uint(w, key);
  myco_write_int(w, value);
}

/** Everything that is signed, readings straight from the caller's array. */
static inline void myco_compat_put_fields(myco_writer *w, const char *device_id, uint8_t proto,
                                          const uint8_t msg_id_16[16], int64_t epoch_ms, uint32_t seq, uint64_t mono_ms,
                                          const myco_geo_t *geo, const myco_reading_t *readings, size_t n_readings) {
  const int has_fix = geo != NULL && geo->has_fix;
  size_t len = 0;
  while (device_id[len] != '\0') len++;
  myco_write_head(w, MYCO_CBOR_MAP, has_fix ? 11u : 10u);
  myco_compat_put_uint(w, MYCO_ENVELOPE_KEY_VERSION, MYCO_ENVELOPE_VERSION);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_DEVICE_ID);
  myco_write_text(w, device_id, len);
  myco_compat_put_uint(w, MYCO_ENVELOPE_KEY_PROTO, proto);
  myco_write_uint(w, MYCO_ENVELOPE_KEY_MSG_ID);
  myco_write_bytes(w, msg_id_16, MYCO_MSG_ID_BYTES);
  myco_compat_put_int(w, MYCO_ENVELOPE_KEY_EPOCH_MS, epoch_ms);
  myco_compat_put_uint(w, MYCO_ENVELOPE_KEY_SEQ, seq);
  myco_compat_put_uint(w, MYCO_ENVELOPE_KEY_MONO_MS, mono_ms);
  if (has_fix) {
    myco_write_uint(w, MYCO_ENVELOPE_KEY_GEO);
    myco_write_head(w, MYCO_CBOR_MAP, 3);
    myco_compat_put_int(w, MYCO_GEO_KEY_LAT_E7, geo->lat_e7);
    myco_compat_put_int(w, MYCO_GEO_KEY_LON_E7, geo->lon_e7);
    myco_compat_put_uint(w, MYCO_GEO_KEY_ACC_M, geo->acc_m);
  }
  myco_write_uint(w, MYCO_ENVELOPE_KEY_READINGS);
  myco_write_head(w, MYCO_CBOR_ARRAY, n_readings);
  for (; n_readings > 0u; n_readings--, readings++) {
    myco_write_head(w, MYCO_CBOR_MAP, 5);
    myco_compat_put_uint(w, MYCO_READING_KEY_SENSOR, readings->sid);
    myco_compat_put_int(w, MYCO_READING_KEY_VI, readings->vi);
    myco_compat_put_uint(w, MYCO_READING_KEY_VS, readings->vs);
    myco_compat_put_uint(w, MYCO_READING_KEY_UNIT, readings->unit);
    myco_compat_put_uint(w, MYCO_READING_KEY_QUALITY, readings->quality);
  }
}

/**
 * @param out_len set on success only
 * @param geo NULL or without has_fix: no position
 * @return 0; -1 if the buffer does not hold what is signed, -2 if it is under 128 bytes, -3 if it does not hold hash and
 *         signature too; -4 for what no receiver takes
 */
static inline int myco_build_envelope_cbor(uint8_t *out_buf, size_t out_cap, size_t *out_len, const char *device_id,
                                           uint8_t proto, const uint8_t msg_id_16[16], int64_t epoch_ms, uint32_t seq,
                                           uint64_t mono_ms, const myco_geo_t *geo, const myco_reading_t *readings,
                                           size_t n_readings, const uint8_t sk64[64]) {
  const myco_crypto crypto = myco_compat_crypto(sk64);
  myco_writer w;
  if (out_cap < 128u) return -2;
  if (out_buf == NULL || out_len == NULL || device_id == NULL || (readings == NULL && n_readings > 0u)) return -4;
  myco_writer_init(&w, out_buf, out_cap);
  myco_compat_put_fields(&w, device_id, proto, msg_id_16, epoch_ms, seq, mono_ms, geo, readings, n_readings);
  if (w.status != MYCO_OK) return -4;
  if (w.len > out_cap) return -1;
  myco_write_uint(&w, MYCO_ENVELOPE_KEY_HASH);
  myco_write_room(&w, MYCO_HASH_BYTES);
  myco_write_uint(&w, MYCO_ENVELOPE_KEY_SIGNATURE);
  myco_write_room(&w, MYCO_SIGNATURE_BYTES);
  if (w.len > out_cap) return -3;
  if (myco_envelope_seal(out_buf, w.len, &crypto) != MYCO_OK) return -4;
  *out_len = w.len;
  return 0;
}

#ifdef __cplusplus
}
#endif

#endif /* MYCO_COMPAT_ENVELOPE_H */
