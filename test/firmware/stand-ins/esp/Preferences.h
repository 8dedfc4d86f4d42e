/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include <stddef.h>

class Preferences {
 public:
  bool begin(const char *name, bool readOnly);
  size_t getBytes(const char *key, void *bytes, size_t size);
  size_t putBytes(const char *key, const void *bytes, size_t size);
  void end();
};
