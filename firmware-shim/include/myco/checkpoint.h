/**
 * Checkpoints of the gateway's log: C2SP signed notes that say how many leaves it has and what they hash to. A device that
 * keeps the newest one notices when a log it once saw is rolled back or told two ways. It does not need one to get its
 * envelopes receipted. tlog-checkpoint v1.0.0, signed-note v1.0.0.
 */
#ifndef MYCO_CHECKPOINT_H
#define MYCO_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MYCO_ROOT_HASH_BYTES 32u

/** All zero is the checkpoint of a device that has seen none. */
typedef struct myco_checkpoint {
  uint64_t size; /* Leaves. */
  uint8_t root[MYCO_ROOT_HASH_BYTES];
} myco_checkpoint;

/**
 * Read a note whose origin is the log's and that carries a valid Ed25519 signature line of the log. Further lines of text
 * and the signatures of others, ML-DSA and witnesses included, are left alone.
 * @param note `GET /checkpoint`, not terminated
 * @param origin the log's origin, which is also its key's name, terminated
 * @param key Ed25519 key of the log: raw, 32 bytes
 * @param out filled in only on MYCO_OK
 * @return MYCO_ERR_NOT_WELL_FORMED, MYCO_ERR_OTHER_LOG, MYCO_ERR_SIGNATURE (no line of that key is valid) or
 *         MYCO_ERR_CRYPTO
 */
myco_status myco_checkpoint_read(const char *note, size_t len, const char *origin, const uint8_t key[32],
                                 const myco_crypto *crypto, myco_checkpoint *out);

/**
 * Take a checkpoint in place of the one kept, unless it says less. See myco_store_keep for one that outlives a restart.
 * @return MYCO_OK, also for the same one again; MYCO_ERR_OLDER for a smaller tree; MYCO_ERR_FORK for another root of the
 *         same size: an alarm, since the log's key has signed both
 */
myco_status myco_checkpoint_advance(myco_checkpoint *kept, const myco_checkpoint *seen);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_CHECKPOINT_H */
