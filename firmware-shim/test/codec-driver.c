/**
 * The library's codecs as a filter, for tests in another language.
 *   build SEED DEVICE PROTO MSGID EPOCH SEQ MONO GEO METADATA READINGS   →  status [hex]
 *   verify PUBLIC MESSAGE                                                →  status [the fields of build, without SEED]
 *   frame TYPE SEQ ACK FLAGS SRC DST BODY                                →  status [hex]
 *   frame-without-line-ends …                                            →  status [hex]
 *   stream CAP BYTES                                                     →  one item for each frame, between spaces
 *   chain LINKS SPAN, recall MESSAGE, refused                            →  status
 *   next SEED … (as build)                                               →  status [hex, and the message id]
 *   chained MESSAGE                                                      →  status [the fields of build, links as MSGID]
 *   anchor PUBLIC MESSAGE                                                →  status [links]
 * Bytes are hex, "-" is none; GEO is lat,lon or lat,lon,acc; READINGS are sensor:vi:vs:unit:quality with commas between
 * them, a text sensor or unit being "t" and its hex.
 */
#include <inttypes.h>

#include "../include/myco/myco.h"
#include "adapter.h"
#include "line.h"

static uint8_t *optional_bytes(const char *field, size_t *len) {
  *len = 0;
  return strcmp(field, "-") == 0 ? NULL : bytes_of(field, len);
}

static uint16_t code_of(char *field, const char **text, uint8_t *text_len) {
  size_t len = 0;
  *text = NULL;
  *text_len = 0;
  if (field[0] != 't') return (uint16_t)strtoul(field, NULL, 10);
  *text = (const char *)bytes_of(field + 1, &len);
  *text_len = (uint8_t)len;
  return 0;
}

static myco_reading *readings_of(char *field, size_t *count) {
  myco_reading *readings = (myco_reading *)calloc(strlen(field) + 1u, sizeof *readings);
  char *next = strcmp(field, "-") == 0 ? NULL : field;
  if (readings == NULL) exit(70);
  for (*count = 0; next != NULL; (*count)++) {
    myco_reading *reading = &readings[*count];
    char *part[5];
    size_t at;
    char *comma = strchr(next, ',');
    if (comma != NULL) *comma = '\0';
    for (at = 0; at < 5u; at++) {
      part[at] = next;
      next = strchr(next, ':');
      if (next != NULL) *next++ = '\0';
    }
    reading->sensor = code_of(part[0], &reading->sensor_text, &reading->sensor_text_len);
    reading->vi = strtoll(part[1], NULL, 10);
    reading->vs = (uint8_t)strtoul(part[2], NULL, 10);
    reading->unit = code_of(part[3], &reading->unit_text, &reading->unit_text_len);
    reading->quality = (uint8_t)strtoul(part[4], NULL, 10);
    next = comma != NULL ? comma + 1 : NULL;
  }
  return readings;
}

static void read_envelope(char **rest, myco_envelope *in, myco_geo *geo) {
  size_t len;
  char *geo_field;
  in->device_id = (const char *)bytes_of(next_field(rest), &in->device_id_len);
  in->proto = (uint8_t)strtoul(next_field(rest), NULL, 10);
  in->msg_id = bytes_of(next_field(rest), &len);
  in->epoch_ms = strtoll(next_field(rest), NULL, 10);
  in->seq = strtoull(next_field(rest), NULL, 10);
  in->mono_ms = strtoull(next_field(rest), NULL, 10);
  geo_field = next_field(rest);
  in->geo = NULL;
  if (strcmp(geo_field, "-") != 0) {
    char *end = NULL;
    geo->lat_e7 = (int32_t)strtol(geo_field, &end, 10);
    geo->lon_e7 = (int32_t)strtol(end + 1, &end, 10);
    geo->has_acc = *end == ',';
    geo->acc_m = geo->has_acc ? (uint32_t)strtoul(end + 1, NULL, 10) : 0u;
    in->geo = geo;
  }
  in->metadata = optional_bytes(next_field(rest), &in->metadata_len);
  in->readings = readings_of(next_field(rest), &in->reading_count);
}

/** Measures, builds in a block of exactly that size, and makes sure that one byte less is refused. */
static void build(char **rest) {
  size_t len;
  uint8_t public_key[32];
  adapter_key key;
  myco_geo geo;
  myco_envelope in;
  myco_crypto crypto;
  size_t needed = 0;
  size_t written = 0;
  uint8_t *out;
  myco_status status;
  adapter_key_from_seed(&key, bytes_of(next_field(rest), &len), public_key);
  crypto = adapter_crypto(&key);
  read_envelope(rest, &in, &geo);
  status = myco_envelope_build(&in, &crypto, NULL, 0, &needed);
  if (status == MYCO_OK) {
    out = (uint8_t *)malloc(needed);
    if (out == NULL || myco_envelope_build(&in, &crypto, out, needed - 1u, &written) != MYCO_ERR_NO_SPACE) exit(1);
    if (written != needed) exit(2);
    status = myco_envelope_build(&in, &crypto, out, needed, &written);
    if (status == MYCO_OK && written != needed) exit(3);
    printf("%d ", status);
    if (status == MYCO_OK) print_hex(out, written);
    printf("\n");
  } else {
    printf("%d\n", status);
  }
}

