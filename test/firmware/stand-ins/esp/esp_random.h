/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C"
#endif
    void
    esp_fill_random(void *bytes, size_t size);
