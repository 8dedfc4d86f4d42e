/**
 * What the library will ask of a board to update its firmware: slots for images, which of them starts, and a restart. The
 * library has no updater yet. A board that fills in this table now has nothing to change when it does, and nothing else in the
 * library will take another shape for it.
 *
 * An update is written into a slot that does not run, checked as a whole, started once on trial, and confirmed by the image
 * itself after it has reached its gateway. An image that does not confirm itself is not started again.
 */
#ifndef MYCO_UPDATE_H
#define MYCO_UPDATE_H

#include <stdint.h>

#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum myco_start {
  /** Once; the next start after it is of the image that ran before, unless this one was confirmed. */
  MYCO_START_ON_TRIAL = 0,
  /** From now on. On the slot that runs, this confirms it. */
  MYCO_START_FOR_GOOD = 1
} myco_start;

/** Each callback blocks until done and returns 0, or something else when it could not. Power may fail during any of them. */
typedef struct myco_update_port {
  void *ctx;
  /** A slot's flash, one area each, beginning where the image begins. As a store's, and apart from it. */
  const myco_flash *slots;
  /** 2, or 1 where the boot loader swaps: the one that does not run. */
  uint8_t slot_count;
  /** Which slot runs, from 0; slot_count where the running image is in none of them. */
  int (*running)(void *ctx, uint8_t *slot);
  /**
   * Which slot starts next. Takes effect whole or not at all, whenever power fails. The boot loader's own checks of the
   * image, its signature included, stay its own.
   */
  int (*start_next)(void *ctx, uint8_t slot, myco_start how);
  /**
   * The lowest security counter that may run: an image with a lower one is a rollback. Kept where an update cannot lower it.
   * NULL on a board that has no such place.
   */
  int (*security_counter)(void *ctx, uint32_t *counter);
  /** Restart. Does not return, or returns before the restart comes; the caller then waits for it and writes nothing. */
  void (*restart)(void *ctx);
} myco_update_port;

#ifdef __cplusplus
}
#endif

#endif /* MYCO_UPDATE_H */
