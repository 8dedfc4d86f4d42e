/**
 * Sparse signing: one signature for several messages, where bytes or computing are dear. Protocol reference, "Chained
 * message"; the gateway's operator has to allow it for the device.
 */
#ifndef MYCO_SPARSE_H
#define MYCO_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"
#include "envelope.h"
#include "protocol.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The metadata of an anchor: a map of one key, whose value is a byte string of links. */
#define MYCO_ANCHOR_HEAD_MAX 5u

/**
 * What a device remembers of its chain. Plain memory: kept over a sleep, or in memory that a reset leaves alone, the chain
 * goes on. After a start without it, `myco_chain_init` begins a new one, and what was sent since the last anchor is never
 * proven, so sign before a planned reset; `myco_chain_recall` takes back what is in flash.
 */
typedef struct myco_chain {
  /* Message ids of chained messages, newest first; before them room for what makes them the metadata of an anchor. */
  uint8_t metadata[MYCO_ANCHOR_HEAD_MAX + MYCO_LINKS_MAX * MYCO_LINK_BYTES];
  uint8_t known; /* How many of them. */
  uint8_t links;
  uint8_t span;
  uint8_t unsigned_count; /* Since the last anchor. */
} myco_chain;

/**
 * A new chain. It survives fewer than `links` chained messages lost in a row: 2 is enough where one in twenty is lost.
 * @param links how many messages back each one leads, 1 to MYCO_LINKS_MAX; each takes MYCO_LINK_BYTES
 * @param span messages between two signatures, at most MYCO_SPAN_MAX; 0 signs every one
 * @return MYCO_ERR_ARG for a number out of its range
 */
myco_status myco_chain_init(myco_chain *chain, unsigned links, unsigned span);

/**
 * Whether the next message has to be an anchor. As a rule:
 *   if (myco_chain_must_sign(&chain)) {
 *     myco_chain_anchor(&chain, &in);
 *     status = myco_envelope_build(&in, &crypto, out, sizeof out, &len);
 *   } else {
 *     status = myco_chain_add(&chain, &in, &crypto, out, sizeof out, &len, msg_id);
 *   }
 * @return 1 or 0
 */
int myco_chain_must_sign(const myco_chain *chain);

/**
 * A chained message. The chain moves on with MYCO_OK, and not when only measuring: what was built has to be sent, or kept.
 * @param in its msg_id is not looked at
 * @param out, cap, written as of myco_envelope_build; at most MYCO_CHAINED_BYTES_MAX
 * @param msg_id MYCO_MSG_ID_BYTES, what its receipt will name; left alone when only measuring
 * @return as of myco_envelope_build
 */
myco_status myco_chain_add(myco_chain *chain, const myco_envelope *in, const myco_crypto *crypto, uint8_t *out,
                           size_t cap, size_t *written, uint8_t msg_id[MYCO_MSG_ID_BYTES]);

/**
 * Make an anchor of the envelope that is built next: its metadata become the chain's, in the chain's own memory, so build
 * it before anything else is added. A chain that knows no message yet leaves it an envelope like any other.
 */
void myco_chain_anchor(myco_chain *chain, myco_envelope *in);

/**
 * Take a message that was sent before into a new chain, oldest first: those of the store that have no receipt. Anchors and
 * envelopes change nothing. @return MYCO_ERR_CRYPTO
 */
myco_status myco_chain_recall(myco_chain *chain, const uint8_t *message, size_t len, const myco_crypto *crypto);

/** The gateway answered UNSIGNED: from now on every message is signed. */
void myco_chain_refused(myco_chain *chain);

/** Whether these bytes begin like a chained message, and not like an envelope. */
int myco_is_chained(const uint8_t *message, size_t len);

/** A chained message as read. Of `message`, msg_id, hash and signature are NULL. */
typedef struct myco_chained_view {
  myco_envelope_view message;
  const uint8_t *links; /* link_count times MYCO_LINK_BYTES. */
  size_t link_count;
} myco_chained_view;

/** Total over any bytes; believes nothing. @return as of myco_envelope_parse */
myco_status myco_chained_parse(const uint8_t *message, size_t len, myco_chained_view *out);

/** Message id of a chained message, which is also the link to it. @return MYCO_ERR_CRYPTO */
myco_status myco_chained_id(const uint8_t *message, size_t len, const myco_crypto *crypto, uint8_t id[MYCO_LINK_BYTES]);

/** The links of an anchor. @return how many; 0 for an envelope that is none */
size_t myco_anchor_links(const myco_envelope_view *anchor, const uint8_t **links);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_SPARSE_H */
