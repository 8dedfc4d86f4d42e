/** Consistent Overhead Byte Stuffing, a byte at a time, delimiter 0x00. See docs/reference/protocol.md, "MDP v1 frame". */
#ifndef MYCO_COBS_H
#define MYCO_COBS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Longest encoding of so many bytes, delimiter included. */
#define MYCO_COBS_SIZE_MAX(bytes) ((bytes) + 2u + (bytes) / 254u)

/** Encodes into a caller's buffer; past `cap` it goes on counting. */
typedef struct myco_cobs_encoder {
  uint8_t *out;
  size_t cap;
  size_t len;     /* Bytes written, the open block's code included. */
  size_t code_at; /* Where the open block's code belongs. */
} myco_cobs_encoder;

/** @param out NULL (with cap 0) only measures */
void myco_cobs_begin(myco_cobs_encoder *e, uint8_t *out, size_t cap);
void myco_cobs_put(myco_cobs_encoder *e, uint8_t byte);
/** Close the last block and write the delimiter. @param written bytes written or, on MYCO_ERR_NO_SPACE, needed */
myco_status myco_cobs_end(myco_cobs_encoder *e, size_t *written);

/**
 * Decodes a stream into a caller's buffer, one frame after the other. Whatever came before, it is in step again after
 * the next delimiter.
 */
typedef struct myco_cobs_decoder {
  uint8_t *out;
  size_t cap;
  size_t len;         /* Decoded bytes of the frame so far. */
  uint8_t left;       /* Bytes of the open block still to come. */
  uint8_t zero_owed;  /* The block before stands for a zero, unless the frame ends here. */
  myco_status status; /* First error of this frame. */
} myco_cobs_decoder;

void myco_cobs_decoder_init(myco_cobs_decoder *d, uint8_t *out, size_t cap);
/**
 * Take one byte of the stream.
 * @param frame_len decoded bytes in `out` when a frame is complete, to be used before the next call
 * @return 1 frame complete, 0 more bytes needed, or a negative myco_status when a frame ended that is none:
 *         MYCO_ERR_FRAME_EMPTY, MYCO_ERR_FRAME_TOO_LONG or MYCO_ERR_FRAME_COBS
 */
int myco_cobs_take(myco_cobs_decoder *d, uint8_t byte, size_t *frame_len);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_COBS_H */
