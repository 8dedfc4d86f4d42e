/**
 * A firmware written against the interface of the codec in the field, which knows nothing of this library. C99 and C++.
 *   build CAP SEED DEVICE PROTO MSGID EPOCH SEQ MONO GEO READINGS   →  code [hex]
 * DEVICE is text, GEO lat,lon,acc or "-", READINGS sensor:vi:vs:unit:quality with commas between them or "-".
 */
#include "myco_envelope.h"

#include <sodium.h>

#include "line.h"

void myco_hash256(uint8_t out32[32], const uint8_t *msg, size_t msg_len) {
  (void)crypto_generichash(out32, 32, msg, msg_len, NULL, 0);
}

void myco_ed25519_sign(uint8_t sig64[64], const uint8_t sk64[64], const uint8_t *msg, size_t msg_len) {
  (void)crypto_sign_detached(sig64, NULL, msg, msg_len, sk64);
}

int myco_ed25519_verify(const uint8_t pk32[32], const uint8_t *msg, size_t msg_len, const uint8_t sig64[64]) {
  return crypto_sign_verify_detached(sig64, msg, msg_len, pk32) == 0;
}

static size_t read_readings(char *field, myco_reading_t *readings) {
  size_t count = 0;
  char *next;
  if (strcmp(field, "-") == 0) return 0;
  for (next = strtok(field, ","); next != NULL; next = strtok(NULL, ",")) {
    long part[5];
    if (sscanf(next, "%ld:%ld:%ld:%ld:%ld", &part[0], &part[1], &part[2], &part[3], &part[4]) != 5) exit(65);
    readings[count].sid = (uint16_t)part[0];
    readings[count].vi = (int32_t)part[1];
    readings[count].vs = (uint8_t)part[2];
    readings[count].unit = (uint16_t)part[3];
    readings[count].quality = (uint8_t)part[4];
    count++;
  }
  return count;
}

static void build(char *rest) {
  static myco_reading_t readings[64];
  const size_t cap = strtoul(next_field(&rest), NULL, 10);
  uint8_t *out = (uint8_t *)malloc(cap > 0u ? cap : 1u);
  uint8_t public_key[32];
  uint8_t secret_key[64];
  size_t out_len = 12345;
  myco_geo_t geo = {0, 0, 0, 0};
  int32_t lat, lon;
  unsigned acc;
  size_t len;
  (void)crypto_sign_seed_keypair(public_key, secret_key, bytes_of(next_field(&rest), &len));
  {
    const char *device = next_field(&rest);
    const uint8_t proto = (uint8_t)strtoul(next_field(&rest), NULL, 10);
    const uint8_t *msg_id = bytes_of(next_field(&rest), &len);
    const int64_t epoch_ms = strtoll(next_field(&rest), NULL, 10);
    const uint32_t seq = (uint32_t)strtoul(next_field(&rest), NULL, 10);
    const uint64_t mono_ms = strtoull(next_field(&rest), NULL, 10);
    geo.has_fix = sscanf(next_field(&rest), "%d,%d,%u", &lat, &lon, &acc) == 3;
    if (geo.has_fix) {
      geo.lat_e7 = lat;
      geo.lon_e7 = lon;
      geo.acc_m = (uint16_t)acc;
    }
    {
      const size_t count = read_readings(next_field(&rest), readings);
      const int code = myco_build_envelope_cbor(out, cap, &out_len, device, proto, msg_id, epoch_ms, seq, mono_ms, &geo,
                                                readings, count, secret_key);
      printf("%d ", code);
      if (code == 0) print_hex(out, out_len);
      else if (out_len != 12345) exit(1);
      printf("\n");
    }
  }
  free(out);
}

int main(void) {
  static char line[LINE_MAX_BYTES];
  if (sodium_init() < 0) return 70;
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *rest = line;
    if (strcmp(next_field(&rest), "build") != 0) return 65;
    build(rest);
  }
  return 0;
}
