/* Generated from protocol/spec.ts; do not edit. `npm run generate` writes it, CI compares it. */
#ifndef MYCO_PROTOCOL_H
#define MYCO_PROTOCOL_H

#ifdef __cplusplus
extern "C" {
#endif

/* First half of the SHA-256 of the tables, to tell which state of the contract a build has. */
#define MYCO_SPEC_HASH "7d40d15bd8d78a61b096855964fd1acb"

/* MycoEnvelope v1: one signed message of a device, a CBOR map in deterministic encoding (RFC 8949 section 4.2.1). */
#define MYCO_ENVELOPE_VERSION 0x01u
#define MYCO_ENVELOPE_KEY_VERSION 0u /* Format version. */
#define MYCO_ENVELOPE_KEY_DEVICE_ID 1u /* Registry id of the sender, `[A-Za-z0-9._-]{1,64}`. */
#define MYCO_ENVELOPE_KEY_PROTO 2u /* Transport the device meant to use; see the table. Other numbers are legal. */
#define MYCO_ENVELOPE_KEY_MSG_ID 3u /* Message id, the bytes of a UUID. A resent message keeps it. */
#define MYCO_ENVELOPE_KEY_EPOCH_MS 4u /* Device clock since 1970; zero or negative without a clock. */
#define MYCO_ENVELOPE_KEY_SEQ 5u /* Counter of the device. */
#define MYCO_ENVELOPE_KEY_MONO_MS 6u /* Monotonic time since boot. */
#define MYCO_ENVELOPE_KEY_GEO 7u /* Position; absent without a fix. */
#define MYCO_ENVELOPE_KEY_READINGS 8u /* Measured values, possibly none. */
#define MYCO_ENVELOPE_KEY_METADATA 9u /* Anything else; at most 8 levels and 256 data items. */
#define MYCO_ENVELOPE_KEY_HASH 10u /* BLAKE2b-256 (32-byte digest, unkeyed) of the map without keys 10 and 11. */
#define MYCO_ENVELOPE_KEY_SIGNATURE 11u /* Ed25519 over the ASCII bytes `MYCO1` followed by the hash. */
#define MYCO_GEO_KEY_LAT_E7 0u /* Latitude. */
#define MYCO_GEO_KEY_LON_E7 1u /* Longitude. */
#define MYCO_GEO_KEY_ACC_M 2u /* Accuracy. */
#define MYCO_READING_KEY_SENSOR 0u /* Code of the sensor table, or a text id without control characters. */
#define MYCO_READING_KEY_VI 1u /* Unscaled value: the value is vi x 10^(-vs). */
#define MYCO_READING_KEY_VS 2u /* Decimal places. */
#define MYCO_READING_KEY_UNIT 3u /* Code of the unit table, or text without control characters. */
#define MYCO_READING_KEY_QUALITY 4u /* See the table. */

/* Sizes and ranges of an envelope. */
#define MYCO_ENVELOPE_BYTES_MAX 65535u
#define MYCO_DEVICE_ID_MAX 64u
#define MYCO_MSG_ID_BYTES 16u
#define MYCO_HASH_BYTES 32u
#define MYCO_SIGNATURE_BYTES 64u
#define MYCO_SIGNATURE_PREFIX "MYCO1"
#define MYCO_SIGNATURE_PREFIX_BYTES 5u
#define MYCO_READINGS_MAX 4096u
#define MYCO_VALUE_PLACES_MAX 9u
#define MYCO_CODE_TEXT_MAX 64u
#define MYCO_METADATA_DEPTH_MAX 8u
#define MYCO_METADATA_ITEMS_MAX 256u
#define MYCO_GEO_LAT_E7_MAX 900000000L
#define MYCO_GEO_LON_E7_MAX 1800000000L
/* Always enough for a message without metadata whose sensors and units are numbers. */
#define MYCO_ENVELOPE_SIZE_MAX(id_bytes, readings) (183u + (id_bytes) + 23u * (readings))

/* Chained message: a MycoEnvelope without hash and signature, proven by the signature of a later one that links back to it. A CBOR map in deterministic encoding. */
#define MYCO_CHAINED_VERSION 77u
#define MYCO_CHAINED_BYTES_MAX 4096u
#define MYCO_CHAINED_KEY_LINKS 3u /* In place of the message id: the ids of up to 8 chained messages sent before, one after another; empty where there are none. */
#define MYCO_LINK_BYTES 16u /* Of the BLAKE2b-256 of a chained message; its message id too. */
#define MYCO_LINKS_MAX 8u
#define MYCO_SPAN_MAX 64u /* Messages in a row without a signature. */
#define MYCO_ANCHOR_KEY 77u /* In the metadata of the signed envelope that proves the others. */

/* Signed receipt: the gateway has this message on disk, as this leaf of its log. A COSE_Sign1 (RFC 9052), deterministic CBOR. */
#define MYCO_RECEIPT_MAX 221u /* Bytes, for any device id. */
#define MYCO_RECEIPT_KIND 4u
#define MYCO_RECEIPT_FIRST_BYTE 0xD2u
#define MYCO_RECEIPT_HEAD "\xD2\x84\x43\xA1\x01\x32\xA0\x58" /* How a receipt begins. The length of its payload follows, one byte. */
#define MYCO_RECEIPT_HEAD_BYTES 8u
#define MYCO_RECEIPT_SIGNATURE_HEAD "\x58\x40" /* Between payload and signature. */
#define MYCO_RECEIPT_SIGNATURE_HEAD_BYTES 2u
#define MYCO_RECEIPT_SIGNED_HEAD "\x84\x6A\x53\x69\x67\x6E\x61\x74\x75\x72\x65\x31\x43\xA1\x01\x32\x40\x58" /* How the signed bytes begin. Length and payload follow. */
#define MYCO_RECEIPT_SIGNED_HEAD_BYTES 18u
#define MYCO_RECEIPT_ELEMENTS 7u /* Of the payload, an array. */
#define MYCO_RECEIPT_AT_KIND 0u /* Marks a receipt. */
#define MYCO_RECEIPT_AT_DEVICE 1u /* Registry id of the sender, `[A-Za-z0-9._-]{1,64}`. */
#define MYCO_RECEIPT_AT_SEQ 2u /* Of the message. */
#define MYCO_RECEIPT_AT_MSG_ID 3u /* Of the message. */
#define MYCO_RECEIPT_AT_LEAF_INDEX 4u /* Place of the entry in the log, from 0. */
#define MYCO_RECEIPT_AT_LEAF_HASH 5u /* RFC 6962 leaf hash of the entry. */
#define MYCO_RECEIPT_AT_TREE_SIZE 6u /* Leaves on disk when it was signed; always more than leafIndex. */
#define MYCO_RECEIPT_LEAF_HASH_BYTES 32u
#define MYCO_RECEIPT_INDEX_MAX 0x1FFFFFFFFFFFFFULL /* Of leaf index and tree size. */

/* Quality of a reading. */
#define MYCO_QUALITY_OK 0x00u /* The device trusts the value. */
#define MYCO_QUALITY_WARN 0x01u /* Usable with care, for example while a gas sensor settles. */
#define MYCO_QUALITY_BAD 0x02u /* Not usable. */

/* Transports, envelope key 2. */
#define MYCO_TRANSPORT_LORAWAN 0x01u /* LoRaWAN. */
#define MYCO_TRANSPORT_MQTT 0x02u /* MQTT. */
#define MYCO_TRANSPORT_BLE 0x03u /* Bluetooth Low Energy. */
#define MYCO_TRANSPORT_LTE 0x04u /* Cellular. */
#define MYCO_TRANSPORT_OTHER 0x05u /* Anything else, a serial port included. */

/* Sensors. 0x4d00 to 0x4dff are this project's. */
#define MYCO_SENSOR_TEMP 0x01u /* Temperature. */
#define MYCO_SENSOR_HUMIDITY 0x02u /* Relative humidity. */
#define MYCO_SENSOR_CO2 0x03u /* Carbon dioxide. */
#define MYCO_SENSOR_VOC 0x04u /* Volatile organic compounds. */
#define MYCO_SENSOR_PM2_5 0x05u /* Particles up to 2.5 um. */
#define MYCO_SENSOR_PM10 0x06u /* Particles up to 10 um. */
#define MYCO_SENSOR_PRESSURE 0x07u /* Air pressure. */
#define MYCO_SENSOR_WIND_SPEED 0x08u /* Wind speed. */
#define MYCO_SENSOR_WIND_DIR 0x09u /* Wind direction. */
#define MYCO_SENSOR_BATTERY_MV 0x0Au /* Battery voltage. */
#define MYCO_SENSOR_GAS_RESISTANCE 0x4D00u /* Resistance of a heated gas sensor. */
#define MYCO_SENSOR_IAQ 0x4D01u /* BSEC index of air quality, 0-500. */
#define MYCO_SENSOR_IAQ_ACCURACY 0x4D02u /* BSEC accuracy: 0 unreliable, 1 low, 2 medium, 3 calibrated. */
#define MYCO_SENSOR_IAQ_STATIC 0x4D03u /* BSEC index of air quality for stationary devices. */
#define MYCO_SENSOR_CO2_EQUIVALENT 0x4D04u /* CO2 estimated from gas resistance. */
#define MYCO_SENSOR_VOC_EQUIVALENT 0x4D05u /* Breath VOC estimated from gas resistance. */
#define MYCO_SENSOR_GAS_PERCENTAGE 0x4D06u /* BSEC gas percentage. */
#define MYCO_SENSOR_GAS_ESTIMATE_1 0x4D07u /* Probability of the first trained smell class. */
#define MYCO_SENSOR_GAS_ESTIMATE_2 0x4D08u /* Probability of the second trained smell class. */
#define MYCO_SENSOR_GAS_ESTIMATE_3 0x4D09u /* Probability of the third trained smell class. */
#define MYCO_SENSOR_GAS_ESTIMATE_4 0x4D0Au /* Probability of the fourth trained smell class. */
#define MYCO_SENSOR_GAS_ESTIMATES 0x4D0Bu /* Array: probabilities 0-1 of the trained smell classes, in order. */
#define MYCO_SENSOR_GAS_SCAN 0x4D0Cu /* Array: gas resistance at each step of a heater profile, in order. */
#define MYCO_SENSOR_SOIL_MOISTURE 0x4D10u /* Soil moisture, or its raw converter count. */
#define MYCO_SENSOR_ANALOG_1 0x4D11u /* Analog input 1, or its raw converter count. */
#define MYCO_SENSOR_ANALOG_2 0x4D12u /* Analog input 2, or its raw converter count. */
#define MYCO_SENSOR_ANALOG_3 0x4D13u /* Analog input 3, or its raw converter count. */
#define MYCO_SENSOR_ANALOG_4 0x4D14u /* Analog input 4, or its raw converter count. */
#define MYCO_SENSOR_OUTPUT_1 0x4D15u /* MOSFET output 1. */
#define MYCO_SENSOR_OUTPUT_2 0x4D16u /* MOSFET output 2. */
#define MYCO_SENSOR_OUTPUT_3 0x4D17u /* MOSFET output 3. */
#define MYCO_SENSOR_ILLUMINANCE 0x4D18u /* Illuminance. */
#define MYCO_SENSOR_SPORE_COUNT 0x4D19u /* Spores counted on one tape segment. */
#define MYCO_SENSOR_AIR_FLOW 0x4D1Au /* Flow of a sampling pump. */
#define MYCO_SENSOR_BIOELECTRIC 0x4D20u /* Bioelectric potential, one sample. */
#define MYCO_SENSOR_BIOELECTRIC_RMS 0x4D21u /* Bioelectric potential, root mean square of a window. */
#define MYCO_SENSOR_BIOELECTRIC_MEAN 0x4D22u /* Bioelectric potential, mean of a window. */
#define MYCO_SENSOR_BIOELECTRIC_STD 0x4D23u /* Bioelectric potential, standard deviation of a window. */
#define MYCO_SENSOR_BIOELECTRIC_FREQ 0x4D24u /* Dominant frequency of a window. */
#define MYCO_SENSOR_IMPEDANCE 0x4D25u /* Electrode impedance. */
#define MYCO_SENSOR_SPECTRAL_1 0x4D30u /* Spectral channel 1. */
#define MYCO_SENSOR_SPECTRAL_2 0x4D31u /* Spectral channel 2. */
#define MYCO_SENSOR_SPECTRAL_3 0x4D32u /* Spectral channel 3. */
#define MYCO_SENSOR_SPECTRAL_4 0x4D33u /* Spectral channel 4. */
#define MYCO_SENSOR_SPECTRAL_5 0x4D34u /* Spectral channel 5. */
#define MYCO_SENSOR_SPECTRAL_6 0x4D35u /* Spectral channel 6. */
#define MYCO_SENSOR_SPECTRAL_7 0x4D36u /* Spectral channel 7. */
#define MYCO_SENSOR_SPECTRAL_8 0x4D37u /* Spectral channel 8. */
#define MYCO_SENSOR_SPECTRAL_CLEAR 0x4D38u /* Spectral sensor, unfiltered channel. */
#define MYCO_SENSOR_SPECTRAL_NIR 0x4D39u /* Spectral sensor, near infrared. */
#define MYCO_SENSOR_SPECTRUM 0x4D3Au /* Array: all channels of a spectrometer, in order. */
#define MYCO_SENSOR_SPECTRUM_WAVELENGTHS 0x4D3Bu /* Array: centre wavelength of each channel of `spectrum`. */
#define MYCO_SENSOR_CSI_I 0x4D3Cu /* Array: Wi-Fi channel state, in-phase parts. */
#define MYCO_SENSOR_CSI_Q 0x4D3Du /* Array: Wi-Fi channel state, quadrature parts. */
#define MYCO_SENSOR_CSI_AMPLITUDE 0x4D3Eu /* Array: Wi-Fi channel state, amplitudes. */
#define MYCO_SENSOR_CSI_PHASE 0x4D3Fu /* Array: Wi-Fi channel state, phases. */
#define MYCO_SENSOR_ALTITUDE 0x4D40u /* Altitude above sea level. */
#define MYCO_SENSOR_ALTITUDE_ABOVE_HOME 0x4D41u /* Altitude above the take-off place. */
#define MYCO_SENSOR_GROUND_SPEED 0x4D42u /* Speed over ground. */
#define MYCO_SENSOR_AIR_SPEED 0x4D43u /* Speed through the air. */
#define MYCO_SENSOR_CLIMB_RATE 0x4D44u /* Vertical speed, up is positive. */
#define MYCO_SENSOR_HEADING 0x4D45u /* Heading, clockwise from north. */
#define MYCO_SENSOR_FLIGHT_MODE 0x4D46u /* Flight mode. MDP: 0 manual, 1 stabilize, 2 loiter, 3 auto, 4 return, 5 land; MAVLink: the autopilot's own number. */
#define MYCO_SENSOR_ARMED 0x4D47u /* Motors may turn. */
#define MYCO_SENSOR_MISSION_STATE 0x4D48u /* Mission: 0 idle, 1 deploy, 2 retrieve, 3 data mule. */
#define MYCO_SENSOR_MISSION_PROGRESS 0x4D49u /* Progress of the mission, in the device's own measure. */
#define MYCO_SENSOR_MISSION_STATUS 0x4D4Au /* Mission: 0 pending, 1 in progress, 2 completed, 3 failed. */
#define MYCO_SENSOR_PAYLOAD_LATCHED 0x4D4Bu /* The payload is held. */
#define MYCO_SENSOR_PAYLOAD_MASS 0x4D4Cu /* Mass of the payload. */
#define MYCO_SENSOR_RSSI 0x4D50u /* Received signal strength. */
#define MYCO_SENSOR_SNR 0x4D51u /* Signal-to-noise ratio. */
#define MYCO_SENSOR_BATTERY_PERCENT 0x4D52u /* Battery charge. */
#define MYCO_SENSOR_BATTERY_CURRENT 0x4D53u /* Battery current. */
#define MYCO_SENSOR_UPTIME 0x4D54u /* Time since boot. */
#define MYCO_SENSOR_SAMPLE_COUNT 0x4D55u /* Samples behind the other values of a message. */
#define MYCO_SENSOR_EVENT_COUNT 0x4D56u /* A counter of events. */
#define MYCO_SENSOR_QUEUE_DEPTH 0x4D57u /* Messages waiting in the device. */
#define MYCO_SENSOR_BATTERY_VOLTAGE 0x4D58u /* Battery voltage, in volts. */
#define MYCO_SENSOR_DISAGREEMENT 0x4D60u /* Derived by the gateway: how much the two gas sensors of a board disagree, 0-1. */

/* Units. */
#define MYCO_UNIT_C 0x01u /* Degree Celsius. */
#define MYCO_UNIT_PERCENT_RH 0x02u /* Relative humidity, percent. */
#define MYCO_UNIT_PPM 0x03u /* Parts per million. */
#define MYCO_UNIT_PA 0x04u /* Pascal. */
#define MYCO_UNIT_UG_M3 0x05u /* Microgram per cubic metre. */
#define MYCO_UNIT_M_S 0x06u /* Metre per second. */
#define MYCO_UNIT_DEG 0x07u /* Degree of arc. */
#define MYCO_UNIT_MV 0x08u /* Millivolt. */
#define MYCO_UNIT_OHM 0x4D00u /* Ohm. */
#define MYCO_UNIT_V 0x4D01u /* Volt. */
#define MYCO_UNIT_UV 0x4D02u /* Microvolt. */
#define MYCO_UNIT_M 0x4D03u /* Metre. */
#define MYCO_UNIT_DBM 0x4D04u /* Decibel relative to one milliwatt. */
#define MYCO_UNIT_DB 0x4D05u /* Decibel. */
#define MYCO_UNIT_PERCENT 0x4D06u /* Percent. */
#define MYCO_UNIT_COUNT 0x4D07u /* A number of things, or a raw converter count. */
#define MYCO_UNIT_INDEX 0x4D08u /* A dimensionless index or class. */
#define MYCO_UNIT_BOOL 0x4D09u /* 0 or 1. */
#define MYCO_UNIT_LUX 0x4D0Au /* Lux. */
#define MYCO_UNIT_S 0x4D0Bu /* Second. */
#define MYCO_UNIT_HZ 0x4D0Cu /* Hertz. */
#define MYCO_UNIT_L_MIN 0x4D0Du /* Litre per minute. */
#define MYCO_UNIT_A 0x4D0Eu /* Ampere. */
#define MYCO_UNIT_HPA 0x4D0Fu /* Hectopascal. */
#define MYCO_UNIT_KOHM 0x4D10u /* Kiloohm. */
#define MYCO_UNIT_MS 0x4D11u /* Millisecond. */
#define MYCO_UNIT_KG 0x4D12u /* Kilogram. */
#define MYCO_UNIT_G0 0x4D13u /* Standard gravity, 9.80665 m/s?. */
#define MYCO_UNIT_NM 0x4D14u /* Nanometre. */
#define MYCO_UNIT_F 0x4D15u /* Degree Fahrenheit. */

/* MDP v1: wire = COBS(packet || CRC) || 0x00, packet = 16-byte header || body, all numbers little-endian. */
#define MYCO_MDP_MAGIC 0xA15Au
#define MYCO_MDP_VERSION 0x01u
#define MYCO_MDP_HEADER_BYTES 16u
#define MYCO_MDP_CRC_BYTES 2u
#define MYCO_MDP_PACKET_MAX 1022u
#define MYCO_MDP_FRAME_MAX 1536u
#define MYCO_MDP_CRC_POLYNOMIAL 0x1021u
#define MYCO_MDP_CRC_INITIAL 0xFFFFu
#define MYCO_MDP_CRC_CHECK 0x29B1u /* of "123456789" */
/* Encoded frame of a body of so many bytes: header, CRC, COBS codes and delimiter. */
#define MYCO_MDP_FRAME_SIZE_MAX(body_bytes) ((body_bytes) + 20u + ((body_bytes) + 18u) / 254u)

/* Offsets in the header. */
#define MYCO_MDP_AT_MAGIC 0u /* u16: Bytes 5A A1. */
#define MYCO_MDP_AT_VERSION 2u /* u8: Header version. */
#define MYCO_MDP_AT_TYPE 3u /* u8: Message type. */
#define MYCO_MDP_AT_SEQ 4u /* u32: Counter of the sender, from 1. */
#define MYCO_MDP_AT_ACK 8u /* u32: Generation A: highest seq received in order. Generation B: seq of the command answered, else 0. */
#define MYCO_MDP_AT_FLAGS 12u /* u8: Bit set of the flags. */
#define MYCO_MDP_AT_SRC 13u /* u8: Endpoint of the sender. */
#define MYCO_MDP_AT_DST 14u /* u8: Endpoint meant. */
#define MYCO_MDP_AT_RSV 15u /* u8: Sent as 0, ignored. */

/* Header flags. */
#define MYCO_MDP_FLAG_ACK_REQUESTED 0x01u /* The sender resends until acknowledged. */
#define MYCO_MDP_FLAG_IS_ACK 0x02u /* An acknowledgement. */
#define MYCO_MDP_FLAG_IS_NACK 0x04u /* A refusal; sent with type ACK. */

/* Endpoints. */
#define MYCO_MDP_ENDPOINT_SIDE_A 0xA1u /* Sensor side of a board. */
#define MYCO_MDP_ENDPOINT_SIDE_B 0xB1u /* Radio side of a board. */
#define MYCO_MDP_ENDPOINT_GATEWAY 0xC0u /* Host or gateway. */
#define MYCO_MDP_ENDPOINT_BROADCAST 0xFFu /* Everyone; no known firmware acts on it. */

/* Message types. */
#define MYCO_MDP_TYPE_TELEMETRY 0x01u /* Readings: JSON text (generation B), text or binary (generation A), or a CBOR MycoEnvelope (ours). */
#define MYCO_MDP_TYPE_COMMAND 0x02u /* A command: JSON (generation B) or the command layout (generation A). */
#define MYCO_MDP_TYPE_ACK 0x03u /* Acknowledgement or, with flag IS_NACK, refusal. 0x04, NACK in old papers, is never sent. */
#define MYCO_MDP_TYPE_EVENT 0x05u /* An event: JSON (generation B) or the result layout (generation A). */
#define MYCO_MDP_TYPE_HELLO 0x06u /* Who is there; generation B sends it at boot. */
#define MYCO_MDP_TYPE_WIFISENSE 0x07u /* Wi-Fi sensing, always a 586-byte packet; old papers give the number to HEARTBEAT. Other lengths are opaque. */
#define MYCO_MDP_TYPE_DRONE_TELEMETRY 0x08u /* Drone state, always a 118-byte packet; old papers give the number to LOG. Other lengths are opaque. */
#define MYCO_MDP_TYPE_DRONE_MISSION_STATUS 0x09u /* Drone mission status, a 90-byte packet. */

/* Body of COMMAND, generation A. */
#define MYCO_MDP_COMMAND_AT_CMD_ID 0u /* u16: Command number; its meaning depends on the board's role. */
#define MYCO_MDP_COMMAND_AT_CMD_LEN 2u /* u16: Bytes of data. */
#define MYCO_MDP_COMMAND_AT_DATA 4u /* bytes: Arguments. */

/* Body of EVENT that answers a COMMAND, generation A. */
#define MYCO_MDP_RESULT_AT_EVT_TYPE 0u /* u16: Command result. */
#define MYCO_MDP_RESULT_AT_EVT_LEN 2u /* u16: Bytes of cmdId and status. */
#define MYCO_MDP_RESULT_AT_CMD_ID 4u /* u16: Command answered. */
#define MYCO_MDP_RESULT_AT_STATUS 6u /* i16: 0 done, -1 unknown command, -2 data too short, -3 bad index. */
#define MYCO_MDP_RESULT_AT_DATA 8u /* bytes: Optional. */

/* A TELEMETRY body whose first byte is in this range is an envelope (an addition of this project). */
#define MYCO_MDP_ENVELOPE_FIRST_BYTE_MIN 0xA0u
#define MYCO_MDP_ENVELOPE_FIRST_BYTE_MAX 0xBFu

/* First byte of what answers an envelope: a signed receipt, or JSON that says why not (additions of this project). */
#define MYCO_MDP_RECEIPT_FIRST_BYTE 0xD2u
#define MYCO_MDP_REFUSAL_FIRST_BYTE 0x7Bu

#ifdef __cplusplus
}
#endif

#endif /* MYCO_PROTOCOL_H */
