/**
 * A sensor node on a POSIX system: it measures, signs, keeps each envelope in a file that behaves like flash until the
 * gateway's signed receipt came, and sends what waits over a serial port or MQTT. Kill it or the gateway at any time.
 *   node keygen SEED                  makes a key; prints the public half, which is what the gateway enrols
 *   node -i ID -s SEED -r KEY -f FLASH (-p PORT | -m HOST:PORT) [-x PREFIX] [-t INTERVAL] [-n LAST]
 * KEY is the gateway's receipt key in hex (mycogate key show), INTERVAL in ms. With LAST it ends once its envelope of that
 * number, and all before it, have their receipts. It says what it does, a line each:
 *   up PENDING NEXT_SEQ | kept SEQ | full | freed SEQ PENDING | refused REASON | done COMMAND (or why not) | fault WHAT STATUS
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../include/myco/adapters/sodium.h"
#include "node.h"

static const char *device_id;
static uint8_t receipt_key[32];
static myco_sodium_key key;
static myco_crypto crypto;
static myco_store store;
static myco_forward forward = {.window = 8, .wait_min_ms = 500, .wait_max_ms = 30000};
static myco_command_log commands;
static uint32_t interval_ms = 1000;

static int64_t clock_ms(clockid_t clock) {
  struct timespec now;
  (void)clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t node_ms(void) {
  return (uint32_t)clock_ms(CLOCK_MONOTONIC);
}

static void fault(const char *what, myco_status status) {
  printf("fault %s %d\n", what, (int)status);
}

/** The machine's own temperature, in thousandths of a degree; it says itself when it has none. */
static void read_sensor(myco_reading *reading) {
  long milli = 0;
  FILE *zone = fopen("/sys/class/thermal/thermal_zone0/temp", "r");
  const int found = zone != NULL && fscanf(zone, "%ld", &milli) == 1;
  if (zone != NULL) (void)fclose(zone);
  reading->sensor = MYCO_SENSOR_TEMP;
  reading->unit = MYCO_UNIT_C;
  reading->vi = milli;
  reading->vs = 3;
  reading->quality = found ? MYCO_QUALITY_OK : MYCO_QUALITY_BAD;
}

static void measure(void) {
  static uint8_t envelope[MYCO_ENVELOPE_SIZE_MAX(MYCO_DEVICE_ID_MAX, 1)];
  const uint32_t seq = store.next_seq;
  uint8_t msg_id[16];
  myco_reading reading = {0};
  myco_envelope made = {0};
  myco_status status;
  size_t len = 0;
  randombytes_buf(msg_id, sizeof msg_id); /* Numbers begin anew where somebody removes the file. */
  read_sensor(&reading);
  made.device_id = device_id;
  made.device_id_len = strlen(device_id);
  made.msg_id = msg_id;
  made.seq = seq;
  made.epoch_ms = clock_ms(CLOCK_REALTIME);
  made.mono_ms = (uint64_t)clock_ms(CLOCK_MONOTONIC);
  made.readings = &reading;
  made.reading_count = 1;
  made.proto = MYCO_TRANSPORT_OTHER;
  status = myco_envelope_build(&made, &crypto, envelope, sizeof envelope, &len);
  if (status == MYCO_OK) status = myco_store_append(&store, seq, msg_id, envelope, len);
  if (status == MYCO_OK) printf("kept %lu\n", (unsigned long)seq);
  else if (status == MYCO_ERR_FULL) printf("full\n");
  else fault("measure", status);
}

void node_connected(void) {
  myco_forward_restart(&forward, node_ms());
}

void node_answered(const uint8_t *answer, size_t len) {
  myco_receipt receipt;
  myco_status status;
  if (len == 0u) return;
  if (answer[0] == MYCO_MDP_REFUSAL_FIRST_BYTE) {
    /* It stays in flash: an operator can enrol the key, and then the next round brings the receipt. */
    printf("refused %.*s\n", (int)len, (const char *)answer);
    myco_forward_answered(&forward, 0, node_ms());
    return;
  }
  status = myco_receipt_read(answer, len, receipt_key, device_id, &crypto, &receipt);
  if (status != MYCO_OK) {
    fault("receipt", status);
    return;
  }
  myco_forward_answered(&forward, 1, node_ms());
  status = myco_store_release(&store, &receipt);
  if (status == MYCO_OK) printf("freed %lu %lu\n", (unsigned long)receipt.seq, (unsigned long)store.pending);
  else if (status != MYCO_ERR_NOT_FOUND) fault("release", status); /* Not found: sent twice, freed before. */
}

/** `set_interval`, with params `{"ms":…}`. @return what to say of it */
static const char *obey(const myco_command *command, int *succeeded) {
  myco_json value;
  int64_t ms = 0;
  *succeeded = 0;
  if (!myco_json_is(&command->cmd, "set_interval")) return "unknown_command";
  if (command->params.at == NULL || myco_json_member(command->params.at, command->params.len, "ms", &value) != MYCO_OK ||
      myco_json_int(&value, &ms) != MYCO_OK || ms < 1 || ms > 86400000) {
    return "bad_params";
  }
  interval_ms = (uint32_t)ms;
  *succeeded = 1;
  return "done";
}

