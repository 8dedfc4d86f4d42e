/** What differs from one board to the next. */
#ifndef CONFIG_H
#define CONFIG_H

#define WIFI_SSID "field"
#define WIFI_PASSWORD "change me"

/** The gateway's broker; mqtts:// with TLS. */
#define GATEWAY_URI "mqtt://192.168.1.10:1883"
/** A user of role "device" named as the board is, or "" where the gateway asks nobody. */
#define MQTT_PASSWORD ""

/** As in `mycogate device add`. */
#define DEVICE_ID "bme688-01"

/** The line "receipt" of `mycogate key show`: 64 hex digits. */
#define RECEIPT_KEY "0000000000000000000000000000000000000000000000000000000000000000"

#define INTERVAL_MS 10000u

#endif
