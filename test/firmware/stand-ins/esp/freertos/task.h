/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif
void vTaskDelay(TickType_t ticks);
#ifdef __cplusplus
}
#endif
