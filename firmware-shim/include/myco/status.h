/** What every function of the library returns. */
#ifndef MYCO_STATUS_H
#define MYCO_STATUS_H

#include <limits.h>

#if UINT_MAX < 0xFFFFFFFF
#error "Mycogate's device library is for processors whose int has 32 bits: numbers would be cut off without a word"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** 0 is success and errors are negative. A number is never given a new meaning; a comment names the gateway's word. */
typedef enum myco_status {
  MYCO_OK = 0,
  MYCO_ERR_ARG = -1,      /* The caller broke the contract: NULL, or a field out of its range. */
  MYCO_ERR_NO_SPACE = -2, /* The buffer is too small; the length needed was reported. */
  MYCO_ERR_CRYPTO = -3,   /* A crypto callback failed or is missing. */

  /* Messages. */
  MYCO_ERR_NOT_WELL_FORMED = -10,   /* NOT_WELL_FORMED: no complete CBOR data item. */
  MYCO_ERR_NOT_DETERMINISTIC = -11, /* NOT_DETERMINISTIC: another encoding than the one allowed. */
  MYCO_ERR_SCHEMA = -12,            /* SCHEMA_INVALID: a field is missing, superfluous, of another type or out of range. */
  MYCO_ERR_HASH = -13,              /* HASH_MISMATCH */
  MYCO_ERR_SIGNATURE = -14,         /* SIGNATURE_INVALID */

  /* Frames. */
  MYCO_ERR_FRAME_EMPTY = -20,       /* FRAME_EMPTY: a delimiter alone; harmless. */
  MYCO_ERR_FRAME_TOO_LONG = -21,    /* FRAME_TOO_LONG: longer than the receiver's buffer, dropped up to the next delimiter. */
  MYCO_ERR_FRAME_COBS = -22,        /* FRAME_COBS_INVALID */
  MYCO_ERR_FRAME_CRC = -23,         /* FRAME_CRC_MISMATCH */
  MYCO_ERR_FRAME_TOO_SHORT = -24,   /* FRAME_TOO_SHORT */
  MYCO_ERR_FRAME_BAD_MAGIC = -25,   /* FRAME_BAD_MAGIC */
  MYCO_ERR_FRAME_BAD_VERSION = -26, /* FRAME_BAD_VERSION */
  MYCO_ERR_FRAME_FORBIDDEN = -27,   /* The encoded frame holds a byte that the peer takes for a line end. */
  MYCO_ERR_QUEUE_FULL = -28,        /* Every slot holds a frame that nobody has acknowledged. */
  MYCO_ERR_GAVE_UP = -29,           /* A frame was sent as often as allowed and not acknowledged. */
  MYCO_ERR_SEND = -30,              /* The transport did not take a frame, and nobody keeps it. */

  /* Store and forward. */
  MYCO_ERR_FULL = -40,      /* The store has no room, and its policy is to refuse what is new. */
  MYCO_ERR_NOT_FOUND = -41, /* There is no such entry or member, or no further one. */
  MYCO_ERR_FLASH = -42,     /* A flash callback failed. */

  /* Receipts, checkpoints and commands. */
  MYCO_ERR_OTHER_DEVICE = -60, /* A genuine receipt, for another device. */
  MYCO_ERR_OTHER_LOG = -61,    /* A checkpoint of another log. */
  MYCO_ERR_OLDER = -62,        /* A genuine checkpoint of a smaller tree than the one kept. */
  MYCO_ERR_FORK = -63,         /* Alarm: two genuine checkpoints of one size with two roots. */
  MYCO_ERR_REPEATED = -64,     /* A command that came before. */
  MYCO_ERR_EXPIRED = -65,      /* A command that came too late. */

  MYCO_STATUS_IS_AN_INT = -0x7FFFFFFF /* Never returned: as wide everywhere, with -fshort-enums too. */
} myco_status;

#ifdef __cplusplus
}
#endif

#endif /* MYCO_STATUS_H */
