/**
 * The wire contract, declared once. TypeScript types are inferred from these tables; the C header, the reference page
 * and the golden vectors are generated from them (protocol/generate.ts). `ours: true` marks what this project adds to
 * what devices already spoke; everything else is the field's and must not change.
 */

/** One key of a CBOR map, or one place of an array. `max` and `min` bound integers; `bytes` is an exact length, `maxBytes` a limit. */
export interface MapField {
  readonly key: number;
  readonly type: "uint" | "int" | "text" | "bytes" | "map" | "array" | "code";
  readonly optional?: true;
  readonly min?: number | bigint;
  readonly max?: number | bigint;
  readonly bytes?: number;
  readonly maxBytes?: number;
  readonly unit?: string;
  readonly doc: string;
}

export interface CodeEntry {
  readonly code: number;
  readonly doc: string;
  readonly ours?: true;
}

const int64 = { min: -0x8000_0000_0000_0000n, max: 0x7fff_ffff_ffff_ffffn } as const;
const uint64 = { max: 0xffff_ffff_ffff_ffffn } as const;

export const envelope = {
  doc: "MycoEnvelope v1: one signed message of a device, a CBOR map in deterministic encoding (RFC 8949 §4.2.1).",
  version: 1,
  /** What one ledger entry and one tlog-tiles bundle element can hold; an entry adds its own few bytes. */
  maxBytes: 65_535,
  /** A message carries all keys but `geo` and `metadata`, and no others. */
  fields: {
    version: { key: 0, type: "uint", min: 1, max: 1, doc: "Format version." },
    deviceId: { key: 1, type: "text", maxBytes: 64, doc: "Registry id of the sender, `[A-Za-z0-9._-]{1,64}`." },
    proto: {
      key: 2,
      type: "uint",
      max: 255,
      doc: "Transport the device meant to use; see the table. Other numbers are legal.",
    },
    msgId: { key: 3, type: "bytes", bytes: 16, doc: "Message id, the bytes of a UUID. A resent message keeps it." },
    epochMs: {
      key: 4,
      type: "int",
      ...int64,
      unit: "ms",
      doc: "Device clock since 1970; zero or negative without a clock.",
    },
    seq: { key: 5, type: "uint", ...uint64, doc: "Counter of the device." },
    monoMs: { key: 6, type: "uint", ...uint64, unit: "ms", doc: "Monotonic time since boot." },
    geo: { key: 7, type: "map", optional: true, doc: "Position; absent without a fix." },
    readings: { key: 8, type: "array", max: 4096, doc: "Measured values, possibly none." },
    metadata: { key: 9, type: "map", optional: true, doc: "Anything else; at most 8 levels and 256 data items." },
    hash: {
      key: 10,
      type: "bytes",
      bytes: 32,
      doc: "BLAKE2b-256 (32-byte digest, unkeyed) of the map without keys 10 and 11.",
    },
    signature: { key: 11, type: "bytes", bytes: 64, doc: "Ed25519 over the ASCII bytes `MYCO1` followed by the hash." },
  },
  geo: {
    latE7: { key: 0, type: "int", min: -900_000_000, max: 900_000_000, unit: "1e-7 deg", doc: "Latitude." },
    lonE7: { key: 1, type: "int", min: -1_800_000_000, max: 1_800_000_000, unit: "1e-7 deg", doc: "Longitude." },
    accM: { key: 2, type: "uint", optional: true, max: 0xffff_ffff, unit: "m", doc: "Accuracy." },
  },
  /** A reading carries exactly these keys. */
  reading: {
    sensor: {
      key: 0,
      type: "code",
      max: 0xffff,
      maxBytes: 64,
      doc: "Code of the sensor table, or a text id without control characters.",
    },
    vi: { key: 1, type: "int", ...int64, doc: "Unscaled value: the value is vi × 10^(−vs)." },
    vs: { key: 2, type: "uint", max: 9, doc: "Decimal places." },
    unit: {
      key: 3,
      type: "code",
      max: 0xffff,
      maxBytes: 64,
      doc: "Code of the unit table, or text without control characters.",
    },
    quality: { key: 4, type: "uint", max: 2, doc: "See the table." },
  },
  metadata: { maxDepth: 8, maxItems: 256 },
  /** Prefix of the signed text, so that a signature over it means nothing elsewhere. */
  signaturePrefix: "MYCO1",
} as const satisfies {
  readonly fields: Record<string, MapField>;
  readonly geo: Record<string, MapField>;
  readonly reading: Record<string, MapField>;
  readonly [other: string]: unknown;
};

