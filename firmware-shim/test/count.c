/**
 * How many instructions the library takes for one envelope, counted under an emulator in which each takes the same time:
 * SysTick then counts them. A line for each operation on the first UART: its name and the count. Crypto callbacks and
 * flash do next to nothing here, so that what they take is not counted.
 */
#include "../examples/cortex-m-mps2/board.h"
#include "../include/myco/myco.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)
#define SYSTICK_MASK 0xFFFFFFu

/* -icount shift=10: an instruction takes 1024 ns, and a tick of the 25 MHz clock 40 ns. */
#define INSTRUCTION_NS 1024u
#define TICK_NS 40u

#define SECTOR 1024u
static const char device_id[] = "mycobrain-000042";
static const uint8_t msg_id[MYCO_MSG_ID_BYTES] = {1};
static const uint8_t key[32];
static uint8_t cells[2u * SECTOR];
static uint8_t envelope[MYCO_ENVELOPE_SIZE_MAX(sizeof device_id, 5)];
static uint8_t frame[MYCO_MDP_FRAME_SIZE_MAX(sizeof envelope)];
static uint8_t plain[sizeof frame];
static uint8_t receipt_bytes[MYCO_RECEIPT_MAX];
static size_t envelope_len, frame_len, receipt_len;
static unsigned reading_count;
static int failed;
static myco_store store;
static myco_receipt receipt;

static void require(int holds) {
  if (!holds) failed = 1;
}

static int hash(void *ctx, const uint8_t *data, size_t len, uint8_t digest[32]) {
  (void)ctx, (void)data, (void)len, (void)digest;
  return 0;
}
static int sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64]) {
  (void)ctx, (void)data, (void)len, (void)signature;
  return 0;
}
static int verify(void *ctx, const uint8_t public_key[32], const uint8_t *data, size_t len, const uint8_t signature[64]) {
  (void)ctx, (void)public_key, (void)data, (void)len, (void)signature;
  return 0;
}
static const myco_crypto crypto = {NULL, hash, hash, sign, verify};

static int erase(void *ctx, uint32_t sector) {
  size_t at;
  (void)ctx;
  for (at = 0; at < SECTOR; at++) cells[sector * SECTOR + at] = 0xFF;
  return 0;
}
static int program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  (void)ctx;
  while (size-- > 0u) cells[address + size] = data[size];
  return 0;
}
static int read(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  (void)ctx;
  while (size-- > 0u) data[size] = cells[address + size];
  return 0;
}
static const myco_flash flash = {erase, program, read, NULL, SECTOR, 2, 8};

static void nothing(void) {
}

static void build(void) {
  static const myco_geo geo = {473769000, 85417000, 5, 1};
  myco_reading readings[5];
  myco_envelope made = {0};
  unsigned at;
  for (at = 0; at < reading_count; at++) {
    readings[at].sensor_text = readings[at].unit_text = NULL;
    readings[at].sensor = MYCO_SENSOR_TEMP;
    readings[at].unit = MYCO_UNIT_C;
    readings[at].vi = 2150;
    readings[at].vs = 2;
    readings[at].quality = MYCO_QUALITY_OK;
  }
  made.device_id = device_id;
  made.device_id_len = sizeof device_id - 1u;
  made.msg_id = msg_id;
  made.epoch_ms = 1760000000000;
  made.seq = 1;
  made.mono_ms = 123456;
  made.geo = reading_count > 1u ? &geo : NULL;
  made.readings = readings;
  made.reading_count = reading_count;
  made.proto = MYCO_TRANSPORT_MQTT;
  require(myco_envelope_build(&made, &crypto, envelope, sizeof envelope, &envelope_len) == MYCO_OK);
}

static void parse(void) {
  myco_envelope_view view;
  require(myco_envelope_parse(envelope, envelope_len, &view) == MYCO_OK && view.reading_count == reading_count);
}

static void to_frame(void) {
  myco_mdp_packet packet = {0};
  packet.body = envelope;
  packet.body_len = envelope_len;
  packet.type = MYCO_MDP_TYPE_TELEMETRY;
  require(myco_mdp_encode(&packet, frame, sizeof frame, &frame_len) == MYCO_OK);
}

