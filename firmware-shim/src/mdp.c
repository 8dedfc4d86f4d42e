/** MDP v1 packets. See mdp.h. */
#include "../include/myco/mdp.h"
#include "internal.h"

#define SEQS_TRIED 32u
#define PADS_TRIED 4u

uint16_t myco_crc16(uint16_t crc, const uint8_t *data, size_t len) {
  size_t at;
  unsigned bit;
  for (at = 0; at < len; at++) {
    crc = (uint16_t)(crc ^ ((unsigned)data[at] << 8));
    for (bit = 0; bit < 8u; bit++) {
      crc = (uint16_t)((crc & 0x8000u) != 0u ? ((unsigned)crc << 1) ^ MYCO_MDP_CRC_POLYNOMIAL : (unsigned)crc << 1);
    }
  }
  return crc;
}

static void put_all(myco_cobs_encoder *e, uint16_t *crc, const uint8_t *data, size_t len) {
  size_t at;
  *crc = myco_crc16(*crc, data, len);
  for (at = 0; at < len; at++) myco_cobs_put(e, data[at]);
}

/** @param spaces appended to the body */
static myco_status encode(const myco_mdp_packet *in, unsigned spaces, uint8_t *out, size_t cap, size_t *written) {
  static const uint8_t space = 0x20u;
  uint8_t header[MYCO_MDP_HEADER_BYTES];
  uint16_t crc = MYCO_MDP_CRC_INITIAL;
  myco_cobs_encoder e;
  unsigned byte;
  if ((in->body == NULL && in->body_len > 0u) ||
      in->body_len > (size_t)(MYCO_MDP_PACKET_MAX - MYCO_MDP_HEADER_BYTES) - spaces) {
    return MYCO_ERR_ARG;
  }
  header[MYCO_MDP_AT_MAGIC] = (uint8_t)(MYCO_MDP_MAGIC & 0xFFu);
  header[MYCO_MDP_AT_MAGIC + 1u] = (uint8_t)(MYCO_MDP_MAGIC >> 8);
  header[MYCO_MDP_AT_VERSION] = MYCO_MDP_VERSION;
  header[MYCO_MDP_AT_TYPE] = in->type;
  for (byte = 0; byte < 4u; byte++) {
    header[MYCO_MDP_AT_SEQ + byte] = (uint8_t)(in->seq >> (8u * byte));
    header[MYCO_MDP_AT_ACK + byte] = (uint8_t)(in->ack >> (8u * byte));
  }
  header[MYCO_MDP_AT_FLAGS] = in->flags;
  header[MYCO_MDP_AT_SRC] = in->src;
  header[MYCO_MDP_AT_DST] = in->dst;
  header[MYCO_MDP_AT_RSV] = 0;
  myco_cobs_begin(&e, out, cap);
  put_all(&e, &crc, header, sizeof header);
  put_all(&e, &crc, in->body, in->body_len);
  for (; spaces > 0u; spaces--) put_all(&e, &crc, &space, 1);
  myco_cobs_put(&e, (uint8_t)(crc & 0xFFu));
  myco_cobs_put(&e, (uint8_t)(crc >> 8));
  return myco_cobs_end(&e, written);
}

myco_status myco_mdp_encode(const myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written) {
  return encode(in, 0, out, cap, written);
}

static int is_line_end(uint32_t byte) {
  return byte == 0x0Au || byte == 0x0Du;
}

static int has_line_end(const uint8_t *frame, size_t len) {
  size_t at;
  for (at = 0; at < len; at++) {
    if (is_line_end(frame[at])) return 1;
  }
  return 0;
}

/** The first number from this one on with no line end in its bytes, and not 0: up to 2^24 in a row have one. */
static uint32_t next_seq(uint32_t seq) {
  unsigned shift;
  for (shift = 32; shift > 0u;) {
    shift -= 8u;
    if (is_line_end((seq >> shift) & 0xFFu)) seq = ((seq >> shift) + 1u) << shift;
  }
  return seq == 0u ? 1u : seq;
}

myco_status myco_mdp_encode_without_line_ends(myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written) {
  const uint32_t first = in->seq;
  /* Only the end of a JSON text takes spaces without meaning something else. */
  const unsigned pads = in->body_len > 0u && in->body != NULL && in->body[0] == (uint8_t)'{' ? PADS_TRIED : 1u;
  unsigned spaces;
  unsigned tried;
  if (out == NULL) return MYCO_ERR_ARG;
  for (spaces = 0; spaces < pads; spaces++) {
    in->seq = first;
    for (tried = 0; tried < SEQS_TRIED; tried++, in->seq++) {
      myco_status status;
      in->seq = next_seq(in->seq);
      status = encode(in, spaces, out, cap, written);
      if (status != MYCO_OK) {
        in->seq = first;
        return status;
      }
      if (!has_line_end(out, *written)) return MYCO_OK;
    }
  }
  in->seq = first;
  return MYCO_ERR_FRAME_FORBIDDEN;
}

/** Of 32 bits, at any address. */
static uint32_t number_at(const uint8_t *bytes) {
  uint32_t number = 0;
  unsigned at;
  for (at = 4; at > 0u; at--) number = number << 8 | bytes[at - 1u];
  return number;
}

myco_status myco_mdp_decode(const uint8_t *plain, size_t len, myco_mdp_packet *out) {
  size_t packet_len;
  uint16_t crc;
  if (len < MYCO_MDP_HEADER_BYTES + MYCO_MDP_CRC_BYTES) return MYCO_ERR_FRAME_TOO_SHORT;
  packet_len = len - MYCO_MDP_CRC_BYTES;
  crc = myco_crc16(MYCO_MDP_CRC_INITIAL, plain, packet_len);
  if (plain[packet_len] != (crc & 0xFFu) || plain[packet_len + 1u] != crc >> 8) return MYCO_ERR_FRAME_CRC;
  if (plain[MYCO_MDP_AT_MAGIC] != (MYCO_MDP_MAGIC & 0xFFu) || plain[MYCO_MDP_AT_MAGIC + 1u] != MYCO_MDP_MAGIC >> 8) {
    return MYCO_ERR_FRAME_BAD_MAGIC;
  }
  if (plain[MYCO_MDP_AT_VERSION] != MYCO_MDP_VERSION) return MYCO_ERR_FRAME_BAD_VERSION;
  out->type = plain[MYCO_MDP_AT_TYPE];
  out->seq = number_at(plain + MYCO_MDP_AT_SEQ);
  out->ack = number_at(plain + MYCO_MDP_AT_ACK);
  out->flags = plain[MYCO_MDP_AT_FLAGS];
  out->src = plain[MYCO_MDP_AT_SRC];
  out->dst = plain[MYCO_MDP_AT_DST];
  out->body = plain + MYCO_MDP_HEADER_BYTES;
  out->body_len = packet_len - MYCO_MDP_HEADER_BYTES;
  return MYCO_OK;
}

int myco_mdp_take(myco_cobs_decoder *d, uint8_t byte, myco_mdp_packet *out) {
  size_t len = 0;
  int taken = myco_cobs_take(d, byte, &len);
  myco_status status;
  if (taken != 1) return taken;
  status = myco_mdp_decode(d->out, len, out);
  return status == MYCO_OK ? 1 : (int)status;
}
