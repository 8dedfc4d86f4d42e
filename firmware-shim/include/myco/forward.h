/**
 * When to send what the store holds: a few envelopes at a time, and all that has no receipt again, waiting longer each time
 * while nobody answers. The store keeps the envelopes; this keeps the pace, over any transport.
 */
#ifndef MYCO_FORWARD_H
#define MYCO_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** All zero but for what the caller sets. */
typedef struct myco_forward {
  /** Envelopes under way and not answered, at most. */
  uint16_t window;
  /** Without an answer for so long, all is sent again; it doubles each time up to the other, and a receipt sets it back. */
  uint32_t wait_min_ms;
  uint32_t wait_max_ms;

  /* Leave these alone. */
  uint16_t under_way;
  uint32_t wait_ms;
  uint32_t heard_ms;
  uint32_t began_ms;
  myco_store_cursor cursor;
} myco_forward;

/**
 * The envelope to send now, if there is one. Call it until there is none, and again in every turn of the loop.
 * @return MYCO_OK: send it; MYCO_ERR_NOT_FOUND: nothing to send at this time; MYCO_ERR_NO_SPACE or MYCO_ERR_FLASH as from
 *         myco_store_next
 */
myco_status myco_forward_next(myco_forward *forward, const myco_store *store, uint32_t now_ms, uint8_t *out, size_t cap,
                              size_t *written);

/**
 * An envelope was answered.
 * @param freed 1 for a receipt that freed an entry; 0 for a refusal, which frees nothing, so that its envelope is sent again
 *        with the next round, and rounds of nothing but refusals become as rare as silence makes them
 */
void myco_forward_answered(myco_forward *forward, int freed, uint32_t now_ms);

/** Whatever was under way is lost, as when a connection was made anew: begin with the oldest, at once. */
void myco_forward_restart(myco_forward *forward, uint32_t now_ms);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_FORWARD_H */
