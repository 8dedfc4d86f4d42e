/**
 * MQTT on an ESP32, by the client that ESP-IDF and the Arduino core have. It calls back in a task of its own, where the store
 * may not be touched: what comes is put into a queue, and the task that owns the store takes it from there. Header only:
 * include it in one source file.
 */
#ifndef MYCO_ADAPTERS_ESP_MQTT_H
#define MYCO_ADAPTERS_ESP_MQTT_H

#include <freertos/FreeRTOS.h>
#include <freertos/queue.h>
#include <freertos/task.h>
#include <mqtt_client.h>
#include <stdio.h>
#include <string.h>

#include "../protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MYCO_ESP_MQTT_TOPIC_MAX 128
#define MYCO_ESP_MQTT_INBOX 8

typedef enum myco_esp_mqtt_kind {
  MYCO_ESP_MQTT_CONNECTED, /* Whatever was under way is lost. */
  MYCO_ESP_MQTT_ANSWER,    /* To an envelope: a receipt, or JSON that says why not. */
  MYCO_ESP_MQTT_COMMAND
} myco_esp_mqtt_kind;

typedef struct myco_esp_mqtt_message {
  myco_esp_mqtt_kind kind;
  size_t len;
  uint8_t bytes[512];
} myco_esp_mqtt_message;

typedef struct myco_esp_mqtt {
  esp_mqtt_client_handle_t client;
  QueueHandle_t inbox;
  volatile int is_connected;
  char envelope[MYCO_ESP_MQTT_TOPIC_MAX];
  char ack[MYCO_ESP_MQTT_TOPIC_MAX];
  char cmd[MYCO_ESP_MQTT_TOPIC_MAX];
  char result[MYCO_ESP_MQTT_TOPIC_MAX];
} myco_esp_mqtt;

/** What does not fit in the queue is lost, as on the wire: an envelope is sent again, a command times out. */
static inline void myco_esp_mqtt_put(myco_esp_mqtt *mqtt, myco_esp_mqtt_kind kind, const char *data, int len) {
  myco_esp_mqtt_message message;
  if (len < 0 || (size_t)len > sizeof message.bytes) return;
  message.kind = kind;
  message.len = (size_t)len;
  memcpy(message.bytes, data, message.len);
  (void)xQueueSend(mqtt->inbox, &message, 0);
}

static inline void myco_esp_mqtt_event(void *ctx, esp_event_base_t base, int32_t id, void *data) {
  myco_esp_mqtt *mqtt = (myco_esp_mqtt *)ctx;
  const esp_mqtt_event_t *event = (const esp_mqtt_event_t *)data;
  (void)base;
  if (id == MQTT_EVENT_CONNECTED) {
    (void)esp_mqtt_client_subscribe(mqtt->client, mqtt->ack, 1);
    (void)esp_mqtt_client_subscribe(mqtt->client, mqtt->cmd, 1);
    mqtt->is_connected = 1;
    myco_esp_mqtt_put(mqtt, MYCO_ESP_MQTT_CONNECTED, "", 0);
  } else if (id == MQTT_EVENT_DISCONNECTED) {
    mqtt->is_connected = 0;
  } else if (id == MQTT_EVENT_DATA && event->data_len == event->total_data_len) {
    const int is_ack = (size_t)event->topic_len == strlen(mqtt->ack) &&
                       memcmp(event->topic, mqtt->ack, (size_t)event->topic_len) == 0;
    myco_esp_mqtt_put(mqtt, is_ack ? MYCO_ESP_MQTT_ANSWER : MYCO_ESP_MQTT_COMMAND, event->data, event->data_len);
  }
}

/**
 * Connects now, and again whenever the connection is lost.
 * @param uri mqtt://… or mqtts://…; stays the caller's
 * @param password NULL where the gateway asks nobody; else that of the user named as the device
 * @return 0, or -1 without memory or for a prefix that is too long
 */
static inline int myco_esp_mqtt_start(myco_esp_mqtt *mqtt, const char *uri, const char *prefix, const char *device_id,
                                      const char *password) {
  esp_mqtt_client_config_t config;
  if (strlen(prefix) + strlen(device_id) + sizeof "//cmd/result" > MYCO_ESP_MQTT_TOPIC_MAX) return -1;
  (void)snprintf(mqtt->envelope, sizeof mqtt->envelope, "%s/%s/envelope", prefix, device_id);
  (void)snprintf(mqtt->ack, sizeof mqtt->ack, "%s/%s/ack", prefix, device_id);
  (void)snprintf(mqtt->cmd, sizeof mqtt->cmd, "%s/%s/cmd", prefix, device_id);
  (void)snprintf(mqtt->result, sizeof mqtt->result, "%s/%s/cmd/result", prefix, device_id);
  memset(&config, 0, sizeof config);
  config.broker.address.uri = uri;
  config.credentials.client_id = device_id;
  config.credentials.username = password == NULL ? NULL : device_id;
  config.credentials.authentication.password = password;
  config.session.disable_clean_session = true; /* A command that is sent while the device is away waits for it. */
  mqtt->is_connected = 0;
  mqtt->inbox = xQueueCreate(MYCO_ESP_MQTT_INBOX, sizeof(myco_esp_mqtt_message));
  mqtt->client = esp_mqtt_client_init(&config);
  if (mqtt->inbox == NULL || mqtt->client == NULL) return -1;
  (void)esp_mqtt_client_register_event(mqtt->client, MQTT_EVENT_ANY, myco_esp_mqtt_event, mqtt);
  return esp_mqtt_client_start(mqtt->client) == ESP_OK ? 0 : -1;
}

/** @return 1 with the next message, 0 if none came within that time, as none does where it could not be started */
static inline int myco_esp_mqtt_take(myco_esp_mqtt *mqtt, myco_esp_mqtt_message *message, uint32_t wait_ms) {
  if (mqtt->inbox != NULL) return xQueueReceive(mqtt->inbox, message, pdMS_TO_TICKS(wait_ms)) == pdTRUE;
  vTaskDelay(pdMS_TO_TICKS(wait_ms));
  return 0;
}

/** Not while disconnected: the client would queue what the store has already. */
static inline void myco_esp_mqtt_send_envelope(myco_esp_mqtt *mqtt, const uint8_t *envelope, size_t len) {
  if (mqtt->is_connected) (void)esp_mqtt_client_publish(mqtt->client, mqtt->envelope, (const char *)envelope, (int)len, 1, 0);
}

static inline void myco_esp_mqtt_send_result(myco_esp_mqtt *mqtt, const char *answer, size_t len) {
  (void)esp_mqtt_client_publish(mqtt->client, mqtt->result, answer, (int)len, 1, 0);
}

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ADAPTERS_ESP_MQTT_H */
