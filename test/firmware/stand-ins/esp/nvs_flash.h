/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include "esp_err.h"

esp_err_t nvs_flash_init(void);
