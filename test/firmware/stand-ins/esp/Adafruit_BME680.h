/** Declares what the examples use of it, and no more; written from its documentation. */
#pragma once

#include <stdint.h>

#define BME680_OS_2X 2
#define BME680_OS_4X 3
#define BME680_OS_8X 4

class Adafruit_BME680 {
 public:
  bool begin(uint8_t address = 0x77, bool settings = true);
  bool setTemperatureOversampling(uint8_t os);
  bool setPressureOversampling(uint8_t os);
  bool setHumidityOversampling(uint8_t os);
  bool setGasHeater(uint16_t celsius, uint16_t ms);
  bool performReading();
  float temperature;
  uint32_t pressure;
  float humidity;
  uint32_t gas_resistance;
};
