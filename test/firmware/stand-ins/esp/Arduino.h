/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define RTC_NOINIT_ATTR

uint32_t millis(); /* unsigned long, which has 32 bits there */
void delay(uint32_t ms);
void configTime(long offset, int daylight, const char *server);

struct SerialPort {
  void begin(unsigned long baud);
  size_t println(const char *text = "");
  size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3)));
};
extern SerialPort Serial;
