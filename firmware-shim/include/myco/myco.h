/** Everything; each header also stands alone. */
#ifndef MYCO_MYCO_H
#define MYCO_MYCO_H

#include "cbor.h"
#include "cobs.h"
#include "crypto.h"
#include "envelope.h"
#include "mdp.h"
#include "protocol.h"
#include "status.h"
#include "version.h"

#endif /* MYCO_MYCO_H */
