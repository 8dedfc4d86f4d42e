/** The parts of the program, and what they ask of one another. */
#ifndef NODE_H
#define NODE_H

#include <stddef.h>
#include <stdint.h>

#include "../../include/myco/myco.h"

/** A way to the gateway. It comes and goes by itself. */
typedef struct transport {
  /** Is it there, and does it take an envelope now? */
  int (*is_ready)(void);
  void (*send_envelope)(const uint8_t *envelope, size_t len);
  /** Take what the gateway sends, and mend the connection, for about that long. */
  void (*run)(uint32_t ms);
} transport;

/** @param device_id stays the caller's, as long as the program runs @return NULL, after saying why, if this cannot work */
const transport *serial_transport(const char *path);
const transport *mqtt_transport(const char *host, int port, const char *prefix, const char *device_id);

/** A file that behaves like NOR flash. @return NULL, after saying why */
const myco_flash *flash_file(const char *path);

/* What a transport tells. */

/** The gateway is there again: whatever was under way is lost. */
void node_connected(void);
/** The answer to an envelope: a receipt, or JSON that says why not. */
void node_answered(const uint8_t *answer, size_t len);
/** A command. @return length of the answer that is to be sent back, 0 for none; *succeeded says which kind */
size_t node_commanded(const char *json, size_t len, char *answer, size_t cap, int *succeeded);

uint32_t node_ms(void);

#endif /* NODE_H */