static void print_code(uint16_t number, const char *text, size_t len) {
  if (text == NULL) printf("%u", number);
  else {
    printf("t");
    print_hex((const uint8_t *)text, len);
  }
}

static void print_view(myco_envelope_view *view) {
  myco_reading reading;
  const char *comma = "";
  print_hex((const uint8_t *)view->device_id, view->device_id_len);
  printf(" %u ", view->proto);
  print_hex(view->msg_id, MYCO_MSG_ID_BYTES);
  printf(" %" PRId64 " %" PRIu64 " %" PRIu64 " ", view->epoch_ms, view->seq, view->mono_ms);
  if (!view->has_geo) printf("-");
  else printf("%" PRId32 ",%" PRId32, view->geo.lat_e7, view->geo.lon_e7);
  if (view->has_geo && view->geo.has_acc) printf(",%" PRIu32, view->geo.acc_m);
  printf(" ");
  if (view->metadata == NULL) printf("-");
  else print_hex(view->metadata, view->metadata_len);
  printf(view->reading_count == 0u ? " -" : " ");
  while (myco_envelope_next_reading(view, &reading)) {
    printf("%s", comma);
    print_code(reading.sensor, reading.sensor_text, reading.sensor_text_len);
    printf(":%" PRId64 ":%u:", reading.vi, reading.vs);
    print_code(reading.unit, reading.unit_text, reading.unit_text_len);
    printf(":%u", reading.quality);
    comma = ",";
  }
}

static void verify(char **rest) {
  size_t len;
  uint8_t *public_key = bytes_of(next_field(rest), &len);
  uint8_t *message = bytes_of(next_field(rest), &len);
  myco_crypto crypto = adapter_crypto(NULL);
  myco_envelope_view view;
  myco_status status = myco_envelope_verify(message, len, public_key, &crypto, &view);
  printf("%d ", status);
  if (status == MYCO_OK) print_view(&view);
  printf("\n");
}

static myco_chain chain;

/** What is due. Measures first, and makes sure that neither this nor a byte too little moves the chain on. */
static void chain_next(char **rest) {
  size_t len;
  uint8_t public_key[32];
  uint8_t msg_id[MYCO_MSG_ID_BYTES] = {0};
  adapter_key key;
  myco_geo geo;
  myco_envelope in;
  myco_crypto crypto;
  size_t needed = 0;
  size_t written = 0;
  uint8_t *out = NULL;
  myco_status status;
  adapter_key_from_seed(&key, bytes_of(next_field(rest), &len), public_key);
  crypto = adapter_crypto(&key);
  read_envelope(rest, &in, &geo);
  if (myco_chain_must_sign(&chain)) {
    myco_chain_anchor(&chain, &in);
    if (in.msg_id != NULL) memcpy(msg_id, in.msg_id, sizeof msg_id);
    status = myco_envelope_build(&in, &crypto, NULL, 0, &needed);
    if (status == MYCO_OK) out = (uint8_t *)malloc(needed);
    if (status == MYCO_OK) status = myco_envelope_build(&in, &crypto, out, needed, &written);
  } else {
    const myco_chain before = chain;
    status = myco_chain_add(&chain, &in, &crypto, NULL, 0, &needed, msg_id);
    if (status == MYCO_OK) out = (uint8_t *)malloc(needed);
    if (status == MYCO_OK && (myco_chain_add(&chain, &in, &crypto, out, needed - 1u, &written, msg_id) !=
                                  MYCO_ERR_NO_SPACE || memcmp(&before, &chain, sizeof chain) != 0)) {
      exit(1);
    }
    if (status == MYCO_OK) status = myco_chain_add(&chain, &in, &crypto, out, needed, &written, msg_id);
    if (status != MYCO_OK && memcmp(&before, &chain, sizeof chain) != 0) exit(2);
  }
  printf("%d", status);
  if (status == MYCO_OK) {
    if (written != needed) exit(3);
    printf(" ");
    print_hex(out, written);
    printf(" ");
    print_hex(msg_id, sizeof msg_id);
  }
  printf("\n");
}

static void print_links(const uint8_t *links, size_t count) {
  if (count == 0u) printf("-");
  else print_hex(links, count * MYCO_LINK_BYTES);
}