/** Sparse signing: one signature for several messages of a device that was allowed it. Everything here is ours. */
export const chained = {
  doc: "Chained message: a MycoEnvelope without hash and signature, proven by the signature of a later one that links back to it. A CBOR map in deterministic encoding.",
  /** In place of the envelope's version, so that neither is ever taken for the other. */
  version: 77,
  maxBytes: 4096,
  /** What a link holds of the message it leads to: the first bytes of the BLAKE2b-256 of that message. */
  linkBytes: 16,
  maxLinks: 8,
  /** Messages in a row that a device may leave unsigned. */
  maxSpan: 64,
  /** Key in the metadata of a signed envelope, whose value is a byte string of links: such an envelope is an anchor. */
  anchorKey: 77,
  /** As in an envelope but for these two. */
  fields: {
    version: { key: 0, type: "uint", min: 77, max: 77, doc: "Marks a chained message." },
    links: {
      key: 3,
      type: "bytes",
      maxBytes: 128,
      doc: "In place of the message id: the ids of up to 8 chained messages sent before, one after another; empty where there are none.",
    },
  },
  ours: true,
} as const satisfies { readonly fields: Record<string, MapField>; readonly [other: string]: unknown };

/** What a gateway answers a stored envelope with. Everything here is ours. */
export const receipt = {
  doc: "Signed receipt: the gateway has this message on disk, as this leaf of its log. A COSE_Sign1 (RFC 9052), deterministic CBOR.",
  /** Of a receipt for the longest id and the largest numbers. */
  maxBytes: 221,
  /** First element of the payload; seals and ledger entries have other numbers. */
  kind: 4,
  /**
   * How every receipt begins: tag 18, array of 4, the protected header `{1: -19}` (Ed25519) in a byte string, an empty
   * map, and the head of the payload's byte string, whose length is the next byte.
   */
  head: [0xd2, 0x84, 0x43, 0xa1, 0x01, 0x32, 0xa0, 0x58],
  /** How the signed bytes begin, `["Signature1", h'a10132', h'', payload]`; the length and the payload follow. */
  signedHead: [
    0x84,
    0x6a,
    ...[..."Signature1"].map((letter) => letter.charCodeAt(0)),
    0x43,
    0xa1,
    0x01,
    0x32,
    0x40,
    0x58,
  ],
  /** Between payload and signature: the head of a byte string of 64. */
  signatureHead: [0x58, 0x40],
  /** The payload, an array of exactly these; `key` is the place in it. */
  fields: {
    kind: { key: 0, type: "uint", min: 4, max: 4, doc: "Marks a receipt." },
    device: { key: 1, type: "text", maxBytes: 64, doc: "Registry id of the sender, `[A-Za-z0-9._-]{1,64}`." },
    seq: { key: 2, type: "uint", ...uint64, doc: "Of the message." },
    msgId: { key: 3, type: "bytes", bytes: 16, doc: "Of the message." },
    leafIndex: { key: 4, type: "uint", max: 2 ** 53 - 1, doc: "Place of the entry in the log, from 0." },
    leafHash: { key: 5, type: "bytes", bytes: 32, doc: "RFC 6962 leaf hash of the entry." },
    treeSize: {
      key: 6,
      type: "uint",
      max: 2 ** 53 - 1,
      doc: "Leaves on disk when it was signed; always more than leafIndex.",
    },
  },
} as const satisfies { readonly fields: Record<string, MapField>; readonly [other: string]: unknown };

export const quality = {
  ok: { code: 0, doc: "The device trusts the value." },
  warn: { code: 1, doc: "Usable with care, for example while a gas sensor settles." },
  bad: { code: 2, doc: "Not usable." },
} as const satisfies Record<string, CodeEntry>;

