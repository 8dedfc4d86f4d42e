/**
 * What mbedTLS and PSA Crypto give: SHA-256, and no Ed25519 in mbedTLS's own software.
 *   sha256 BYTES   →  by adapters/mbedtls.h, by adapters/psa.h, both hex
 *   envelope BYTES →  status of building one, and of verifying this genuine one, with Ed25519 asked of mbedTLS
 */
#define MYCO_PSA_HAS_ED25519 1

#include "../include/myco/adapters/mbedtls.h"
#include "../include/myco/adapters/psa.h"
#include "../include/myco/adapters/sodium.h"
#include "../include/myco/myco.h"
#include "line.h"

static void sha256(char **rest) {
  size_t len;
  const uint8_t *data = bytes_of(next_field(rest), &len);
  uint8_t digest[32] = {0};
  printf("%d ", myco_mbedtls_sha256(NULL, data, len, digest));
  print_hex(digest, sizeof digest);
  printf(" %d ", myco_psa_sha256(NULL, data, len, digest));
  print_hex(digest, sizeof digest);
  printf("\n");
}

static void envelope(char **rest) {
  static const uint8_t msg_id[16] = {0};
  static const uint8_t public_key[32] = {0};
  size_t len;
  uint8_t *genuine = bytes_of(next_field(rest), &len);
  uint8_t out[512];
  size_t written = 0;
  myco_psa_key key = {1};
  const myco_crypto crypto = myco_psa_crypto(&key, myco_sodium_blake2b_256);
  myco_envelope in = {0};
  myco_envelope_view view;
  in.device_id = "d";
  in.device_id_len = 1;
  in.msg_id = msg_id;
  in.seq = 1;
  printf("%d ", myco_envelope_build(&in, &crypto, out, sizeof out, &written));
  printf("%d\n", myco_envelope_verify(genuine, len, public_key, &crypto, &view));
}

int main(void) {
  char *line = (char *)malloc(LINE_MAX_BYTES);
  if (line == NULL || psa_crypto_init() != PSA_SUCCESS) return 70;
  while (fgets(line, (int)LINE_MAX_BYTES, stdin) != NULL) {
    char *rest = line;
    const char *command = next_field(&rest);
    if (strcmp(command, "sha256") == 0) sha256(&rest);
    else envelope(&rest);
  }
  return 0;
}
