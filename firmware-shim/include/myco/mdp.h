/** MDP v1 frames: COBS(16-byte header, body, CRC) and 0x00; all numbers little-endian. Protocol reference, "MDP v1 frame". */
#ifndef MYCO_MDP_H
#define MYCO_MDP_H

#include <stddef.h>
#include <stdint.h>

#include "cobs.h"
#include "protocol.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct myco_mdp_packet {
  const uint8_t *body;
  size_t body_len;
  uint32_t seq;
  uint32_t ack;
  uint8_t type;  /* MYCO_MDP_TYPE_*; others are legal. */
  uint8_t flags; /* MYCO_MDP_FLAG_* */
  uint8_t src;   /* MYCO_MDP_ENDPOINT_* */
  uint8_t dst;
} myco_mdp_packet;

/** CRC-16/CCITT-FALSE over more data. @param crc MYCO_MDP_CRC_INITIAL, or the result for what came before */
uint16_t myco_crc16(uint16_t crc, const uint8_t *data, size_t len);

/**
 * One frame, delimiter included. MYCO_MDP_FRAME_SIZE_MAX(body_len) bytes always suffice.
 * @param out NULL (with cap 0) only measures @param written bytes written or, on MYCO_ERR_NO_SPACE, needed
 * @return MYCO_ERR_ARG for a packet over MYCO_MDP_PACKET_MAX
 */
myco_status myco_mdp_encode(const myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written);

/**
 * The same for a peer that takes 0x0A and 0x0D for line ends and loses a frame with one of them (Side-A 2.1.0): takes the
 * next `seq` that encodes without, and pads a JSON body with spaces where that alone does not help.
 * @param in its seq is advanced to the one used
 * @return MYCO_ERR_FRAME_FORBIDDEN when nothing helps, as for a body that holds such a byte itself
 */
myco_status myco_mdp_encode_without_line_ends(myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written);

/**
 * A packet with its CRC, out of its COBS coating. @param out its body is a view into `plain`
 * @return MYCO_ERR_FRAME_TOO_SHORT, _CRC, _BAD_MAGIC or _BAD_VERSION
 */
myco_status myco_mdp_decode(const uint8_t *plain, size_t len, myco_mdp_packet *out);

/**
 * Take one byte of a stream of frames.
 * @param out the packet when one is complete, to be used before the next call
 * @return 1 packet, 0 more bytes needed, or a negative myco_status when a frame ended that is none; the stream goes on
 */
int myco_mdp_take(myco_cobs_decoder *d, uint8_t byte, myco_mdp_packet *out);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_MDP_H */
