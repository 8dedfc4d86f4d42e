/** What the firmware needs of the board: two UARTs, a clock, flash, and the page that the factory wrote. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "../../include/myco/store.h"

#define BOARD_UART_HOST 0 /* To the gateway: MDP frames. */
#define BOARD_UART_LOG 1  /* For people: lines of text. */

/** What distinguishes one board from the next, at the beginning of the flash. */
typedef struct board_identity {
  uint32_t magic; /* BOARD_IDENTITY_MAGIC */
  volatile uint32_t last_seq; /* Of the last reading to be made; may change at any time. */
  uint32_t interval_ms;
  uint8_t seed[32]; /* Ed25519 */
  uint8_t receipt_key[32];
  char device_id[MYCO_DEVICE_ID_MAX + 1u]; /* Terminated. */
} board_identity;

#define BOARD_IDENTITY_MAGIC 0x3150594Du

void board_start(void);
/** Milliseconds since the board started. */
uint32_t board_ms(void);
/** Waits until the UART takes it. */
void board_put(int uart, uint8_t byte);
/** @return a byte, or -1 if none has come */
int board_get(int uart);
const board_identity *board_who(void);
extern const myco_flash board_flash;

#endif /* BOARD_H */