export const transportCodes = {
  lorawan: { code: 1, doc: "LoRaWAN." },
  mqtt: { code: 2, doc: "MQTT." },
  ble: { code: 3, doc: "Bluetooth Low Energy." },
  lte: { code: 4, doc: "Cellular." },
  other: { code: 5, doc: "Anything else, a serial port included." },
} as const satisfies Record<string, CodeEntry>;

/**
 * Our sensor and unit codes lie in 0x4D00–0x4DFF ("M"). The field's own tables count up from 1 in a u16: they would
 * have to assign 19 711 codes to reach this block, and it is at none of the round places (0x8000, 0xFF00) that others
 * choose for private use. A code is never given a new meaning.
 */
export const ourCodes = { first: 0x4d00, last: 0x4dff } as const;

export const units = {
  C: { code: 1, doc: "Degree Celsius." },
  "%RH": { code: 2, doc: "Relative humidity, percent." },
  ppm: { code: 3, doc: "Parts per million." },
  Pa: { code: 4, doc: "Pascal." },
  ug_m3: { code: 5, doc: "Microgram per cubic metre." },
  m_s: { code: 6, doc: "Metre per second." },
  deg: { code: 7, doc: "Degree of arc." },
  mV: { code: 8, doc: "Millivolt." },
  Ohm: { code: 0x4d00, ours: true, doc: "Ohm." },
  V: { code: 0x4d01, ours: true, doc: "Volt." },
  uV: { code: 0x4d02, ours: true, doc: "Microvolt." },
  m: { code: 0x4d03, ours: true, doc: "Metre." },
  dBm: { code: 0x4d04, ours: true, doc: "Decibel relative to one milliwatt." },
  dB: { code: 0x4d05, ours: true, doc: "Decibel." },
  "%": { code: 0x4d06, ours: true, doc: "Percent." },
  count: { code: 0x4d07, ours: true, doc: "A number of things, or a raw converter count." },
  index: { code: 0x4d08, ours: true, doc: "A dimensionless index or class." },
  bool: { code: 0x4d09, ours: true, doc: "0 or 1." },
  lux: { code: 0x4d0a, ours: true, doc: "Lux." },
  s: { code: 0x4d0b, ours: true, doc: "Second." },
  Hz: { code: 0x4d0c, ours: true, doc: "Hertz." },
  L_min: { code: 0x4d0d, ours: true, doc: "Litre per minute." },
  A: { code: 0x4d0e, ours: true, doc: "Ampere." },
  hPa: { code: 0x4d0f, ours: true, doc: "Hectopascal." },
  kOhm: { code: 0x4d10, ours: true, doc: "Kiloohm." },
  ms: { code: 0x4d11, ours: true, doc: "Millisecond." },
  kg: { code: 0x4d12, ours: true, doc: "Kilogram." },
  g0: { code: 0x4d13, ours: true, doc: "Standard gravity, 9.80665 m/s²." },
  nm: { code: 0x4d14, ours: true, doc: "Nanometre." },
  F: { code: 0x4d15, ours: true, doc: "Degree Fahrenheit." },
} as const satisfies Record<string, CodeEntry>;

export type UnitName = keyof typeof units;

export interface SensorEntry extends CodeEntry {
  /** The unit a device is expected to send; another is legal and wins. */
  readonly unit: UnitName;
}

