/* For Arduino, which looks only into src/. */
#include "../../../include/myco/adapters/esp_mqtt.h"
