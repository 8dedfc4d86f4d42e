/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include <stdio.h>

#define ESP_LOGI(tag, ...) ((void)(tag), (void)printf(__VA_ARGS__))
#define ESP_LOGW ESP_LOGI
#define ESP_LOGE ESP_LOGI
