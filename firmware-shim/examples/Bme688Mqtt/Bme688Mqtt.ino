/**
 * A BME688 on an ESP32, over Wi-Fi and MQTT: temperature, humidity, pressure and gas resistance, signed, kept in flash until
 * the gateway's signed receipt came. On its first start it makes its key and prints the public half for `mycogate device add`.
 *
 * Boards: esp32 by Espressif, 3.0 or later. Libraries: Adafruit BME680, and Monocypher 4 (README.md says how). The partition
 * "myco" comes with partitions.csv beside this file.
 */
#include <Adafruit_BME680.h>
#include <Preferences.h>
#include <WiFi.h>
#include <esp_random.h>
#include <time.h>

#include <myco/myco.h>
#include <myco/adapters/esp_mqtt.h>
#include <myco/adapters/esp_partition.h>
#include <myco/adapters/monocypher.h>

#include "config.h"

static myco_esp_mqtt mqtt;
static Adafruit_BME680 sensor;
static bool hasSensor;

static uint8_t receiptKey[32];
static myco_monocypher_key key;
static myco_crypto crypto;
static myco_flash flash;
static myco_store store;
static myco_forward pace;
/** Not cleared by a reset, so that a repeated command is known even if the first one caused it. */
RTC_NOINIT_ATTR static myco_command_log commands;
RTC_NOINIT_ATTR static uint32_t commandsMagic;
static uint8_t envelope[MYCO_ENVELOPE_SIZE_MAX(MYCO_DEVICE_ID_MAX, 4)];
static uint32_t intervalMs = INTERVAL_MS;
static uint32_t measuredAt;

/** Milliseconds since 1970, or 0 until a time server has answered. */
static int64_t epochMs() {
  const time_t now = time(nullptr);
  return now > 1600000000 ? (int64_t)now * 1000 : 0;
}

static void fault(const char *what, myco_status status) {
  Serial.printf("%s: %d\n", what, (int)status);
}

/** The seed of the key, made at the first start and kept in NVS. */
static void loadKey() {
  Preferences settings;
  uint8_t seed[32];
  uint8_t publicKey[32];
  settings.begin("myco", false);
  if (settings.getBytes("seed", seed, sizeof seed) != sizeof seed) {
    esp_fill_random(seed, sizeof seed); /* Wi-Fi is on: the generator has noise to draw from. */
    settings.putBytes("seed", seed, sizeof seed);
  }
  settings.end();
  myco_monocypher_key_from_seed(&key, seed, publicKey);
  crypto = myco_monocypher_crypto(&key);
  Serial.printf("mycogate device add %s --key ", DEVICE_ID);
  for (uint8_t byte : publicKey) Serial.printf("%02x", byte);
  Serial.println();
}

static bool readReceiptKey() {
  for (size_t at = 0; at < sizeof receiptKey; at++) {
    unsigned byte;
    if (sscanf(&RECEIPT_KEY[2 * at], "%2x", &byte) != 1) return false;
    receiptKey[at] = (uint8_t)byte;
  }
  return true;
}

/** value x 10^places as an integer, and what the gateway makes of it is the same decimal. */
static void put(myco_reading &reading, uint16_t code, uint16_t unit, double value, uint8_t places, uint8_t quality) {
  double scale = 1;
  for (uint8_t at = 0; at < places; at++) scale *= 10;
  reading = myco_reading();
  reading.sensor = code;
  reading.unit = unit;
  reading.vi = (int64_t)(value * scale + (value < 0 ? -0.5 : 0.5));
  reading.vs = places;
  reading.quality = quality;
}

static void measure() {
  myco_reading readings[4];
  myco_envelope made = myco_envelope();
  uint8_t msgId[16];
  size_t len = 0;
  if (!hasSensor || !sensor.performReading()) {
    Serial.println("no BME688");
    return;
  }
  put(readings[0], MYCO_SENSOR_TEMP, MYCO_UNIT_C, sensor.temperature, 2, MYCO_QUALITY_OK);
  put(readings[1], MYCO_SENSOR_HUMIDITY, MYCO_UNIT_PERCENT_RH, sensor.humidity, 2, MYCO_QUALITY_OK);
  put(readings[2], MYCO_SENSOR_PRESSURE, MYCO_UNIT_PA, sensor.pressure, 0, MYCO_QUALITY_OK);
  /* The gas sensor takes minutes to settle. */
  put(readings[3], MYCO_SENSOR_GAS_RESISTANCE, MYCO_UNIT_OHM, sensor.gas_resistance, 0,
      millis() < 300000u ? MYCO_QUALITY_WARN : MYCO_QUALITY_OK);
  esp_fill_random(msgId, sizeof msgId);
  made.device_id = DEVICE_ID;
  made.device_id_len = sizeof DEVICE_ID - 1;
  made.msg_id = msgId;
  made.epoch_ms = epochMs();
  made.seq = store.next_seq;
  made.mono_ms = millis();
  made.readings = readings;
  made.reading_count = 4;
  made.proto = MYCO_TRANSPORT_MQTT;
  myco_status status = myco_envelope_build(&made, &crypto, envelope, sizeof envelope, &len);
  if (status == MYCO_OK) status = myco_store_append(&store, store.next_seq, msgId, envelope, len);
  if (status != MYCO_OK) fault("measure", status);
}

