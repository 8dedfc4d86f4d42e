/** What `idf.py menuconfig` would write. */
#pragma once

#define CONFIG_NODE_WIFI_SSID "field"
#define CONFIG_NODE_WIFI_PASSWORD ""
#define CONFIG_NODE_GATEWAY_URI "mqtt://192.168.1.10:1883"
#define CONFIG_NODE_MQTT_PASSWORD ""
#define CONFIG_NODE_DEVICE_ID "esp-idf-01"
#define CONFIG_NODE_RECEIPT_KEY ""
#define CONFIG_NODE_INTERVAL_MS 10000