size_t node_commanded(const char *json, size_t len, char *answer, size_t cap, int *succeeded) {
  myco_command command;
  const char *message = "repeated";
  size_t written = 0;
  myco_status status = myco_command_read(json, len, &command);
  if (status != MYCO_OK) {
    fault("command", status);
    return 0;
  }
  status = myco_command_accept(&commands, &command, clock_ms(CLOCK_REALTIME), succeeded);
  if (status == MYCO_ERR_REPEATED && *succeeded < 0) return 0; /* Begun, and not answered yet. */
  if (status == MYCO_OK) {
    message = obey(&command, succeeded);
    printf("%s %.*s\n", message, (int)command.cmd.len, command.cmd.at);
  } else if (status == MYCO_ERR_EXPIRED) {
    *succeeded = 0;
    message = "expired";
  }
  status = myco_command_answer(&commands, &command, *succeeded > 0, message, answer, cap, &written);
  if (status == MYCO_OK) return written;
  fault("answer", status);
  return 0;
}

static int read_file(const char *path, uint8_t *bytes, size_t size) {
  const int file = open(path, O_RDONLY);
  const ssize_t count = file < 0 ? -1 : read(file, bytes, size);
  if (file >= 0) (void)close(file);
  if (count == (ssize_t)size) return 0;
  fprintf(stderr, "%s does not hold %lu bytes\n", path, (unsigned long)size);
  return -1;
}

static int make_key(const char *path) {
  uint8_t seed[32];
  uint8_t public_key[32];
  char hex[65];
  /* O_EXCL: a key is not written over. */
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  randombytes_buf(seed, sizeof seed);
  if (file < 0 || write(file, seed, sizeof seed) != (ssize_t)sizeof seed || fsync(file) != 0 || close(file) != 0) {
    perror(path);
    return 1;
  }
  myco_sodium_key_from_seed(&key, seed, public_key);
  printf("%s\n", sodium_bin2hex(hex, sizeof hex, public_key, sizeof public_key));
  return 0;
}

static int usage(void) {
  fprintf(stderr, "node keygen SEED\n"
                  "node -i ID -s SEED -r KEY -f FLASH (-p PORT | -m HOST:PORT) [-x PREFIX] [-t INTERVAL] [-n LAST]\n");
  return 2;
}

static void run(const transport *gateway, uint32_t last) {
  static uint8_t envelope[MYCO_STORE_ENVELOPE_MAX];
  uint32_t measured_at = node_ms() - interval_ms;
  while (store.next_seq <= last || store.pending > 0u) {
    uint32_t waited = node_ms() - measured_at;
    size_t len = 0;
    if (store.next_seq <= last && waited >= interval_ms) {
      measured_at += waited;
      waited = 0;
      measure();
    }
    while (gateway->is_ready() &&
           myco_forward_next(&forward, &store, node_ms(), envelope, sizeof envelope, &len) == MYCO_OK) {
      gateway->send_envelope(envelope, len);
    }
    gateway->run(waited < interval_ms && interval_ms - waited < 50u ? interval_ms - waited : 50u);
  }
}

int main(int count, char **arguments) {
  const char *prefix = "mycobrain";
  const char *port = NULL;
  const char *flash_path = NULL;
  char *broker = NULL;
  uint8_t seed[32];
  uint8_t public_key[32];
  size_t key_len = 0;
  int has_seed = 0;
  uint32_t last = UINT32_MAX - 1u;
  const transport *gateway;
  const myco_flash *flash;
  myco_status status;
  int option;

  (void)setvbuf(stdout, NULL, _IOLBF, 0);
  if (sodium_init() < 0) return 1;
  if (count == 3 && strcmp(arguments[1], "keygen") == 0) return make_key(arguments[2]);
  while ((option = getopt(count, arguments, "i:s:r:f:p:m:x:t:n:")) != -1) {
    switch (option) {
      case 'i': device_id = optarg; break;
      case 's':
        if (read_file(optarg, seed, sizeof seed) != 0) return 1;
        has_seed = 1;
        break;
      case 'r': (void)sodium_hex2bin(receipt_key, sizeof receipt_key, optarg, strlen(optarg), NULL, &key_len, NULL); break;
      case 'f': flash_path = optarg; break;
      case 'p': port = optarg; break;
      case 'm': broker = optarg; break;
      case 'x': prefix = optarg; break;
      case 't': interval_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 'n': last = (uint32_t)strtoul(optarg, NULL, 10); break;
      default: return usage();
    }
  }
  if (device_id == NULL || strlen(device_id) > MYCO_DEVICE_ID_MAX || !has_seed || key_len != sizeof receipt_key ||
      flash_path == NULL || (port == NULL) == (broker == NULL) || (broker != NULL && strchr(broker, ':') == NULL)) {
    return usage();
  }
  myco_sodium_key_from_seed(&key, seed, public_key);
  crypto = myco_sodium_crypto(&key);
  flash = flash_file(flash_path);
  if (flash == NULL) return 1;
  status = myco_store_open(&store, flash, MYCO_STORE_REFUSE_NEW);
  if (status != MYCO_OK) {
    fault("open", status);
    return 1;
  }
  printf("up %lu %lu\n", (unsigned long)store.pending, (unsigned long)store.next_seq);
  if (broker != NULL) {
    char *colon = strchr(broker, ':');
    *colon = '\0';
    gateway = mqtt_transport(broker, (int)strtol(colon + 1, NULL, 10), prefix, device_id);
  } else {
    gateway = serial_transport(port);
  }
  if (gateway == NULL) return 1;
  run(gateway, last);
  return 0;
}
