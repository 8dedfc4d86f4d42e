/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include <stdint.h>

int64_t esp_timer_get_time(void);
