/** A node with ESP-IDF: measures, signs, keeps, and sends over MQTT. One task owns the store; MQTT's task only fills a queue. */
#include <driver/temperature_sensor.h>
#include <esp_event.h>
#include <esp_log.h>
#include <esp_netif.h>
#include <esp_netif_sntp.h>
#include <esp_timer.h>
#include <esp_wifi.h>
#include <inttypes.h>
#include <nvs.h>
#include <nvs_flash.h>
#include <sys/time.h>

#include <myco/adapters/esp_mqtt.h>
#include <myco/adapters/esp_partition.h>
#include <myco/adapters/sodium.h>
#include <myco/myco.h>

static const char tag[] = "node";
static uint8_t receipt_key[32];
static myco_sodium_key key;
static myco_crypto crypto;
static myco_flash flash;
static myco_store store;
static myco_forward forward = {.window = 8, .wait_min_ms = 2000, .wait_max_ms = 60000};
static myco_command_log commands;
static myco_esp_mqtt mqtt;
static temperature_sensor_handle_t sensor;
static uint8_t envelope[MYCO_ENVELOPE_SIZE_MAX(MYCO_DEVICE_ID_MAX, 1)];
static uint32_t interval_ms = CONFIG_NODE_INTERVAL_MS;

static uint32_t now_ms(void) {
  return (uint32_t)(esp_timer_get_time() / 1000);
}

/** Milliseconds since 1970, or 0 until a time server has answered. */
static int64_t epoch_ms(void) {
  struct timeval now;
  (void)gettimeofday(&now, NULL);
  return now.tv_sec > 1600000000 ? (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000 : 0;
}

/** Joins the network, and joins again. */
static void on_network(void *ctx, esp_event_base_t base, int32_t id, void *data) {
  (void)ctx;
  (void)base;
  (void)data;
  if (id == WIFI_EVENT_STA_START || id == WIFI_EVENT_STA_DISCONNECTED) (void)esp_wifi_connect();
}

static void start_network(void) {
  const wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
  const esp_sntp_config_t time = ESP_NETIF_SNTP_DEFAULT_CONFIG("pool.ntp.org");
  wifi_config_t wifi = {.sta = {.ssid = CONFIG_NODE_WIFI_SSID, .password = CONFIG_NODE_WIFI_PASSWORD}};
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  (void)esp_netif_create_default_wifi_sta();
  ESP_ERROR_CHECK(esp_wifi_init(&init));
  ESP_ERROR_CHECK(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_network, NULL));
  ESP_ERROR_CHECK(esp_wifi_set_mode(WIFI_MODE_STA));
  ESP_ERROR_CHECK(esp_wifi_set_config(WIFI_IF_STA, &wifi));
  ESP_ERROR_CHECK(esp_wifi_start());
  ESP_ERROR_CHECK(esp_netif_sntp_init(&time));
}

/** The seed of the key, made at the first start and kept in NVS. */
static void load_key(void) {
  uint8_t seed[32];
  uint8_t public_key[32];
  char hex[65];
  size_t len = sizeof seed;
  nvs_handle_t settings;
  ESP_ERROR_CHECK(nvs_open("myco", NVS_READWRITE, &settings));
  if (nvs_get_blob(settings, "seed", seed, &len) != ESP_OK || len != sizeof seed) {
    randombytes_buf(seed, sizeof seed); /* Wi-Fi is on: the generator has noise to draw from. */
    ESP_ERROR_CHECK(nvs_set_blob(settings, "seed", seed, sizeof seed));
    ESP_ERROR_CHECK(nvs_commit(settings));
  }
  nvs_close(settings);
  myco_sodium_key_from_seed(&key, seed, public_key);
  crypto = myco_sodium_crypto(&key);
  ESP_LOGI(tag, "mycogate device add %s --key %s", CONFIG_NODE_DEVICE_ID,
           sodium_bin2hex(hex, sizeof hex, public_key, sizeof public_key));
}

static void read_sensor(myco_reading *reading) {
  float celsius = 0;
  const int is_read = temperature_sensor_get_celsius(sensor, &celsius) == ESP_OK;
  reading->sensor = MYCO_SENSOR_TEMP;
  reading->unit = MYCO_UNIT_C;
  reading->vi = (int64_t)(celsius * 10.0f + (celsius < 0 ? -0.5f : 0.5f));
  reading->vs = 1;
  reading->quality = is_read ? MYCO_QUALITY_OK : MYCO_QUALITY_BAD;
}

static void measure(void) {
  uint8_t msg_id[16];
  myco_reading reading = {0};
  myco_envelope made = {0};
  size_t len = 0;
  myco_status status;
  read_sensor(&reading);
  randombytes_buf(msg_id, sizeof msg_id);
  made.device_id = CONFIG_NODE_DEVICE_ID;
  made.device_id_len = sizeof CONFIG_NODE_DEVICE_ID - 1u;
  made.msg_id = msg_id;
  made.epoch_ms = epoch_ms();
  made.seq = store.next_seq;
  made.mono_ms = (uint64_t)(esp_timer_get_time() / 1000);
  made.readings = &reading;
  made.reading_count = 1;
  made.proto = MYCO_TRANSPORT_MQTT;
  status = myco_envelope_build(&made, &crypto, envelope, sizeof envelope, &len);
  if (status == MYCO_OK) status = myco_store_append(&store, store.next_seq, msg_id, envelope, len);
  if (status != MYCO_OK) ESP_LOGE(tag, "measure: %d", (int)status);
}

