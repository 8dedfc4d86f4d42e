/**
 * The store on a data partition of an ESP32's flash, by ESP-IDF's esp_partition.h, which the Arduino core has too. Header
 * only: include it in one source file. The partition must not be encrypted: blank flash does not read as 0xFF there.
 *   static myco_flash flash;
 *   flash = myco_esp_partition_flash(
 *       esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "myco"));
 */
#ifndef MYCO_ADAPTERS_ESP_PARTITION_H
#define MYCO_ADAPTERS_ESP_PARTITION_H

#include <esp_partition.h>

#include "../store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MYCO_ESP_SECTOR_BYTES 4096u

static inline int myco_esp_erase(void *ctx, uint32_t sector) {
  return esp_partition_erase_range((const esp_partition_t *)ctx, sector * MYCO_ESP_SECTOR_BYTES,
                                   MYCO_ESP_SECTOR_BYTES) == ESP_OK
             ? 0
             : -1;
}

static inline int myco_esp_program(void *ctx, uint32_t address, const uint8_t *data, size_t size) {
  return esp_partition_write((const esp_partition_t *)ctx, address, data, size) == ESP_OK ? 0 : -1;
}

static inline int myco_esp_read(void *ctx, uint32_t address, uint8_t *data, size_t size) {
  return esp_partition_read((const esp_partition_t *)ctx, address, data, size) == ESP_OK ? 0 : -1;
}

/** @param partition NULL or an encrypted one gives flash that myco_store_open refuses with MYCO_ERR_ARG */
static inline myco_flash myco_esp_partition_flash(const esp_partition_t *partition) {
  myco_flash flash;
  const int is_usable = partition != NULL && !partition->encrypted;
  flash.erase = myco_esp_erase;
  flash.program = myco_esp_program;
  flash.read = myco_esp_read;
  flash.ctx = (void *)partition;
  flash.sector_bytes = MYCO_ESP_SECTOR_BYTES;
  flash.sectors = (uint16_t)(is_usable ? partition->size / MYCO_ESP_SECTOR_BYTES : 0u);
  flash.unit = 1;
  return flash;
}

#ifdef __cplusplus
}
#endif

#endif /* MYCO_ADAPTERS_ESP_PARTITION_H */
