/** MDP v1 packets. See mdp.h. */
#include "../include/myco/mdp.h"
#include "internal.h"

#define SEQS_TRIED 32u

/** Only the end of a JSON text takes spaces without meaning something else. */
static const uint8_t padding[] = {' ', ' ', ' '};

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

/** A frame that is being written. */
typedef struct coder {
  myco_cobs_encoder cobs;
  uint16_t crc;
} coder;

static void put(coder *c, const uint8_t *data, size_t len) {
  c->crc = myco_crc16(c->crc, data, len);
  for (; len > 0u; len--) myco_cobs_put(&c->cobs, *data++);
}

/** @param spaces appended to the body */
static myco_status encode(const myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written, unsigned spaces) {
  uint8_t header[MYCO_MDP_HEADER_BYTES];
  uint8_t end[MYCO_MDP_CRC_BYTES];
  coder c;
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
  myco_cobs_begin(&c.cobs, out, cap);
  c.crc = MYCO_MDP_CRC_INITIAL;
  put(&c, header, sizeof header);
  put(&c, in->body, in->body_len);
  put(&c, padding, spaces);
  end[0] = (uint8_t)(c.crc & 0xFFu);
  end[1] = (uint8_t)(c.crc >> 8);
  put(&c, end, sizeof end);
  return myco_cobs_end(&c.cobs, written);
}

myco_status myco_mdp_encode(const myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written) {
  return encode(in, out, cap, written, 0);
}

static int has_line_end(const uint8_t *frame, size_t len) {
  for (; len > 0u; len--, frame++) {
    if (myco_below_line_end(*frame) == 0u) return 1;
  }
  return 0;
}

/** The first number from this one on with no line end in its bytes, and not 0: up to 2^24 in a row have one. */
static uint32_t next_seq(uint32_t seq) {
  const unsigned below = myco_below_line_end(seq);
  if (below < 32u) seq = ((seq >> below) + 1u) << below;
  return seq == 0u ? 1u : seq;
}

myco_status myco_mdp_encode_without_line_ends(myco_mdp_packet *in, uint8_t *out, size_t cap, size_t *written) {
  const uint32_t first = in->seq;
  const int is_json = in->body_len > 0u && in->body != NULL && in->body[0] == (uint8_t)'{';
  const unsigned tries = is_json ? SEQS_TRIED * (sizeof padding + 1u) : SEQS_TRIED;
  myco_status status = out == NULL ? MYCO_ERR_ARG : MYCO_OK;
  unsigned tried;
  for (tried = 0; tried < tries && status == MYCO_OK; tried++) {
    in->seq = next_seq(tried % SEQS_TRIED == 0u ? first : in->seq + 1u);
    status = encode(in, out, cap, written, tried / SEQS_TRIED);
    if (status == MYCO_OK && !has_line_end(out, *written)) return MYCO_OK;
  }
  in->seq = first;
  return status == MYCO_OK ? MYCO_ERR_FRAME_FORBIDDEN : status;
}

/** Little-endian, at any address. */
static MYCO_ONE_COPY uint32_t number_at(const uint8_t *at, unsigned bytes) {
  uint32_t number = 0;
  while (bytes > 0u) number = number << 8 | at[--bytes];
  return number;
}

myco_status myco_mdp_decode(const uint8_t *plain, size_t len, myco_mdp_packet *out) {
  const size_t packet_len = len - MYCO_MDP_CRC_BYTES;
  if (len < MYCO_MDP_HEADER_BYTES + MYCO_MDP_CRC_BYTES) return MYCO_ERR_FRAME_TOO_SHORT;
  if (number_at(plain + packet_len, MYCO_MDP_CRC_BYTES) != myco_crc16(MYCO_MDP_CRC_INITIAL, plain, packet_len)) {
    return MYCO_ERR_FRAME_CRC;
  }
  if (number_at(plain + MYCO_MDP_AT_MAGIC, 2) != MYCO_MDP_MAGIC) return MYCO_ERR_FRAME_BAD_MAGIC;
  if (plain[MYCO_MDP_AT_VERSION] != MYCO_MDP_VERSION) return MYCO_ERR_FRAME_BAD_VERSION;
  out->type = plain[MYCO_MDP_AT_TYPE];
  out->seq = number_at(plain + MYCO_MDP_AT_SEQ, 4);
  out->ack = number_at(plain + MYCO_MDP_AT_ACK, 4);
  out->flags = plain[MYCO_MDP_AT_FLAGS];
  out->src = plain[MYCO_MDP_AT_SRC];
  out->dst = plain[MYCO_MDP_AT_DST];
  out->body = plain + MYCO_MDP_HEADER_BYTES;
  out->body_len = packet_len - MYCO_MDP_HEADER_BYTES;
  return MYCO_OK;
}

int myco_mdp_take(myco_cobs_decoder *d, uint8_t byte, myco_mdp_packet *out) {
  size_t len;
  myco_status status;
  const int taken = myco_cobs_take(d, byte, &len);
  if (taken != 1) return taken;
  status = myco_mdp_decode(d->out, len, out);
  return status == MYCO_OK ? 1 : (int)status;
}
