/** MQTT 3.1.1 by libmosquitto: envelopes up at QoS 1, receipts and commands down. */
#define _POSIX_C_SOURCE 200809L

#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "node.h"

#define TOPIC_MAX 160u

static struct mosquitto *client;
static int is_connected;
static char up[TOPIC_MAX];
static char ack[TOPIC_MAX];
static char cmd[TOPIC_MAX];
static char result[TOPIC_MAX];

static void on_connect(struct mosquitto *at, void *ctx, int refused) {
  (void)ctx;
  if (refused != 0) {
    printf("refused by the broker: %s\n", mosquitto_connack_string(refused));
    return;
  }
  (void)mosquitto_subscribe(at, NULL, ack, 1);
  (void)mosquitto_subscribe(at, NULL, cmd, 1);
  is_connected = 1;
  node_connected();
}

static void on_disconnect(struct mosquitto *at, void *ctx, int reason) {
  (void)at;
  (void)ctx;
  (void)reason;
  is_connected = 0;
}

static void on_message(struct mosquitto *at, void *ctx, const struct mosquitto_message *message) {
  char answer[MYCO_COMMAND_ID_MAX + 80u];
  int succeeded = 0;
  size_t len;
  (void)ctx;
  if (message->payloadlen <= 0) return;
  if (strcmp(message->topic, ack) == 0) {
    node_answered((const uint8_t *)message->payload, (size_t)message->payloadlen);
    return;
  }
  len = node_commanded((const char *)message->payload, (size_t)message->payloadlen, answer, sizeof answer, &succeeded);
  if (len > 0u) (void)mosquitto_publish(at, NULL, result, (int)len, answer, 1, false);
}

/** Without a connection the library would queue what the store has already. */
static int is_ready(void) {
  return is_connected;
}

static void send_envelope(const uint8_t *envelope, size_t len) {
  (void)mosquitto_publish(client, NULL, up, (int)len, envelope, 1, false);
}

static void run(uint32_t ms) {
  if (mosquitto_loop(client, (int)ms, 1) == MOSQ_ERR_SUCCESS) return;
  (void)poll(NULL, 0, (int)ms);
  (void)mosquitto_reconnect(client);
}

static const transport mqtt = {is_ready, send_envelope, run};

static int make_topic(char topic[TOPIC_MAX], const char *prefix, const char *device_id, const char *end) {
  const int len = snprintf(topic, TOPIC_MAX, "%s/%s/%s", prefix, device_id, end);
  return len > 0 && len < (int)TOPIC_MAX ? 0 : -1;
}

const transport *mqtt_transport(const char *host, int port, const char *prefix, const char *device_id) {
  if (make_topic(up, prefix, device_id, "envelope") != 0 || make_topic(ack, prefix, device_id, "ack") != 0 ||
      make_topic(cmd, prefix, device_id, "cmd") != 0 || make_topic(result, prefix, device_id, "cmd/result") != 0) {
    fprintf(stderr, "the prefix is too long\n");
    return NULL;
  }
  (void)mosquitto_lib_init();
  /* Not a clean session: a command that is sent while the device sleeps waits for it. */
  client = mosquitto_new(device_id, false, NULL);
  if (client == NULL) {
    perror("mosquitto_new");
    return NULL;
  }
  mosquitto_connect_callback_set(client, on_connect);
  mosquitto_disconnect_callback_set(client, on_disconnect);
  mosquitto_message_callback_set(client, on_message);
  (void)mosquitto_connect(client, host, port, 30); /* If nobody is there yet, `run` goes on trying. */
  return &mqtt;
}