static void from_frame(void) {
  myco_cobs_decoder decoder;
  myco_mdp_packet packet;
  size_t at;
  int taken = 0;
  myco_cobs_decoder_init(&decoder, plain, sizeof plain);
  for (at = 0; at < frame_len; at++) taken = myco_mdp_take(&decoder, frame[at], &packet);
  require(taken == 1 && packet.body_len == envelope_len);
}

static void append(void) {
  require(myco_store_append(&store, store.next_seq, msg_id, envelope, envelope_len) == MYCO_OK);
}

static void read_receipt(void) {
  require(myco_receipt_read(receipt_bytes, receipt_len, key, device_id, &crypto, &receipt) == MYCO_OK);
}

static void release(void) {
  require(myco_store_release(&store, &receipt) == MYCO_OK && store.pending == 0u);
}

static void make_receipt(void) {
  static const uint8_t zeros[MYCO_SIGNATURE_BYTES];
  uint8_t payload[MYCO_RECEIPT_MAX];
  myco_writer w;
  size_t len = 0;
  myco_writer_init(&w, payload, sizeof payload);
  myco_write_head(&w, MYCO_CBOR_ARRAY, MYCO_RECEIPT_ELEMENTS);
  myco_write_uint(&w, MYCO_RECEIPT_KIND);
  myco_write_text(&w, device_id, sizeof device_id - 1u);
  myco_write_uint(&w, 1);
  myco_write_bytes(&w, msg_id, sizeof msg_id);
  myco_write_uint(&w, 100000);
  myco_write_bytes(&w, zeros, MYCO_RECEIPT_LEAF_HASH_BYTES);
  myco_write_uint(&w, 100001);
  require(myco_writer_finish(&w, &len) == MYCO_OK);
  myco_writer_init(&w, receipt_bytes, sizeof receipt_bytes);
  myco_write_raw(&w, (const uint8_t *)MYCO_RECEIPT_HEAD, MYCO_RECEIPT_HEAD_BYTES);
  receipt_bytes[w.len++] = (uint8_t)len;
  myco_write_raw(&w, payload, len);
  myco_write_raw(&w, (const uint8_t *)MYCO_RECEIPT_SIGNATURE_HEAD, MYCO_RECEIPT_SIGNATURE_HEAD_BYTES);
  myco_write_raw(&w, zeros, sizeof zeros);
  require(myco_writer_finish(&w, &receipt_len) == MYCO_OK);
}

static void say(const char *text) {
  while (*text != '\0') board_put(BOARD_UART_HOST, (uint8_t)*text++);
}

static uint32_t ticks_of(void (*operation)(void)) {
  const uint32_t before = SYSTICK_VALUE;
  operation();
  return (before - SYSTICK_VALUE) & SYSTICK_MASK;
}

static void count(const char *name, void (*operation)(void)) {
  const uint32_t own = ticks_of(nothing);
  uint32_t instructions = ((ticks_of(operation) - own) * (TICK_NS / 8u) + INSTRUCTION_NS / 16u) / (INSTRUCTION_NS / 8u);
  char digits[11];
  unsigned at = sizeof digits;
  digits[--at] = '\0';
  do {
    digits[--at] = (char)('0' + instructions % 10u);
    instructions /= 10u;
  } while (instructions > 0u);
  say(name);
  say(": ");
  say(digits + at);
  say("\n");
}

/** Semihosting's SYS_EXIT: the emulator ends. */
static void leave(void) {
  register uint32_t operation __asm__("r0") = 0x18u;
  register uint32_t reason __asm__("r1") = 0x20026u;
  __asm__ volatile("bkpt 0xAB" : : "r"(operation), "r"(reason));
}

int main(void) {
  board_start();
  SYSTICK_RELOAD = SYSTICK_MASK;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 5u; /* Processor clock, no interrupt, on. */
  require(myco_store_open(&store, &flash, MYCO_STORE_REFUSE_NEW) == MYCO_OK);
  reading_count = 5;
  count("build and sign an envelope with five readings and a position", build);
  count("read that one", parse);
  reading_count = 1;
  count("build and sign an envelope with one reading", build);
  count("read it", parse);
  count("put it into a frame", to_frame);
  count("take it out of a frame, byte by byte", from_frame);
  count("keep it in flash", append);
  make_receipt();
  count("check the gateway's receipt for it", read_receipt);
  count("free it", release);
  if (failed) say("failed: 1\n");
  leave();
  return 0;
}
