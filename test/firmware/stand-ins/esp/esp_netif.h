/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include "esp_err.h"

esp_err_t esp_netif_init(void);
struct esp_netif *esp_netif_create_default_wifi_sta(void);
