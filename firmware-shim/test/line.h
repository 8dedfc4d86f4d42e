/** The test programs read commands from standard input, a line each with fields between spaces, and answer with a line. */
#ifndef MYCO_TEST_LINE_H
#define MYCO_TEST_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (1u << 20)

/** The next field, or "" when there are no more. */
static inline char *next_field(char **rest) {
  char *field = *rest + strspn(*rest, " \n");
  char *end = field + strcspn(field, " \n");
  *rest = *end != '\0' ? end + 1 : end;
  *end = '\0';
  return field;
}

/** Hex to bytes in a block of exactly that size, so that the sanitizer sees the first byte read behind it. */
static inline uint8_t *bytes_of(const char *hex, size_t *len) {
  uint8_t *bytes;
  size_t at;
  *len = strlen(hex) / 2u;
  bytes = (uint8_t *)malloc(*len > 0u ? *len : 1u);
  if (bytes == NULL) exit(70);
  for (at = 0; at < *len; at++) {
    unsigned byte;
    if (sscanf(hex + 2u * at, "%2x", &byte) != 1) exit(65);
    bytes[at] = (uint8_t)byte;
  }
  return bytes;
}

static inline void print_hex(const uint8_t *bytes, size_t len) {
  size_t at;
  for (at = 0; at < len; at++) printf("%02x", bytes[at]);
}

#endif /* MYCO_TEST_LINE_H */
