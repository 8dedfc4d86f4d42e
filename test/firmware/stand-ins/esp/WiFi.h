/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

enum wifi_mode { WIFI_STA };

struct WiFiClass {
  bool mode(wifi_mode mode);
  int begin(const char *ssid, const char *password);
};
extern WiFiClass WiFi;
