#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* CMSDK APB UART */
#define UART(n) (0x40004000u + 0x1000u * (unsigned)(n))
#define UART_DATA(n) REGISTER(UART(n))
#define UART_STATE(n) REGISTER(UART(n) + 4u)
#define UART_CONTROL(n) REGISTER(UART(n) + 8u)
#define UART_BAUD_DIVIDER(n) REGISTER(UART(n) + 16u)
#define UART_TX_FULL 1u
#define UART_RX_FULL 2u

#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)
#define CLOCK_HZ 25000000u

/* The board's 16 MiB of PSRAM stand in for flash: a file can lie behind them, so they outlive a reset, as flash does. */
#define FLASH_BASE 0x21000000u
#define SECTOR_BYTES 4096u
#define SECTORS 24
#define STORE_BASE (FLASH_BASE + SECTOR_BYTES)

extern uint8_t stack_top[], data_source[], data_start[], data_end[], bss_start[], bss_end[];
extern int main(void);

static volatile uint32_t ms;

static void tick(void) {
  ms++;
}

static void halt(void) {
  for (;;) {
  }
}

void reset(void) {
  uint8_t *to;
  const uint8_t *from = data_source;
  for (to = data_start; to < data_end; to++) *to = *from++;
  for (to = bss_start; to < bss_end; to++) *to = 0;
  (void)main();
  halt();
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)(uintptr_t)stack_top, reset, halt, halt, halt, halt, halt, 0, 0, 0, 0, halt, halt, 0, halt, tick,
};

void board_start(void) {
  int uart;
  for (uart = BOARD_UART_HOST; uart <= BOARD_UART_LOG; uart++) {
    UART_BAUD_DIVIDER(uart) = CLOCK_HZ / 115200u;
    UART_CONTROL(uart) = 3u; /* Send and receive. */
  }
  SYSTICK_RELOAD = CLOCK_HZ / 1000u - 1u;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 7u; /* Processor clock, interrupt, on. */
}

uint32_t board_ms(void) {
  return ms;
}

void board_put(int uart, uint8_t byte) {
  while ((UART_STATE(uart) & UART_TX_FULL) != 0u) {
  }
  UART_DATA(uart) = byte;
}

int board_get(int uart) {
  return (UART_STATE(uart) & UART_RX_FULL) != 0u ? (int)(UART_DATA(uart) & 0xFFu) : -1;
}

const board_identity *board_who(void) {
  return (const board_identity *)(uintptr_t)FLASH_BASE;
}

/* NOR rules: an erase sets a whole sector, programming clears bits. Byte by byte, so that a reset may come between any. */

static int erase(void *ctx, uint32_t sector) {
  volatile uint8_t *cell = (volatile uint8_t *)(uintptr_t)(STORE_BASE + sector * SECTOR_BYTES);
  uint32_t at;
  (void)ctx;
  for (at = 0; at < SECTOR_BYTES; at++) cell[at] = 0xFF;
  return 0;
}

static int program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  volatile uint8_t *cell = (volatile uint8_t *)(uintptr_t)(STORE_BASE + address);
  size_t at;
  (void)ctx;
  for (at = 0; at < size; at++) cell[at] &= data[at];
  return 0;
}

static int read(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  const volatile uint8_t *cell = (const volatile uint8_t *)(uintptr_t)(STORE_BASE + address);
  size_t at;
  (void)ctx;
  for (at = 0; at < size; at++) data[at] = cell[at];
  return 0;
}

const myco_flash board_flash = {erase, program, read, NULL, SECTOR_BYTES, SECTORS, 8};
