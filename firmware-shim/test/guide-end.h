/** Behind the guide's code: what the harness needs of it. */
static uint32_t pending(void) {
  return store.pending;
}

static myco_status build(uint32_t seq, const uint8_t id[16], uint8_t *out, size_t cap, size_t *len) {
  myco_reading reading = {0};
  myco_envelope envelope = {0};
  reading.sensor = MYCO_SENSOR_HUMIDITY;
  reading.unit = MYCO_UNIT_PERCENT_RH;
  reading.vi = 40 + (int64_t)seq;
  envelope.device_id = "greenhouse-7";
  envelope.device_id_len = 12;
  envelope.msg_id = id;
  envelope.seq = seq;
  envelope.readings = &reading;
  envelope.reading_count = 1;
  envelope.proto = MYCO_TRANSPORT_MQTT;
  return myco_envelope_build(&envelope, &crypto, out, cap, len);
}
