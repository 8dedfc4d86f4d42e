/**
 * libFuzzer: what a device reads from a wire, of any bytes: an envelope, or a stream of frames. The first byte says which, and
 * for a stream the size of the receiver's buffer. Whatever is taken is written again by the library as the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "../include/myco/myco.h"

#define READINGS 300u

static void require(int holds) {
  if (!holds) abort();
}

static int hash(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx;
  require(len > 0u && (data[0] & 0xE0u) == 0xA0u);
  memset(digest, data[len - 1u], 32);
  return 0;
}

static int sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]) {
  (void)ctx;
  memset(signature, data[len - 1u], 64);
  return 0;
}

static int verify(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len, const uint8_t signature[64]) {
  (void)ctx;
  return signature[0] == data[len - 1u] && public_key[0] == 0u ? 0 : -1;
}

static void read_envelope(const uint8_t *data, size_t size) {
  static const myco_crypto crypto = {NULL, hash, hash, sign, verify};
  static const uint8_t key[32];
  static myco_reading readings[READINGS];
  myco_envelope_view view;
  myco_envelope again;
  uint8_t *message = (uint8_t *)malloc(size + 1u);
  uint8_t *rebuilt = (uint8_t *)malloc(size + 1u);
  size_t len = 0;
  size_t count = 0;
  myco_status status;
  require(message != NULL && rebuilt != NULL);
  memcpy(message, data, size);
  status = myco_envelope_parse(message, size, &view);
  require(status <= MYCO_OK);
  if (status == MYCO_OK) {
    const size_t said = view.reading_count;
    require(myco_cbor_check(message, size) == MYCO_OK && view.unsigned_len < size);
    again.device_id = view.device_id;
    again.device_id_len = view.device_id_len;
    again.msg_id = view.msg_id;
    again.epoch_ms = view.epoch_ms;
    again.seq = view.seq;
    again.mono_ms = view.mono_ms;
    again.geo = view.has_geo ? &view.geo : NULL;
    again.readings = readings;
    again.metadata = view.metadata;
    again.metadata_len = view.metadata_len;
    again.proto = view.proto;
    while (count < READINGS && myco_envelope_next_reading(&view, &readings[count])) count++;
    require(count == (said < READINGS ? said : READINGS));
    again.reading_count = count;
    if (said <= READINGS) {
      require(myco_envelope_build(&again, &crypto, rebuilt, size, &len) == MYCO_OK && len == size);
      require(memcmp(rebuilt, message, view.unsigned_len) == 0);
      require(myco_envelope_verify(rebuilt, len, key, &crypto, &view) == MYCO_OK);
    }
  }
  status = myco_envelope_verify(message, size, key, &crypto, &view);
  require(status <= MYCO_OK && memcmp(message, data, size) == 0);
  free(message);
  free(rebuilt);
}

static void read_stream(const uint8_t *data, size_t size, size_t cap) {
  uint8_t *buffer = (uint8_t *)malloc(cap + 1u);
  uint8_t frame[MYCO_MDP_FRAME_SIZE_MAX(256)];
  myco_cobs_decoder decoder;
  myco_mdp_packet packet;
  size_t at;
  require(buffer != NULL);
  myco_cobs_decoder_init(&decoder, buffer, cap);
  for (at = 0; at < size; at++) {
    const int taken = myco_mdp_take(&decoder, data[at], &packet);
    require(taken <= 1 && (data[at] == 0u) == (taken != 0));
    if (taken != 1) continue;
    {
      uint8_t plain[300];
      myco_cobs_decoder second;
      myco_mdp_packet same;
      size_t len = 0;
      size_t byte;
      int answer = 0;
      require(packet.body_len <= 256u && packet.body >= buffer && packet.body + packet.body_len <= buffer + cap);
      require(myco_mdp_encode(&packet, frame, sizeof frame, &len) == MYCO_OK);
      myco_cobs_decoder_init(&second, plain, sizeof plain);
      for (byte = 0; byte < len; byte++) answer = myco_mdp_take(&second, frame[byte], &same);
      require(answer == 1 && same.seq == packet.seq && same.ack == packet.ack && same.type == packet.type &&
              same.flags == packet.flags && same.src == packet.src && same.dst == packet.dst &&
              same.body_len == packet.body_len && memcmp(same.body, packet.body, same.body_len) == 0);
    }
  }
  free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0u) return 0;
  if (data[0] == 0u) read_envelope(data + 1, size - 1u);
  else read_stream(data + 1, size - 1u, data[0]);
  return 0;
}