export const sensors = {
  temp: { code: 1, unit: "C", doc: "Temperature." },
  humidity: { code: 2, unit: "%RH", doc: "Relative humidity." },
  co2: { code: 3, unit: "ppm", doc: "Carbon dioxide." },
  voc: { code: 4, unit: "ppm", doc: "Volatile organic compounds." },
  pm2_5: { code: 5, unit: "ug_m3", doc: "Particles up to 2.5 µm." },
  pm10: { code: 6, unit: "ug_m3", doc: "Particles up to 10 µm." },
  pressure: { code: 7, unit: "Pa", doc: "Air pressure." },
  wind_speed: { code: 8, unit: "m_s", doc: "Wind speed." },
  wind_dir: { code: 9, unit: "deg", doc: "Wind direction." },
  battery_mv: { code: 10, unit: "mV", doc: "Battery voltage." },

  gas_resistance: { code: 0x4d00, unit: "Ohm", ours: true, doc: "Resistance of a heated gas sensor." },
  iaq: { code: 0x4d01, unit: "index", ours: true, doc: "BSEC index of air quality, 0–500." },
  iaq_accuracy: {
    code: 0x4d02,
    unit: "index",
    ours: true,
    doc: "BSEC accuracy: 0 unreliable, 1 low, 2 medium, 3 calibrated.",
  },
  iaq_static: { code: 0x4d03, unit: "index", ours: true, doc: "BSEC index of air quality for stationary devices." },
  co2_equivalent: { code: 0x4d04, unit: "ppm", ours: true, doc: "CO₂ estimated from gas resistance." },
  voc_equivalent: { code: 0x4d05, unit: "ppm", ours: true, doc: "Breath VOC estimated from gas resistance." },
  gas_percentage: { code: 0x4d06, unit: "%", ours: true, doc: "BSEC gas percentage." },
  gas_estimate_1: { code: 0x4d07, unit: "%", ours: true, doc: "Probability of the first trained smell class." },
  gas_estimate_2: { code: 0x4d08, unit: "%", ours: true, doc: "Probability of the second trained smell class." },
  gas_estimate_3: { code: 0x4d09, unit: "%", ours: true, doc: "Probability of the third trained smell class." },
  gas_estimate_4: { code: 0x4d0a, unit: "%", ours: true, doc: "Probability of the fourth trained smell class." },
  gas_estimates: {
    code: 0x4d0b,
    unit: "index",
    ours: true,
    doc: "Array: probabilities 0–1 of the trained smell classes, in order.",
  },
  gas_scan: {
    code: 0x4d0c,
    unit: "Ohm",
    ours: true,
    doc: "Array: gas resistance at each step of a heater profile, in order.",
  },

  soil_moisture: { code: 0x4d10, unit: "%", ours: true, doc: "Soil moisture, or its raw converter count." },
  analog_1: { code: 0x4d11, unit: "V", ours: true, doc: "Analog input 1, or its raw converter count." },
  analog_2: { code: 0x4d12, unit: "V", ours: true, doc: "Analog input 2, or its raw converter count." },
  analog_3: { code: 0x4d13, unit: "V", ours: true, doc: "Analog input 3, or its raw converter count." },
  analog_4: { code: 0x4d14, unit: "V", ours: true, doc: "Analog input 4, or its raw converter count." },
  output_1: { code: 0x4d15, unit: "bool", ours: true, doc: "MOSFET output 1." },
  output_2: { code: 0x4d16, unit: "bool", ours: true, doc: "MOSFET output 2." },
  output_3: { code: 0x4d17, unit: "bool", ours: true, doc: "MOSFET output 3." },
  illuminance: { code: 0x4d18, unit: "lux", ours: true, doc: "Illuminance." },
  spore_count: { code: 0x4d19, unit: "count", ours: true, doc: "Spores counted on one tape segment." },
  air_flow: { code: 0x4d1a, unit: "L_min", ours: true, doc: "Flow of a sampling pump." },

  bioelectric: { code: 0x4d20, unit: "uV", ours: true, doc: "Bioelectric potential, one sample." },
  bioelectric_rms: {
    code: 0x4d21,
    unit: "uV",
    ours: true,
    doc: "Bioelectric potential, root mean square of a window.",
  },
  bioelectric_mean: { code: 0x4d22, unit: "uV", ours: true, doc: "Bioelectric potential, mean of a window." },
  bioelectric_std: {
    code: 0x4d23,
    unit: "uV",
    ours: true,
    doc: "Bioelectric potential, standard deviation of a window.",
  },
  bioelectric_freq: { code: 0x4d24, unit: "Hz", ours: true, doc: "Dominant frequency of a window." },
  impedance: { code: 0x4d25, unit: "Ohm", ours: true, doc: "Electrode impedance." },

  spectral_1: { code: 0x4d30, unit: "count", ours: true, doc: "Spectral channel 1." },
  spectral_2: { code: 0x4d31, unit: "count", ours: true, doc: "Spectral channel 2." },
  spectral_3: { code: 0x4d32, unit: "count", ours: true, doc: "Spectral channel 3." },
  spectral_4: { code: 0x4d33, unit: "count", ours: true, doc: "Spectral channel 4." },
  spectral_5: { code: 0x4d34, unit: "count", ours: true, doc: "Spectral channel 5." },
  spectral_6: { code: 0x4d35, unit: "count", ours: true, doc: "Spectral channel 6." },
  spectral_7: { code: 0x4d36, unit: "count", ours: true, doc: "Spectral channel 7." },
  spectral_8: { code: 0x4d37, unit: "count", ours: true, doc: "Spectral channel 8." },
  spectral_clear: { code: 0x4d38, unit: "count", ours: true, doc: "Spectral sensor, unfiltered channel." },
  spectral_nir: { code: 0x4d39, unit: "count", ours: true, doc: "Spectral sensor, near infrared." },

  spectrum: { code: 0x4d3a, unit: "count", ours: true, doc: "Array: all channels of a spectrometer, in order." },
  spectrum_wavelengths: {
    code: 0x4d3b,
    unit: "nm",
    ours: true,
    doc: "Array: centre wavelength of each channel of `spectrum`.",
  },
  csi_i: { code: 0x4d3c, unit: "count", ours: true, doc: "Array: Wi-Fi channel state, in-phase parts." },
  csi_q: { code: 0x4d3d, unit: "count", ours: true, doc: "Array: Wi-Fi channel state, quadrature parts." },
  csi_amplitude: { code: 0x4d3e, unit: "count", ours: true, doc: "Array: Wi-Fi channel state, amplitudes." },
  csi_phase: { code: 0x4d3f, unit: "count", ours: true, doc: "Array: Wi-Fi channel state, phases." },

  altitude: { code: 0x4d40, unit: "m", ours: true, doc: "Altitude above sea level." },
  altitude_above_home: { code: 0x4d41, unit: "m", ours: true, doc: "Altitude above the take-off place." },
  ground_speed: { code: 0x4d42, unit: "m_s", ours: true, doc: "Speed over ground." },
  air_speed: { code: 0x4d43, unit: "m_s", ours: true, doc: "Speed through the air." },
  climb_rate: { code: 0x4d44, unit: "m_s", ours: true, doc: "Vertical speed, up is positive." },
  heading: { code: 0x4d45, unit: "deg", ours: true, doc: "Heading, clockwise from north." },

  flight_mode: {
    code: 0x4d46,
    unit: "index",
    ours: true,
    doc: "Flight mode. MDP: 0 manual, 1 stabilize, 2 loiter, 3 auto, 4 return, 5 land; MAVLink: the autopilot's own number.",
  },
  armed: { code: 0x4d47, unit: "bool", ours: true, doc: "Motors may turn." },
  mission_state: {
    code: 0x4d48,
    unit: "index",
    ours: true,
    doc: "Mission: 0 idle, 1 deploy, 2 retrieve, 3 data mule.",
  },
  mission_progress: {
    code: 0x4d49,
    unit: "count",
    ours: true,
    doc: "Progress of the mission, in the device's own measure.",
  },
  mission_status: {
    code: 0x4d4a,
    unit: "index",
    ours: true,
    doc: "Mission: 0 pending, 1 in progress, 2 completed, 3 failed.",
  },
  payload_latched: { code: 0x4d4b, unit: "bool", ours: true, doc: "The payload is held." },
  payload_mass: { code: 0x4d4c, unit: "kg", ours: true, doc: "Mass of the payload." },

  rssi: { code: 0x4d50, unit: "dBm", ours: true, doc: "Received signal strength." },
  snr: { code: 0x4d51, unit: "dB", ours: true, doc: "Signal-to-noise ratio." },
  battery_percent: { code: 0x4d52, unit: "%", ours: true, doc: "Battery charge." },
  battery_current: { code: 0x4d53, unit: "A", ours: true, doc: "Battery current." },
  uptime: { code: 0x4d54, unit: "s", ours: true, doc: "Time since boot." },
  sample_count: { code: 0x4d55, unit: "count", ours: true, doc: "Samples behind the other values of a message." },
  event_count: { code: 0x4d56, unit: "count", ours: true, doc: "A counter of events." },
  queue_depth: { code: 0x4d57, unit: "count", ours: true, doc: "Messages waiting in the device." },
  battery_voltage: { code: 0x4d58, unit: "V", ours: true, doc: "Battery voltage, in volts." },
  disagreement: {
    code: 0x4d60,
    unit: "index",
    ours: true,
    doc: "Derived by the gateway: how much the two gas sensors of a board disagree, 0–1.",
  },
} as const satisfies Record<string, SensorEntry>;

