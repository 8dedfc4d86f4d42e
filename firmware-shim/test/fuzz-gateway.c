/** libFuzzer: what a device reads from the gateway, of any bytes. The first byte says as what; every signature is valid. */
#include <stdlib.h>
#include <string.h>

#include "../include/myco/myco.h"

static int believe(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len,
                   const uint8_t signature[64]) {
  unsigned sum = 0;
  size_t at;
  (void)ctx;
  for (at = 0; at < len; at++) sum += data[at];
  for (at = 0; at < 64u; at++) sum += signature[at];
  return sum + public_key[0] == 0xFFFFFFFFu;
}

static void require(int holds) {
  if (!holds) abort();
}

static void read_receipt(const uint8_t *data, size_t size, const myco_crypto *crypto) {
  static const uint8_t key[32];
  myco_receipt out;
  const myco_status status = myco_receipt_read(data, size, key, "golden-01", crypto, &out);
  require(status <= MYCO_OK);
  if (status == MYCO_OK) require(out.leaf_index < out.tree_size && size <= MYCO_RECEIPT_MAX);
}

static void read_checkpoint(const uint8_t *data, size_t size, const myco_crypto *crypto) {
  static const uint8_t key[32];
  myco_checkpoint out;
  require(myco_checkpoint_read((const char *)data, size, "a", key, crypto, &out) <= MYCO_OK);
}

static void read_command(const uint8_t *data, size_t size) {
  static myco_command_log log;
  myco_command command;
  myco_command again;
  myco_json value;
  char answer[256];
  size_t len = 0;
  int64_t number;
  int succeeded;
  if (myco_command_read((const char *)data, size, &command) != MYCO_OK) return;
  /* An object, or not there: neither text nor number. */
  require(!myco_json_is(&command.params, "a") && myco_json_int(&command.params, &number) == MYCO_ERR_SCHEMA);
  if (command.params.at != NULL) {
    const myco_status status = myco_json_member(command.params.at, command.params.len, "a", &value);
    /* A part of what is JSON is JSON. */
    require(status == MYCO_OK || status == MYCO_ERR_NOT_FOUND);
  }
  (void)myco_command_accept(&log, &command, 1, &succeeded);
  require(myco_command_answer(&log, &command, 1, "done", answer, sizeof answer, &len) == MYCO_OK);
  require(myco_json_member(answer, len, "id", &value) == (command.id.at == NULL ? MYCO_ERR_NOT_FOUND : MYCO_OK));
  require(value.len == command.id.len && (value.len == 0u || memcmp(value.at, command.id.at, value.len) == 0));
  require(myco_command_read((const char *)data, size, &again) == MYCO_OK);
  if (command.id.at != NULL) {
    const myco_status status = myco_command_accept(&log, &again, 1, &succeeded);
    require((status == MYCO_ERR_REPEATED && succeeded == 1) || status == MYCO_ERR_EXPIRED);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const myco_crypto crypto = {NULL, NULL, NULL, NULL, believe};
  if (size == 0u) return 0;
  switch (data[0] % 3u) {
    case 0: read_receipt(data + 1, size - 1u, &crypto); break;
    case 1: read_checkpoint(data + 1, size - 1u, &crypto); break;
    default: read_command(data + 1, size - 1u); break;
  }
  return 0;
}
