/**
 * What a firmware author brings along to the code of docs/guides/firmware.md, which follows behind this in one file. The network
 * is whoever runs the program:
 *   → key HEX, then publish TOPIC HEX and pending COUNT as they happen
 *   ← sign | measure | answer HEX | command JSON
 * Compiled with RECEIPT_KEY, 32 numbers between commas.
 */
#include <sodium.h>
#include <time.h>

#include <myco/myco.h>

#include "line.h"

static void start_crypto(void);
static void start_store(void);
static myco_status sign_reading(uint8_t *out, size_t cap, size_t *len);
static void measure(void);
static void on_connected(void);
static void send_waiting(void);
static void on_answer(const uint8_t *answer, size_t len);
static void on_command(const char *json, size_t len);

static const uint8_t receipt_key[32] = {RECEIPT_KEY};

static int load_seed(uint8_t seed[32]) {
  (void)seed;
  return 0;
}

static void save_seed(const uint8_t seed[32]) {
  (void)seed;
}

static void fill_random(uint8_t *bytes, size_t len) {
  randombytes_buf(bytes, len);
}

static uint32_t now_ms(void) {
  static uint32_t ms;
  return ms += 10u;
}

static int64_t epoch_ms(void) {
  return (int64_t)time(NULL) * 1000;
}

static int is_connected(void) {
  return 1;
}

static void publish(const char *topic, const uint8_t *bytes, size_t len) {
  printf("publish %s ", topic);
  print_hex(bytes, len);
  printf("\n");
}

static int uart_send(void *ctx, const uint8_t *frame, size_t len) {
  (void)ctx;
  (void)frame;
  (void)len;
  return 0;
}

static void report(const char *what, myco_status status) {
  printf("fault %s %d\n", what, (int)status);
}

static const char *obey(const myco_command *command, int *succeeded) {
  *succeeded = myco_json_is(&command->cmd, "water");
  return *succeeded ? "done" : "unknown_command";
}

static myco_status build(uint32_t seq, const uint8_t id[16], uint8_t *out, size_t cap, size_t *len);

static uint8_t memory[4][4096];

static int erase(void *ctx, uint32_t sector) {
  (void)ctx;
  memset(memory[sector], 0xFF, sizeof memory[sector]);
  return 0;
}

static int program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  (void)ctx;
  memcpy(&memory[0][0] + address, data, size);
  return 0;
}

static int read_flash(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  (void)ctx;
  memcpy(data, &memory[0][0] + address, size);
  return 0;
}

static const myco_flash flash = {erase, program, read_flash, NULL, sizeof memory[0], 4, 1};

static uint32_t pending(void);

int main(void) {
  static char line[1u << 16];
  static uint8_t bytes[MYCO_ENVELOPE_SIZE_MAX(MYCO_DEVICE_ID_MAX, 1)];
  size_t len = 0;
  (void)setvbuf(stdout, NULL, _IOLBF, 0);
  printf("key ");
  start_crypto();
  printf("\n");
  start_store();
  on_connected();
  while (fgets(line, (int)sizeof line, stdin) != NULL) {
    char *rest = line;
    const char *what = next_field(&rest);
    if (strcmp(what, "sign") == 0 && sign_reading(bytes, sizeof bytes, &len) == MYCO_OK) {
      publish("mycobrain/greenhouse-7/envelope", bytes, len);
    }
    if (strcmp(what, "measure") == 0) measure();
    if (strcmp(what, "command") == 0) on_command(rest, strcspn(rest, "\n"));
    if (strcmp(what, "answer") == 0) {
      const uint8_t *answer = bytes_of(next_field(&rest), &len);
      on_answer(answer, len);
    }
    send_waiting();
    printf("pending %u\n", (unsigned)pending());
  }
  return 0;
}