export type SensorName = keyof typeof sensors;

/** A field of a packed little-endian structure at a byte offset. */
export interface LayoutField {
  readonly at: number;
  readonly type: "u8" | "u16" | "u32" | "i16" | "bytes";
  readonly value?: number;
  readonly doc: string;
}

export const mdp = {
  doc: "MDP v1: wire = COBS(packet ‖ CRC) ‖ 0x00, packet = 16-byte header ‖ body, all numbers little-endian.",
  magic: 0xa15a,
  version: 1,
  headerBytes: 16,
  crcBytes: 2,
  /** Largest packet that the field's shared encoder makes. */
  maxPacketBytes: 1022,
  /** Largest encoded frame that the field's shared decoder takes, delimiter included. */
  maxFrameBytes: 1536,
  /** CRC-16/CCITT-FALSE: no reflection, no final xor; "123456789" gives 0x29B1. Sent low byte first. */
  crc: { polynomial: 0x1021, initial: 0xffff, check: 0x29b1 },
  header: {
    magic: { at: 0, type: "u16", value: 0xa15a, doc: "Bytes 5A A1." },
    version: { at: 2, type: "u8", value: 1, doc: "Header version." },
    type: { at: 3, type: "u8", doc: "Message type." },
    seq: { at: 4, type: "u32", doc: "Counter of the sender, from 1." },
    ack: {
      at: 8,
      type: "u32",
      doc: "Generation A: highest seq received in order. Generation B: seq of the command answered, else 0.",
    },
    flags: { at: 12, type: "u8", doc: "Bit set of the flags." },
    src: { at: 13, type: "u8", doc: "Endpoint of the sender." },
    dst: { at: 14, type: "u8", doc: "Endpoint meant." },
    rsv: { at: 15, type: "u8", doc: "Sent as 0, ignored." },
  },
  flags: {
    ACK_REQUESTED: { code: 0x01, doc: "The sender resends until acknowledged." },
    IS_ACK: { code: 0x02, doc: "An acknowledgement." },
    IS_NACK: { code: 0x04, doc: "A refusal; sent with type ACK." },
  },
  endpoints: {
    SIDE_A: { code: 0xa1, doc: "Sensor side of a board." },
    SIDE_B: { code: 0xb1, doc: "Radio side of a board." },
    GATEWAY: { code: 0xc0, doc: "Host or gateway." },
    BROADCAST: { code: 0xff, doc: "Everyone; no known firmware acts on it." },
  },
  types: {
    TELEMETRY: {
      code: 0x01,
      doc: "Readings: JSON text (generation B), text or binary (generation A), or a CBOR MycoEnvelope (ours).",
    },
    COMMAND: { code: 0x02, doc: "A command: JSON (generation B) or the command layout (generation A)." },
    ACK: {
      code: 0x03,
      doc: "Acknowledgement or, with flag IS_NACK, refusal. 0x04, NACK in old papers, is never sent.",
    },
    EVENT: { code: 0x05, doc: "An event: JSON (generation B) or the result layout (generation A)." },
    HELLO: { code: 0x06, doc: "Who is there; generation B sends it at boot." },
    WIFISENSE: {
      code: 0x07,
      doc: "Wi-Fi sensing, always a 586-byte packet; old papers give the number to HEARTBEAT. Other lengths are opaque.",
    },
    DRONE_TELEMETRY: {
      code: 0x08,
      doc: "Drone state, always a 118-byte packet; old papers give the number to LOG. Other lengths are opaque.",
    },
    DRONE_MISSION_STATUS: { code: 0x09, doc: "Drone mission status, a 90-byte packet." },
  },
  /** Body of COMMAND, generation A. */
  command: {
    cmdId: { at: 0, type: "u16", doc: "Command number; its meaning depends on the board's role." },
    cmdLen: { at: 2, type: "u16", doc: "Bytes of data." },
    data: { at: 4, type: "bytes", doc: "Arguments." },
  },
  /** Body of EVENT that answers a COMMAND, generation A. It names the command, not its seq. */
  result: {
    evtType: { at: 0, type: "u16", value: 1, doc: "Command result." },
    evtLen: { at: 2, type: "u16", value: 4, doc: "Bytes of cmdId and status." },
    cmdId: { at: 4, type: "u16", doc: "Command answered." },
    status: { at: 6, type: "i16", doc: "0 done, −1 unknown command, −2 data too short, −3 bad index." },
    data: { at: 8, type: "bytes", doc: "Optional." },
  },
  /** Bodies of generation B: one JSON object each, of at most 1006 bytes. */
  jsonBodies: {
    hello:
      '{"device_id":text,"firmware_version":text,"role":text,"sensors":[text],"capabilities":[text]}; Side-B has no device_id',
    telemetry:
      '{"type":"telemetry","uptime_s":uint,"estop":bool,"analog":{"ai1":count,…},"bme688":{"a":{"temperature_c","humidity_pct","pressure_hpa","gas_ohm",…},"b":{…}}}',
    event: '{"event":text,…}',
    command: '{"cmd":text,"params":object}; to a board that sends envelopes also "id":text and "expires":ms since 1970',
    ack: '{"success":bool,"message":text}; header ack is the seq of the command',
  },
  maxJsonBytes: 1006,
  /** Side-A 2.1.0 reads these as an end of line and drops the frame they occur in: a frame to it must hold neither. */
  forbiddenToSideA: [0x0a, 0x0d],
  /**
   * Ours: an ACK that answers a TELEMETRY frame with an envelope has the signed receipt as its body, a NACK a JSON object.
   * The first byte tells them apart.
   */
  receiptBody: { receiptFirstByte: 0xd2, refusalFirstByte: 0x7b, ours: true },
  /** Ours: a TELEMETRY body that begins with one of these is a CBOR MycoEnvelope or chained message; JSON begins with `{`, 0x7B. */
  envelopeBody: { firstByteMin: 0xa0, firstByteMax: 0xbf, ours: true },
} as const satisfies {
  readonly header: Record<string, LayoutField>;
  readonly command: Record<string, LayoutField>;
  readonly result: Record<string, LayoutField>;
  readonly flags: Record<string, CodeEntry>;
  readonly endpoints: Record<string, CodeEntry>;
  readonly types: Record<string, CodeEntry>;
  readonly [other: string]: unknown;
};

/** Ours: what a LoRa gateway's firmware and its host say over USB, so that frames come whole. One JSON object a line, 115200 8N1. */
export const radioLink = {
  doc: "Raw-frame link of a LoRa gateway on USB: newline-delimited JSON. `frame` is one LoRa packet in base64 (RFC 4648 §4).",
  /** SX1262: one packet. */
  maxPacketBytes: 255,
  lines: {
    received: '{"lora_rx":{"frame":base64,"rssi":dBm,"snr":dB,"freq":Hz}}; all but frame optional',
    send: '{"lora_tx":{"id":uint,"frame":base64}}, from the host',
    sent: '{"lora_tx":{"id":uint,"ok":bool}}; ok once the packet has left the antenna',
  },
  ours: true,
} as const;

export const mdpTypes = codesOf(mdp.types);
export const mdpFlags = codesOf(mdp.flags);
export const mdpEndpoints = codesOf(mdp.endpoints);

/** `{NAME: {code: 1, …}}` → `{NAME: 1}` */
function codesOf<T extends Record<string, CodeEntry>>(table: T): { readonly [Name in keyof T]: T[Name]["code"] } {
  return Object.fromEntries(Object.entries(table).map(([name, { code }]) => [name, code])) as never;
}
