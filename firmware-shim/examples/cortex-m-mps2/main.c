/**
 * A sensor board on a serial port: it measures, signs, keeps each envelope in flash until the gateway's receipt came, and
 * sends what waits again and again until then. Whatever is cut short, the gateway or the board itself, it goes on where it
 * was. On the other UART it says what it does, a line each:
 *   up PENDING NEXT_SEQ | kept SEQ | freed SEQ PENDING | refused | full | fault WHAT STATUS
 */
#include "../../include/myco/adapters/sodium.h"
#include "../../include/myco/myco.h"
#include "board.h"

static myco_sodium_key key;
static myco_crypto crypto;
static myco_store store;
/** The gateway takes envelopes in any number, the wire does not. */
static myco_forward forward = {.window = 4, .wait_min_ms = 250, .wait_max_ms = 4000};
static uint8_t envelope[MYCO_ENVELOPE_SIZE_MAX(MYCO_DEVICE_ID_MAX, 1)];
static uint8_t frame[MYCO_MDP_FRAME_SIZE_MAX(sizeof envelope)];
static uint8_t received[MYCO_MDP_PACKET_MAX + MYCO_MDP_CRC_BYTES];
static myco_command_log commands;
static uint32_t frame_seq;
static uint32_t interval_ms;

static void say(const char *text) {
  while (*text != '\0') board_put(BOARD_UART_LOG, (uint8_t)*text++);
}

static void say_number(int64_t number) {
  char digits[21];
  unsigned at = sizeof digits;
  uint64_t left = (uint64_t)(number < 0 ? -number : number);
  say(number < 0 ? " -" : " ");
  digits[--at] = '\0';
  do {
    digits[--at] = (char)('0' + left % 10u);
    left /= 10u;
  } while (left > 0u);
  say(digits + at);
}

static void fault(const char *what, myco_status status) {
  say("fault ");
  say(what);
  say_number(status);
  say("\n");
}

static size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  return length;
}

/**
 * Needs no random numbers: the store never gives a number twice, and no other board has this id. One whose flash is erased
 * gets another id, since it counts from 1 again.
 */
static int make_msg_id(const char *device_id, uint32_t seq, uint8_t msg_id[16]) {
  uint8_t name[MYCO_DEVICE_ID_MAX + 4u];
  uint8_t digest[32];
  size_t len = length_of(device_id);
  size_t at;
  for (at = 0; at < len; at++) name[at] = (uint8_t)device_id[at];
  for (at = 0; at < 4u; at++) name[len++] = (uint8_t)(seq >> (8u * at));
  if (crypto.blake2b_256(crypto.ctx, name, len, digest) != 0) return -1;
  for (at = 0; at < 16u; at++) msg_id[at] = digest[at];
  return 0;
}

static void measure(const board_identity *who) {
  const uint32_t seq = store.next_seq;
  uint8_t msg_id[16];
  myco_reading reading = {0};
  myco_envelope made = {0};
  myco_status status;
  size_t len = 0;
  if (make_msg_id(who->device_id, seq, msg_id) != 0) {
    fault("msg_id", MYCO_ERR_CRYPTO);
    return;
  }
  reading.sensor = MYCO_SENSOR_TEMP;
  reading.unit = MYCO_UNIT_C;
  reading.vi = 2000 + (int64_t)(seq % 500u);
  reading.vs = 2;
  made.device_id = who->device_id;
  made.device_id_len = length_of(who->device_id);
  made.msg_id = msg_id;
  made.seq = seq;
  made.mono_ms = board_ms();
  made.readings = &reading;
  made.reading_count = 1;
  made.proto = MYCO_TRANSPORT_OTHER;
  status = myco_envelope_build(&made, &crypto, envelope, sizeof envelope, &len);
  if (status != MYCO_OK) {
    fault("build", status);
    return;
  }
  status = myco_store_append(&store, seq, msg_id, envelope, len);
  if (status == MYCO_OK) {
    say("kept");
    say_number(seq);
    say("\n");
  } else if (status == MYCO_ERR_FULL) {
    say("full\n");
  } else {
    fault("append", status);
  }
}

static void take_answer(const myco_mdp_packet *answer, const board_identity *who) {
  myco_receipt receipt;
  myco_status status;
  if (answer->type != MYCO_MDP_TYPE_ACK || answer->body_len == 0u) return;
  if ((answer->flags & MYCO_MDP_FLAG_IS_NACK) != 0u) {
    say("refused\n");
    myco_forward_answered(&forward, 0, board_ms());
    return;
  }
  status = myco_receipt_read(answer->body, answer->body_len, who->receipt_key, who->device_id, &crypto, &receipt);
  if (status != MYCO_OK) {
    fault("receipt", status);
    return;
  }
  myco_forward_answered(&forward, 1, board_ms());
  status = myco_store_release(&store, &receipt);
  if (status == MYCO_ERR_NOT_FOUND) return; /* For one that was sent twice. */
  if (status != MYCO_OK) {
    fault("release", status);
    return;
  }
  say("freed");
  say_number((int64_t)receipt.seq);
  say_number(store.pending);
  say("\n");
}

