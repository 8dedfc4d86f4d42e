/**
 * What a device reads from the gateway:
 *   receipt KEY DEVICE BYTES       -> STATUS SEQ MSG_ID LEAF_INDEX LEAF_HASH TREE_SIZE
 *   checkpoint KEY ORIGIN NOTE     -> STATUS SIZE ROOT
 *   command JSON                   -> STATUS ID CMD PARAMS EXPIRES
 *   member KEY JSON                -> STATUS VALUE INTEGER-STATUS INTEGER
 *   accept NOW JSON                -> STATUS SUCCEEDED
 *   answer SUCCEEDED MESSAGE JSON  -> STATUS ANSWER
 * Bytes and texts are hex, "-" for none.
 */
#include <inttypes.h>

#include "../include/myco/myco.h"
#include "adapter.h"
#include "line.h"

static myco_command_log commands;

static char *text_of(const char *hex) {
  size_t len;
  uint8_t *bytes = bytes_of(hex, &len);
  char *text = (char *)malloc(len + 1u);
  if (text == NULL) exit(70);
  memcpy(text, bytes, len);
  text[len] = '\0';
  return text;
}

static void print_value(const myco_json *value) {
  printf(" ");
  if (value->at == NULL) printf("-");
  else print_hex((const uint8_t *)value->at, value->len);
}

static void receipt(char **rest, const myco_crypto *crypto) {
  size_t len;
  const uint8_t *key = bytes_of(next_field(rest), &len);
  const char *device = text_of(next_field(rest));
  const uint8_t *bytes = bytes_of(next_field(rest), &len);
  myco_receipt out;
  const myco_status status = myco_receipt_read(bytes, len, key, device, crypto, &out);
  printf("%d", status);
  if (status != MYCO_OK) return;
  printf(" %" PRIu64 " ", out.seq);
  print_hex(out.msg_id, MYCO_MSG_ID_BYTES);
  printf(" %" PRIu64 " ", out.leaf_index);
  print_hex(out.leaf_hash, MYCO_RECEIPT_LEAF_HASH_BYTES);
  printf(" %" PRIu64, out.tree_size);
}

static void checkpoint(char **rest, const myco_crypto *crypto) {
  size_t len;
  const uint8_t *key = bytes_of(next_field(rest), &len);
  const char *origin = text_of(next_field(rest));
  const uint8_t *note = bytes_of(next_field(rest), &len);
  myco_checkpoint out;
  const myco_status status = myco_checkpoint_read((const char *)note, len, origin, key, crypto, &out);
  printf("%d", status);
  if (status != MYCO_OK) return;
  printf(" %" PRIu64 " ", out.size);
  print_hex(out.root, sizeof out.root);
}

static void command(char **rest) {
  size_t len;
  const uint8_t *json = bytes_of(next_field(rest), &len);
  myco_command out;
  const myco_status status = myco_command_read((const char *)json, len, &out);
  printf("%d", status);
  if (status != MYCO_OK) return;
  print_value(&out.id);
  print_value(&out.cmd);
  print_value(&out.params);
  printf(" %" PRId64, out.expires_ms);
}

static void member(char **rest) {
  size_t len;
  const char *key = text_of(next_field(rest));
  const uint8_t *json = bytes_of(next_field(rest), &len);
  myco_json value;
  int64_t number = 0;
  myco_status status = myco_json_member((const char *)json, len, key, &value);
  printf("%d", status);
  if (status != MYCO_OK) return;
  print_value(&value);
  status = myco_json_int(&value, &number);
  printf(" %d %" PRId64, status, status == MYCO_OK ? number : 0);
}

static void accept(char **rest) {
  size_t len;
  const int64_t now = strtoll(next_field(rest), NULL, 10);
  const uint8_t *json = bytes_of(next_field(rest), &len);
  myco_command read;
  int succeeded = -2;
  if (myco_command_read((const char *)json, len, &read) != MYCO_OK) exit(65);
  printf("%d", myco_command_accept(&commands, &read, now, &succeeded));
  printf(" %d", succeeded);
}

static void answer(char **rest) {
  size_t len;
  size_t needed = 0;
  const int succeeded = atoi(next_field(rest));
  const char *message = text_of(next_field(rest));
  const uint8_t *json = bytes_of(next_field(rest), &len);
  char *out;
  size_t written;
  myco_command read;
  myco_status status;
  if (myco_command_read((const char *)json, len, &read) != MYCO_OK) exit(65);
  status = myco_command_answer(NULL, &read, succeeded, message, NULL, 0, &needed);
  if (status == MYCO_OK) {
    out = (char *)malloc(needed);
    if (out == NULL || myco_command_answer(NULL, &read, succeeded, message, out, needed - 1u, &written) != MYCO_ERR_NO_SPACE) {
      exit(70);
    }
    status = myco_command_answer(&commands, &read, succeeded, message, out, needed, &written);
    printf("%d ", status);
    print_hex((const uint8_t *)out, written);
  } else {
    printf("%d ", status);
  }
}

int main(void) {
  static char line[LINE_MAX_BYTES];
  const myco_crypto crypto = adapter_crypto(NULL);
  if (adapter_start() < 0) return 70;
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *rest = line;
    const char *what = next_field(&rest);
    if (strcmp(what, "receipt") == 0) receipt(&rest, &crypto);
    else if (strcmp(what, "checkpoint") == 0) checkpoint(&rest, &crypto);
    else if (strcmp(what, "command") == 0) command(&rest);
    else if (strcmp(what, "member") == 0) member(&rest);
    else if (strcmp(what, "accept") == 0) accept(&rest);
    else if (strcmp(what, "answer") == 0) answer(&rest);
    else return 65;
    printf("\n");
  }
  return 0;
}
