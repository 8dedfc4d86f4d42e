/** Everything; each header also stands alone. */
#ifndef MYCO_MYCO_H
#define MYCO_MYCO_H

#include "cbor.h"
#include "checkpoint.h"
#include "cobs.h"
#include "command.h"
#include "crypto.h"
#include "envelope.h"
#include "forward.h"
#include "link.h"
#include "mdp.h"
#include "protocol.h"
#include "receipt.h"
#include "sparse.h"
#include "status.h"
#include "store.h"
#include "update.h"
#include "version.h"

#endif /* MYCO_MYCO_H */