/** @param ack `seq` of the command that is answered, or 0 */
static void send(uint8_t type, uint8_t flags, uint32_t ack, const void *body, size_t body_len) {
  myco_mdp_packet packet = {0};
  size_t len = 0;
  size_t at;
  myco_status status;
  packet.body = (const uint8_t *)body;
  packet.body_len = body_len;
  packet.seq = ++frame_seq;
  packet.ack = ack;
  packet.type = type;
  packet.flags = flags;
  packet.src = MYCO_MDP_ENDPOINT_SIDE_A;
  packet.dst = MYCO_MDP_ENDPOINT_GATEWAY;
  status = myco_mdp_encode(&packet, frame, sizeof frame, &len);
  if (status != MYCO_OK) {
    fault("send", status);
    return;
  }
  for (at = 0; at < len; at++) board_put(BOARD_UART_HOST, frame[at]);
}

static void send_next(void) {
  size_t len = 0;
  const myco_status status = myco_forward_next(&forward, &store, board_ms(), envelope, sizeof envelope, &len);
  if (status == MYCO_OK) send(MYCO_MDP_TYPE_TELEMETRY, MYCO_MDP_FLAG_ACK_REQUESTED, 0, envelope, len);
  else if (status != MYCO_ERR_NOT_FOUND) fault("next", status);
}

/** @param ack as for `send` */
static void send_hello(uint32_t ack) {
  static const char hello[] = "{\"device_id\":\"cortex-m-mps2\",\"role\":\"example\",\"firmware_version\":\"0.1.0\"}";
  send(MYCO_MDP_TYPE_HELLO, 0, ack, hello, sizeof hello - 1u);
}

/** `hello`, and `set_interval` with params `{"ms":…}`. */
static void take_command(const myco_mdp_packet *packet) {
  static char answer[MYCO_COMMAND_ID_MAX + 80u];
  myco_command command;
  myco_json value;
  int64_t ms = 0;
  int succeeded = 0;
  const char *message = "unknown_command";
  size_t len = 0;
  myco_status status = myco_command_read((const char *)packet->body, packet->body_len, &command);
  if (status != MYCO_OK) {
    fault("command", status);
    return;
  }
  if (myco_json_is(&command.cmd, "hello")) {
    send_hello(packet->seq);
    return;
  }
  status = myco_command_accept(&commands, &command, 0, &succeeded);
  if (status == MYCO_ERR_REPEATED && succeeded < 0) return; /* Begun, and not answered yet. */
  if (status == MYCO_ERR_REPEATED) {
    message = "repeated";
  } else if (myco_json_is(&command.cmd, "set_interval")) {
    succeeded = command.params.at != NULL &&
                myco_json_member(command.params.at, command.params.len, "ms", &value) == MYCO_OK &&
                myco_json_int(&value, &ms) == MYCO_OK && ms > 0 && ms <= 86400000;
    if (succeeded) interval_ms = (uint32_t)ms;
    message = succeeded ? "done" : "bad_params";
  }
  status = myco_command_answer(&commands, &command, succeeded > 0, message, answer, sizeof answer, &len);
  if (status == MYCO_OK) {
    send(MYCO_MDP_TYPE_ACK, succeeded > 0 ? MYCO_MDP_FLAG_IS_ACK : MYCO_MDP_FLAG_IS_NACK, packet->seq, answer, len);
  }
}

int main(void) {
  const board_identity *who = board_who();
  myco_cobs_decoder decoder;
  uint32_t measured_at = 0;
  uint8_t public_key[32];
  myco_status status;

  board_start();
  if (who->magic != BOARD_IDENTITY_MAGIC) {
    say("fault identity 0\n");
    return 1;
  }
  myco_sodium_key_from_seed(&key, who->seed, public_key);
  crypto = myco_sodium_crypto(&key);
  myco_cobs_decoder_init(&decoder, received, sizeof received);
  status = myco_store_open(&store, &board_flash, MYCO_STORE_REFUSE_NEW);
  if (status != MYCO_OK) {
    fault("open", status);
    return 1;
  }
  say("up");
  say_number(store.pending);
  say_number(store.next_seq);
  say("\n");
  interval_ms = who->interval_ms;
  send_hello(0);

  for (;;) {
    const int byte = board_get(BOARD_UART_HOST);
    const uint32_t now = board_ms();
    myco_mdp_packet packet;
    /* Frames that are none are the sender's to repeat. */
    if (byte >= 0 && myco_mdp_take(&decoder, (uint8_t)byte, &packet) == 1) {
      if (packet.type == MYCO_MDP_TYPE_COMMAND) take_command(&packet);
      else take_answer(&packet, who);
    }
    if (store.next_seq <= who->last_seq && now - measured_at >= interval_ms) {
      measured_at = now;
      measure(who);
    }
    send_next();
  }
}
