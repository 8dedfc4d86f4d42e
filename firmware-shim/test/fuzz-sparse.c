/** libFuzzer: chained messages and anchors of any bytes, read and taken into a chain. Every signature is valid. */
#include <stdlib.h>
#include <string.h>

#include "../include/myco/myco.h"

static int digest(void *ctx, const uint8_t *data, size_t len, uint8_t out[32]) {
  size_t at;
  (void)ctx;
  memset(out, 0, 32);
  for (at = 0; at < len; at++) out[at % 32u] = (uint8_t)(out[at % 32u] * 31u + data[at]);
  return 0;
}

static void require(int holds) {
  if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const myco_crypto crypto = {NULL, digest, NULL, NULL, NULL};
  myco_chained_view view;
  myco_envelope_view envelope;
  myco_reading reading;
  myco_chain chain;
  const uint8_t *links = NULL;
  const myco_status chained = myco_chained_parse(data, size, &view);
  const myco_status signed_one = myco_envelope_parse(data, size, &envelope);
  require(chained <= MYCO_OK && signed_one <= MYCO_OK && (chained != MYCO_OK || signed_one != MYCO_OK));
  if (chained == MYCO_OK) {
    size_t left = view.message.reading_count;
    require(myco_is_chained(data, size) && size <= MYCO_CHAINED_BYTES_MAX && view.link_count <= MYCO_LINKS_MAX);
    require(view.links + view.link_count * MYCO_LINK_BYTES <= data + size);
    while (myco_envelope_next_reading(&view.message, &reading)) left--;
    require(left == 0u);
  }
  if (signed_one == MYCO_OK) {
    const size_t count = myco_anchor_links(&envelope, &links);
    require(!myco_is_chained(data, size) && count <= MYCO_LINKS_MAX);
    require(count == 0u || (links > data && links + count * MYCO_LINK_BYTES < data + size));
  }
  require(myco_chain_init(&chain, 1u + (unsigned)(size % MYCO_LINKS_MAX), 4) == MYCO_OK);
  require(myco_chain_recall(&chain, data, size, &crypto) == MYCO_OK && chain.known <= chain.links);
  require((chain.known == 1u) == (myco_is_chained(data, size) != 0));
  return 0;
}
