#include "../include/myco/forward.h"

#include "internal.h"

void myco_forward_restart(myco_forward *forward, uint32_t now_ms) {
  forward->cursor.erase = forward->cursor.offset = 0;
  forward->under_way = 0;
  forward->heard_ms = forward->began_ms = now_ms;
}

myco_status myco_forward_next(myco_forward *forward, const myco_store *store, uint32_t now_ms, uint8_t *out, size_t cap,
                              size_t *written) {
  myco_status status;
  if (forward->wait_ms == 0u) forward->wait_ms = forward->wait_min_ms;
  if (store->pending == 0u || forward->cursor.erase == 0u) {
    forward->heard_ms = forward->began_ms = now_ms;
    /* A lost envelope also has its turn while newer ones are answered all the time. */
  } else if (now_ms - forward->heard_ms >= forward->wait_ms || now_ms - forward->began_ms >= forward->wait_max_ms) {
    myco_forward_restart(forward, now_ms);
    forward->wait_ms = forward->wait_ms < forward->wait_max_ms / 2u ? forward->wait_ms * 2u : forward->wait_max_ms;
  }
  if (forward->under_way >= forward->window) return MYCO_ERR_NOT_FOUND;
  status = myco_store_next(store, &forward->cursor, out, cap, written, NULL);
  if (status != MYCO_OK) return status;
  forward->under_way++;
  forward->heard_ms = now_ms;
  return MYCO_OK;
}

void myco_forward_answered(myco_forward *forward, int freed, uint32_t now_ms) {
  if (forward->under_way > 0u) forward->under_way--;
  if (freed) forward->wait_ms = forward->wait_min_ms;
  forward->heard_ms = now_ms;
}
