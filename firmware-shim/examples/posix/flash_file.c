/** NOR flash in a file: erasing sets bits, programming clears them, and each is on the disk when it returns. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node.h"

#define SECTOR_BYTES 4096u
#define SECTORS 32u

static int file = -1;

static int write_all(const uint8_t *data, size_t size, off_t at) {
  return pwrite(file, data, size, at) == (ssize_t)size && fdatasync(file) == 0 ? 0 : -1;
}

static int read_flash(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  (void)ctx;
  return pread(file, data, size, (off_t)address) == (ssize_t)size ? 0 : -1;
}

static int erase_sector(void *ctx, uint32_t sector) {
  uint8_t blank[SECTOR_BYTES];
  (void)ctx;
  memset(blank, 0xFF, sizeof blank);
  return write_all(blank, sizeof blank, (off_t)(sector * SECTOR_BYTES));
}

static int program_flash(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  uint8_t cells[MYCO_STORE_UNIT_MAX];
  size_t at;
  if (size > sizeof cells || read_flash(ctx, address, cells, size) != 0) return -1;
  for (at = 0; at < size; at++) cells[at] = (uint8_t)(cells[at] & data[at]);
  return write_all(cells, size, (off_t)address);
}

static const myco_flash flash = {erase_sector, program_flash, read_flash, NULL, SECTOR_BYTES, SECTORS, 1};

const myco_flash *flash_file(const char *path) {
  uint32_t sector;
  file = open(path, O_RDWR | O_CREAT, 0600);
  if (file < 0) {
    perror(path);
    return NULL;
  }
  /* A new chip is blank. */
  sector = (uint32_t)(lseek(file, 0, SEEK_END) / (off_t)SECTOR_BYTES);
  for (; sector < SECTORS; sector++) {
    if (erase_sector(NULL, sector) != 0) {
      perror(path);
      return NULL;
    }
  }
  return &flash;
}