static void chained(char **rest) {
  size_t len;
  uint8_t *message = bytes_of(next_field(rest), &len);
  myco_chained_view view;
  const myco_status status = myco_chained_parse(message, len, &view);
  printf("%d ", status);
  if (status == MYCO_OK) {
    print_links(view.links, view.link_count);
    printf(" ");
    view.message.msg_id = (const uint8_t *)"0123456789abcdef";
    print_view(&view.message);
  }
  printf("\n");
}

static void anchor(char **rest) {
  size_t len;
  uint8_t *public_key = bytes_of(next_field(rest), &len);
  uint8_t *message = bytes_of(next_field(rest), &len);
  myco_crypto crypto = adapter_crypto(NULL);
  myco_envelope_view view;
  const uint8_t *links = NULL;
  const myco_status status = myco_envelope_verify(message, len, public_key, &crypto, &view);
  printf("%d ", status);
  if (status == MYCO_OK) {
    const size_t count = myco_anchor_links(&view, &links);
    print_links(links, count);
  }
  printf("\n");
}

static void chain_init(char **rest) {
  const unsigned links = (unsigned)strtoul(next_field(rest), NULL, 10);
  const unsigned span = (unsigned)strtoul(next_field(rest), NULL, 10);
  printf("%d\n", myco_chain_init(&chain, links, span));
}

static void recall(char **rest) {
  size_t len;
  uint8_t *message = bytes_of(next_field(rest), &len);
  myco_crypto crypto = adapter_crypto(NULL);
  printf("%d\n", myco_chain_recall(&chain, message, len, &crypto));
}

static void frame(char **rest, int without_line_ends) {
  myco_mdp_packet in;
  uint8_t out[MYCO_MDP_FRAME_SIZE_MAX(MYCO_MDP_PACKET_MAX)];
  size_t written = 0;
  myco_status status;
  in.type = (uint8_t)strtoul(next_field(rest), NULL, 10);
  in.seq = (uint32_t)strtoul(next_field(rest), NULL, 10);
  in.ack = (uint32_t)strtoul(next_field(rest), NULL, 10);
  in.flags = (uint8_t)strtoul(next_field(rest), NULL, 10);
  in.src = (uint8_t)strtoul(next_field(rest), NULL, 10);
  in.dst = (uint8_t)strtoul(next_field(rest), NULL, 10);
  in.body = optional_bytes(next_field(rest), &in.body_len);
  status = without_line_ends ? myco_mdp_encode_without_line_ends(&in, out, sizeof out, &written)
                             : myco_mdp_encode(&in, out, sizeof out, &written);
  printf("%d ", status);
  if (status == MYCO_OK) print_hex(out, written);
  printf("\n");
}

static void stream(char **rest) {
  const size_t cap = strtoul(next_field(rest), NULL, 10);
  size_t len;
  uint8_t *bytes = bytes_of(next_field(rest), &len);
  uint8_t *buffer = (uint8_t *)malloc(cap > 0u ? cap : 1u);
  myco_cobs_decoder decoder;
  size_t at;
  myco_cobs_decoder_init(&decoder, buffer, cap);
  for (at = 0; at < len; at++) {
    myco_mdp_packet packet;
    const int taken = myco_mdp_take(&decoder, bytes[at], &packet);
    if (taken == 1) {
      printf("%u:%" PRIu32 ":%" PRIu32 ":%u:%u:%u:", packet.type, packet.seq, packet.ack, packet.flags, packet.src,
             packet.dst);
      print_hex(packet.body, packet.body_len);
      printf(" ");
    } else if (taken < 0) {
      printf("%d ", taken);
    }
  }
  printf("\n");
}

int main(void) {
  char *line = (char *)malloc(LINE_MAX_BYTES);
  if (line == NULL || adapter_start() < 0) return 70;
  while (fgets(line, (int)LINE_MAX_BYTES, stdin) != NULL) {
    char *rest = line;
    const char *command = next_field(&rest);
    if (strcmp(command, "build") == 0) build(&rest);
    else if (strcmp(command, "verify") == 0) verify(&rest);
    else if (strcmp(command, "frame") == 0) frame(&rest, 0);
    else if (strcmp(command, "frame-without-line-ends") == 0) frame(&rest, 1);
    else if (strcmp(command, "stream") == 0) stream(&rest);
    else if (strcmp(command, "chain") == 0) chain_init(&rest);
    else if (strcmp(command, "recall") == 0) recall(&rest);
    else if (strcmp(command, "next") == 0) chain_next(&rest);
    else if (strcmp(command, "chained") == 0) chained(&rest);
    else if (strcmp(command, "anchor") == 0) anchor(&rest);
    else if (strcmp(command, "refused") == 0) {
      myco_chain_refused(&chain);
      printf("0\n");
    }
    else return 64;
  }
  return 0;
}