static void take_answer(const uint8_t *answer, size_t len) {
  myco_receipt receipt;
  myco_status status;
  if (answer[0] == MYCO_MDP_REFUSAL_FIRST_BYTE) {
    /* Stays in flash: once an operator has enrolled the key, the next round brings the receipt. */
    ESP_LOGW(tag, "refused: %.*s", (int)len, (const char *)answer);
    myco_forward_answered(&forward, 0, now_ms());
    return;
  }
  status = myco_receipt_read(answer, len, receipt_key, CONFIG_NODE_DEVICE_ID, &crypto, &receipt);
  if (status != MYCO_OK) {
    ESP_LOGE(tag, "receipt: %d", (int)status);
    return;
  }
  myco_forward_answered(&forward, 1, now_ms());
  (void)myco_store_release(&store, &receipt); /* MYCO_ERR_NOT_FOUND for one that was sent twice. */
}

/** `set_interval`, with params `{"ms":…}`. */
static const char *obey(const myco_command *command, int *succeeded) {
  myco_json value;
  int64_t ms = 0;
  *succeeded = 0;
  if (!myco_json_is(&command->cmd, "set_interval")) return "unknown_command";
  if (command->params.at == NULL || myco_json_member(command->params.at, command->params.len, "ms", &value) != MYCO_OK ||
      myco_json_int(&value, &ms) != MYCO_OK || ms < 100 || ms > 86400000) {
    return "bad_params";
  }
  interval_ms = (uint32_t)ms;
  *succeeded = 1;
  return "done";
}

static void take_command(const char *json, size_t len) {
  char answer[MYCO_COMMAND_ID_MAX + 80u];
  myco_command command;
  const char *message = "repeated";
  int succeeded = 0;
  size_t written = 0;
  myco_status status;
  if (myco_command_read(json, len, &command) != MYCO_OK) return;
  status = myco_command_accept(&commands, &command, epoch_ms(), &succeeded);
  if (status == MYCO_ERR_REPEATED && succeeded < 0) return; /* Begun, and not answered yet. */
  if (status == MYCO_OK) message = obey(&command, &succeeded);
  if (status == MYCO_ERR_EXPIRED) {
    succeeded = 0;
    message = "expired";
  }
  if (myco_command_answer(&commands, &command, succeeded > 0, message, answer, sizeof answer, &written) == MYCO_OK) {
    myco_esp_mqtt_send_result(&mqtt, answer, written);
  }
}

static void take(const myco_esp_mqtt_message *message) {
  if (message->kind == MYCO_ESP_MQTT_CONNECTED) myco_forward_restart(&forward, now_ms());
  else if (message->len == 0u) return;
  else if (message->kind == MYCO_ESP_MQTT_ANSWER) take_answer(message->bytes, message->len);
  else take_command((const char *)message->bytes, message->len);
}

void app_main(void) {
  static myco_esp_mqtt_message message;
  const temperature_sensor_config_t range = TEMPERATURE_SENSOR_CONFIG_DEFAULT(-10, 80);
  uint32_t measured_at;
  size_t key_len = 0;
  myco_status status;
  ESP_ERROR_CHECK(nvs_flash_init());
  start_network();
  if (sodium_init() < 0 || sodium_hex2bin(receipt_key, sizeof receipt_key, CONFIG_NODE_RECEIPT_KEY,
                                          sizeof CONFIG_NODE_RECEIPT_KEY - 1u, NULL, &key_len, NULL) != 0 ||
      key_len != sizeof receipt_key) {
    ESP_LOGE(tag, "the receipt key is not 64 hex digits");
  }
  load_key();
  flash = myco_esp_partition_flash(
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "myco"));
  status = myco_store_open(&store, &flash, MYCO_STORE_DROP_OLDEST);
  if (status != MYCO_OK) {
    ESP_LOGE(tag, "the partition myco cannot be used: %d", (int)status);
    return;
  }
  ESP_ERROR_CHECK(temperature_sensor_install(&range, &sensor));
  ESP_ERROR_CHECK(temperature_sensor_enable(sensor));
  if (myco_esp_mqtt_start(&mqtt, CONFIG_NODE_GATEWAY_URI, "mycobrain", CONFIG_NODE_DEVICE_ID,
                          sizeof CONFIG_NODE_MQTT_PASSWORD == 1u ? NULL : CONFIG_NODE_MQTT_PASSWORD) != 0) {
    ESP_LOGE(tag, "MQTT cannot be started");
  }
  for (measured_at = now_ms() - interval_ms;;) {
    size_t len = 0;
    if (myco_esp_mqtt_take(&mqtt, &message, 50)) take(&message);
    if (now_ms() - measured_at >= interval_ms) {
      measured_at = now_ms();
      measure();
    }
    if (mqtt.is_connected && myco_forward_next(&forward, &store, now_ms(), envelope, sizeof envelope, &len) == MYCO_OK) {
      myco_esp_mqtt_send_envelope(&mqtt, envelope, len);
    }
  }
}