static void takeAnswer(const uint8_t *answer, size_t len) {
  myco_receipt receipt;
  if (answer[0] == MYCO_MDP_REFUSAL_FIRST_BYTE) {
    /* Stays in flash: once an operator has enrolled the key, the next round brings the receipt. */
    Serial.printf("refused: %.*s\n", (int)len, (const char *)answer);
    myco_forward_answered(&pace, 0, millis());
    return;
  }
  const myco_status status = myco_receipt_read(answer, len, receiptKey, DEVICE_ID, &crypto, &receipt);
  if (status != MYCO_OK) {
    fault("receipt", status);
    return;
  }
  myco_forward_answered(&pace, 1, millis());
  (void)myco_store_release(&store, &receipt); /* MYCO_ERR_NOT_FOUND for one that was sent twice. */
}

/** `set_interval`, with params `{"ms":…}`. */
static const char *obey(const myco_command &command, int *succeeded) {
  myco_json value;
  int64_t ms = 0;
  *succeeded = 0;
  if (!myco_json_is(&command.cmd, "set_interval")) return "unknown_command";
  if (command.params.at == nullptr || myco_json_member(command.params.at, command.params.len, "ms", &value) != MYCO_OK ||
      myco_json_int(&value, &ms) != MYCO_OK || ms < 1000 || ms > 86400000) {
    return "bad_params";
  }
  intervalMs = (uint32_t)ms;
  *succeeded = 1;
  return "done";
}

static void takeCommand(const char *json, size_t len) {
  char answer[MYCO_COMMAND_ID_MAX + 80];
  myco_command command;
  const char *message = "repeated";
  int succeeded = 0;
  size_t written = 0;
  if (myco_command_read(json, len, &command) != MYCO_OK) return;
  const myco_status status = myco_command_accept(&commands, &command, epochMs(), &succeeded);
  if (status == MYCO_ERR_REPEATED && succeeded < 0) return; /* Begun, and not answered yet. */
  if (status == MYCO_OK) message = obey(command, &succeeded);
  if (status == MYCO_ERR_EXPIRED) {
    succeeded = 0;
    message = "expired";
  }
  if (myco_command_answer(&commands, &command, succeeded > 0, message, answer, sizeof answer, &written) == MYCO_OK) {
    myco_esp_mqtt_send_result(&mqtt, answer, written);
  }
}

static void take(const myco_esp_mqtt_message &message) {
  if (message.kind == MYCO_ESP_MQTT_CONNECTED) myco_forward_restart(&pace, millis());
  else if (message.len == 0) return;
  else if (message.kind == MYCO_ESP_MQTT_ANSWER) takeAnswer(message.bytes, message.len);
  else takeCommand((const char *)message.bytes, message.len);
}

void setup() {
  Serial.begin(115200);
  WiFi.mode(WIFI_STA);
  WiFi.begin(WIFI_SSID, WIFI_PASSWORD);
  configTime(0, 0, "pool.ntp.org");
  if (!readReceiptKey()) Serial.println("RECEIPT_KEY is not 64 hex digits");
  loadKey();
  if (commandsMagic != 0x4D594331u) {
    commands = myco_command_log();
    commandsMagic = 0x4D594331u;
  }
  flash = myco_esp_partition_flash(
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "myco"));
  const myco_status status = myco_store_open(&store, &flash, MYCO_STORE_DROP_OLDEST);
  if (status != MYCO_OK) {
    fault("the partition \"myco\" cannot be used", status);
    for (;;) delay(1000);
  }
  pace.window = 8;
  pace.wait_min_ms = 2000;
  pace.wait_max_ms = 60000;
  hasSensor = sensor.begin();
  sensor.setTemperatureOversampling(BME680_OS_8X);
  sensor.setHumidityOversampling(BME680_OS_2X);
  sensor.setPressureOversampling(BME680_OS_4X);
  sensor.setGasHeater(320, 150);
  measuredAt = millis() - intervalMs;
  if (myco_esp_mqtt_start(&mqtt, GATEWAY_URI, "mycobrain", DEVICE_ID, MQTT_PASSWORD[0] == '\0' ? nullptr : MQTT_PASSWORD) != 0)
    Serial.println("MQTT cannot be started");
}

void loop() {
  static myco_esp_mqtt_message message;
  size_t len = 0;
  if (myco_esp_mqtt_take(&mqtt, &message, 10)) take(message);
  if (millis() - measuredAt >= intervalMs) {
    measuredAt = millis();
    measure();
  }
  if (mqtt.is_connected && myco_forward_next(&pace, &store, millis(), envelope, sizeof envelope, &len) == MYCO_OK) {
    myco_esp_mqtt_send_envelope(&mqtt, envelope, len);
  }
}
