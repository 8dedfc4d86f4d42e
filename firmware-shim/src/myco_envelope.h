/* For Arduino, which looks only into src/. */
#include "../include/myco/compat/myco_envelope.h"
