/** MDP on a serial port or a pseudo-terminal. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "node.h"

#define SLOTS 2
#define BODY_MAX 512u

static int put_frame(void *ctx, const uint8_t *frame, size_t len);

static const char *port_path;
static int port = -1;
static uint8_t received[MYCO_MDP_PACKET_MAX + MYCO_MDP_CRC_BYTES];
static myco_cobs_decoder decoder;
static myco_link_slot slots[SLOTS];
static uint8_t frames[SLOTS + 1][MYCO_MDP_FRAME_SIZE_MAX(BODY_MAX)];
static myco_link link_to_gateway = {
    .send = put_frame,
    .frames = frames[0],
    .slot_bytes = sizeof frames[0],
    .slots = slots,
    .slot_count = SLOTS,
    .sends_max = 8,
    .wait_min_ms = 200,
    .wait_max_ms = 3000,
    .copy_ms = 15000,
    .src = MYCO_MDP_ENDPOINT_SIDE_A,
    .dst = MYCO_MDP_ENDPOINT_GATEWAY,
};

static int put_frame(void *ctx, const uint8_t *frame, size_t len) {
  (void)ctx;
  /* A part of a frame is what the receiver takes for noise; the next delimiter puts it in step again. */
  return port >= 0 && write(port, frame, len) == (ssize_t)len ? 0 : -1;
}

static void unplugged(void) {
  if (port >= 0) (void)close(port);
  port = -1;
}

static void plug_in(void) {
  static const char hello[] = "{\"role\":\"example\",\"firmware_version\":\"posix " MYCO_LIBRARY_VERSION "\"}";
  struct termios settings;
  port = open(port_path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (port < 0) return;
  if (tcgetattr(port, &settings) == 0) {
    settings.c_iflag = 0;
    settings.c_oflag = 0;
    settings.c_lflag = 0;
    settings.c_cflag = CS8 | CREAD | CLOCAL;
    (void)cfsetispeed(&settings, B115200);
    (void)cfsetospeed(&settings, B115200);
    (void)tcsetattr(port, TCSANOW, &settings);
  }
  myco_cobs_decoder_init(&decoder, received, sizeof received);
  (void)myco_link_send(&link_to_gateway, MYCO_MDP_TYPE_HELLO, MYCO_MDP_FLAG_ACK_REQUESTED, 0, hello, sizeof hello - 1u,
                       node_ms());
  node_connected();
}

/** The answer to the latest command. */
static struct {
  int is_waiting; /* Until the link takes it. */
  char body[MYCO_COMMAND_ID_MAX + 80u];
  size_t len;
  uint32_t seq;
  uint8_t flags;
} answer;

static void send_answer(void) {
  if (answer.is_waiting && myco_link_send(&link_to_gateway, MYCO_MDP_TYPE_ACK, answer.flags, answer.seq, answer.body,
                                          answer.len, node_ms()) != MYCO_ERR_QUEUE_FULL) {
    answer.is_waiting = 0;
  }
}

static void take(const myco_mdp_packet *packet) {
  int succeeded = 0;
  const int taken = myco_link_take(&link_to_gateway, packet, node_ms());
  /* A command that comes twice is not run twice, and answered as before. */
  if (taken == MYCO_ERR_REPEATED && packet->type == MYCO_MDP_TYPE_COMMAND && packet->seq == answer.seq) {
    answer.is_waiting = answer.len > 0u;
  }
  if (taken != 1) return;
  if (packet->type == MYCO_MDP_TYPE_ACK) node_answered(packet->body, packet->body_len);
  if (packet->type != MYCO_MDP_TYPE_COMMAND) return;
  answer.len = node_commanded((const char *)packet->body, packet->body_len, answer.body, sizeof answer.body, &succeeded);
  answer.is_waiting = answer.len > 0u;
  answer.seq = packet->seq;
  answer.flags = (uint8_t)(MYCO_MDP_FLAG_ACK_REQUESTED | (succeeded > 0 ? MYCO_MDP_FLAG_IS_ACK : MYCO_MDP_FLAG_IS_NACK));
}

static void run(uint32_t ms) {
  uint8_t bytes[256];
  struct pollfd ready = {port, POLLIN, 0};
  ssize_t count;
  ssize_t at;
  uint32_t given_up = 0;
  if (port < 0) plug_in();
  ready.fd = port;
  (void)poll(&ready, 1, (int)ms);
  if (port < 0) return;
  count = read(port, bytes, sizeof bytes);
  if (count == 0 || (ready.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) unplugged();
  for (at = 0; at < count; at++) {
    myco_mdp_packet packet;
    if (myco_mdp_take(&decoder, bytes[at], &packet) == 1) take(&packet);
  }
  send_answer();
  if (myco_link_poll(&link_to_gateway, node_ms(), &given_up) == MYCO_ERR_GAVE_UP) {
    printf("given up %u\n", (unsigned)given_up);
  }
}

static int is_ready(void) {
  return port >= 0 && myco_link_has_room(&link_to_gateway);
}

static void send_envelope(const uint8_t *envelope, size_t len) {
  /* The store keeps it and sends it again, so the link need not. */
  (void)myco_link_send_once(&link_to_gateway, MYCO_MDP_TYPE_TELEMETRY, MYCO_MDP_FLAG_ACK_REQUESTED, 0, envelope, len);
}

static const transport serial = {is_ready, send_envelope, run};

const transport *serial_transport(const char *path) {
  port_path = path;
  return &serial;
}
