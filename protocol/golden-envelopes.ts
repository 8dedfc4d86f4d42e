/** Golden vectors of MycoEnvelope v1. */
import { asciiBytes, bytesOf, concat, type GoldenCodec, type GoldenValue, hexOf } from "./golden.ts";
import { envelope, sensors, units } from "./spec.ts";

type Integer = number | bigint;
type GoldenReading = readonly [
  sensor: number | string,
  vi: Integer,
  vs: number,
  unit: number | string,
  quality: number,
];

export interface Fields {
  readonly deviceId: string;
  readonly proto: number;
  readonly msgId: string;
  readonly epochMs: Integer;
  readonly seq: Integer;
  readonly monoMs: Integer;
  readonly geo: { readonly latE7: number; readonly lonE7: number; readonly accM?: number } | null;
  readonly readings: readonly GoldenReading[];
  readonly metadata?: Readonly<Record<string, GoldenValue>>;
}

const { fields, geo, reading, signaturePrefix } = envelope;
export const deviceSeed = Uint8Array.from({ length: 32 }, (_, index) => 0x40 + index);
const strangerSeed = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);

export const base: Fields = {
  deviceId: "golden-01",
  proto: 2,
  msgId: "101112131415161718191a1b1c1d1e1f",
  epochMs: 1_760_000_000_000,
  seq: 7,
  monoMs: 1000,
  geo: null,
  readings: [[sensors.temp.code, 217, 1, units.C.code, 0]],
};

const accepted: Readonly<Record<string, Partial<Fields>>> = {
  "one reading": {},
  "no readings": { readings: [] },
  "every sensor code, each with its usual unit": {
    readings: Object.values(sensors).map(({ code, unit }, index) => [code, index, 0, units[unit].code, 0]),
  },
  "sensor and unit as text": { readings: [["spores/m³", 12, 0, "1/m³", 1]] },
  "sensor, unit and transport numbers that no table has": { proto: 255, readings: [[0xffff, -1, 9, 0, 2]] },
  "no clock": { epochMs: 0, monoMs: 0 },
  "a clock before 1970": { epochMs: -1 },
  "extreme counters": { epochMs: -(2n ** 63n), seq: 2n ** 64n - 1n, monoMs: 2n ** 64n - 1n },
  "extreme values": {
    readings: [
      [1, 2n ** 63n - 1n, 9, 1, 0],
      [1, -(2n ** 63n), 9, 1, 0],
      [1, Number.MAX_SAFE_INTEGER, 0, 1, 0],
      [1, Number.MIN_SAFE_INTEGER, 0, 1, 0],
      [1, 2n ** 53n, 0, 1, 0],
      [1, -(2n ** 53n), 0, 1, 0],
    ],
  },
  "a value at each change of integer width": {
    readings: [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32].flatMap((width): GoldenReading[] => [
      [1, width, 0, 1, 0],
      [1, -1 - width, 0, 1, 0],
    ]),
  },
  "a position": { geo: { latE7: 327_157_000, lonE7: -1_171_611_000, accM: 5 } },
  "a position without accuracy": { geo: { latE7: 0, lonE7: 0 } },
  "the corners of the globe": { geo: { latE7: geo.latE7.min, lonE7: geo.lonE7.max, accM: geo.accM.max } },
  "an id of one character": { deviceId: "d" },
  "an id of 23 characters, the longest in a one-byte head": { deviceId: "a".repeat(23) },
  "an id of 24 characters": { deviceId: "a".repeat(24) },
  "an id of 64 characters, the longest": { deviceId: "A-Z.a_z0".repeat(8) },
  "300 readings": { readings: Array.from({ length: 300 }, (_, index) => [10, index, 3, 8, 0]) },
  metadata: { metadata: { fw: "1.4.2", boot: 3, tags: ["a", true], nested: new Map([["n", -5]]) } },
};

export function goldenEnvelopes(codec: GoldenCodec) {
  const publicKey = hexOf(codec.publicKey(deviceSeed));
  return {
    accepted: Object.entries(accepted).map(([name, changes]) => {
      const values = { ...base, ...changes };
      const cbor = hexOf(seal(codec, codec.encodeCbor(mapOf(values))));
      return { name, publicKey, seed: hexOf(deviceSeed), ...jsonOf(values), cbor };
    }),
    rejected: rejected(codec).map(([reject, name, cbor]) => ({ name, reject, publicKey, cbor: hexOf(cbor) })),
  };
}

function rejected(codec: GoldenCodec): readonly (readonly [reject: string, name: string, cbor: Uint8Array])[] {
  const unsigned = codec.encodeCbor(mapOf(base));
  const good = seal(codec, unsigned);
  const hash = codec.blake2b256(unsigned);
  /** Signed as it should be, so that nothing but the change is wrong; `undefined` leaves the field out. */
  const field = (name: keyof typeof fields, value: GoldenValue | undefined): Uint8Array =>
    seal(codec, codec.encodeCbor(changed(mapOf(base), fields[name].key, value)));
  const position = (...entries: readonly [number, number][]): Uint8Array => field("geo", new Map(entries));
  const readingWith = (key: number, value: GoldenValue | undefined): Uint8Array =>
    field("readings", [changed(readingMap(base.readings[0]!), key, value)]);
  /** `unsigned` with some of its hex digits replaced, signed over the result. */
  const edited = (from: string, to: string): Uint8Array => {
    const parts = hexOf(unsigned).split(from);
    if (parts.length !== 2) throw new Error(`${from} occurs ${parts.length - 1} times`);
    return seal(codec, bytesOf(parts.join(to)));
  };
  const vi = `01${hexOf(codec.encodeCbor(217))}02`;

  return [
    ["NOT_WELL_FORMED", "no bytes", new Uint8Array(0)],
    ["NOT_WELL_FORMED", "the last byte is missing", good.subarray(0, -1)],
    ["NOT_WELL_FORMED", "a byte follows", concat(good, bytesOf("00"))],
    ["NOT_WELL_FORMED", "an array of 2^32 - 1 readings is promised", edited("0881a5", "089affffffffa5")],
    ["NOT_WELL_FORMED", "reserved additional information", edited("a80001", "a8001c")],
    ["NOT_DETERMINISTIC", "an integer in two bytes that fits one", edited("a80001", "a8001801")],
    ["NOT_DETERMINISTIC", "a map of indefinite length", concat(bytesOf("bf"), good.subarray(1), bytesOf("ff"))],
    [
      "NOT_DETERMINISTIC",
      "a text of indefinite length",
      edited("0169676f6c64656e2d3031", "017f69676f6c64656e2d3031ff"),
    ],
    ["NOT_DETERMINISTIC", "keys out of order", edited("0507061903e8", "061903e80507")],
    ["NOT_DETERMINISTIC", "a key twice", edited("0507061903e8", "0507051903e8")],
    ["NOT_DETERMINISTIC", "a float", edited(vi, "01f93c0002")],
    ["NOT_DETERMINISTIC", "a tag", edited(vi, "01c118d902")],
    ["NOT_DETERMINISTIC", "undefined", edited(vi, "01f702")],
    ["NOT_DETERMINISTIC", "a text that is not UTF-8", edited("a50001", "a50061ff")],
    ["SCHEMA_INVALID", "an array", codec.encodeCbor([1, 2, 3])],
    ["SCHEMA_INVALID", "version 0", field("version", 0)],
    ["SCHEMA_INVALID", "version 2", field("version", 2)],
    ["SCHEMA_INVALID", "no version", field("version", undefined)],
    ["SCHEMA_INVALID", "an id with a space", field("deviceId", "golden 01")],
    ["SCHEMA_INVALID", "an empty id", field("deviceId", "")],
    ["SCHEMA_INVALID", "an id of 65 characters", field("deviceId", "a".repeat(65))],
    ["SCHEMA_INVALID", "an id as byte string", field("deviceId", asciiBytes("golden-01"))],
    ["SCHEMA_INVALID", "transport 256", field("proto", 256)],
    ["SCHEMA_INVALID", "a message id of 15 bytes", field("msgId", bytesOf(base.msgId).subarray(1))],
    ["SCHEMA_INVALID", "a time beyond 64 bits with sign", field("epochMs", 2n ** 63n)],
    ["SCHEMA_INVALID", "a negative seq", field("seq", -1)],
    ["SCHEMA_INVALID", "a latitude beyond the north pole", position([0, 900_000_001], [1, 0])],
    ["SCHEMA_INVALID", "a latitude beyond the south pole", position([0, -900_000_001], [1, 0])],
    ["SCHEMA_INVALID", "a longitude beyond 180 degrees east", position([0, 0], [1, 1_800_000_001])],
    ["SCHEMA_INVALID", "a longitude beyond 180 degrees west", position([0, 0], [1, -1_800_000_001])],
    ["SCHEMA_INVALID", "a position without longitude", position([0, 0])],
    ["SCHEMA_INVALID", "an accuracy that is negative", position([0, 0], [1, 0], [2, -1])],
    ["SCHEMA_INVALID", "readings as map", field("readings", new Map())],
    ["SCHEMA_INVALID", "a reading without quality", readingWith(reading.quality.key, undefined)],
    ["SCHEMA_INVALID", "a reading with a sixth key", readingWith(5, 0)],
    ["SCHEMA_INVALID", "ten decimal places", readingWith(reading.vs.key, 10)],
    ["SCHEMA_INVALID", "quality 3", readingWith(reading.quality.key, 3)],
    ["SCHEMA_INVALID", "sensor 65536", readingWith(reading.sensor.key, 0x1_0000)],
    ["SCHEMA_INVALID", "a negative unit", readingWith(reading.unit.key, -1)],
    ["SCHEMA_INVALID", "an empty sensor text", readingWith(reading.sensor.key, "")],
    ["SCHEMA_INVALID", "a sensor text of 65 bytes", readingWith(reading.sensor.key, "s".repeat(65))],
    ["SCHEMA_INVALID", "a control character in a unit", readingWith(reading.unit.key, "m\0")],
    ["SCHEMA_INVALID", "a value beyond 64 bits with sign", readingWith(reading.vi.key, 2n ** 63n)],
    ["SCHEMA_INVALID", "metadata as text", field("metadata", "x")],
    ["SCHEMA_INVALID", "metadata nine levels deep", field("metadata", nest(9))],
    [
      "SCHEMA_INVALID",
      "a key that no envelope has",
      concat(
        good.map((byte, at) => (at === 0 ? byte + 1 : byte)),
        bytesOf("0c00"),
      ),
    ],
    ["SCHEMA_INVALID", "unsigned", unsigned],
    [
      "HASH_MISMATCH",
      "another value than was signed",
      bytesOf(hexOf(good).replace(vi, `01${hexOf(codec.encodeCbor(218))}02`)),
    ],
    ["HASH_MISMATCH", "SHA-256 as hash", signed(codec, unsigned, codec.sha256(unsigned), deviceSeed)],
    ["HASH_MISMATCH", "the hash of the whole message", signed(codec, unsigned, codec.blake2b256(good), deviceSeed)],
    ["SIGNATURE_INVALID", "the signature of another key", signed(codec, unsigned, hash, strangerSeed)],
    ["SIGNATURE_INVALID", "a signature of the hash without prefix", join(unsigned, hash, codec.sign(hash, deviceSeed))],
    ["SIGNATURE_INVALID", "a signature of the message itself", join(unsigned, hash, codec.sign(unsigned, deviceSeed))],
    ["SIGNATURE_INVALID", "a signature of zeros", join(unsigned, hash, new Uint8Array(64))],
  ];
}

export function mapOf(values: Fields): Map<number, GoldenValue> {
  const map = new Map<number, GoldenValue>([
    [fields.version.key, envelope.version],
    [fields.deviceId.key, values.deviceId],
    [fields.proto.key, values.proto],
    [fields.msgId.key, bytesOf(values.msgId)],
    [fields.epochMs.key, values.epochMs],
    [fields.seq.key, values.seq],
    [fields.monoMs.key, values.monoMs],
    [fields.readings.key, values.readings.map(readingMap)],
  ]);
  if (values.geo) {
    const { latE7, lonE7, accM } = values.geo;
    const position = new Map([
      [geo.latE7.key, latE7],
      [geo.lonE7.key, lonE7],
    ] as [number, number][]);
    if (accM !== undefined) position.set(geo.accM.key, accM);
    map.set(fields.geo.key, position);
  }
  if (values.metadata) map.set(fields.metadata.key, new Map(Object.entries(values.metadata)));
  return map;
}

function readingMap([sensor, vi, vs, unit, quality]: GoldenReading): Map<number, GoldenValue> {
  return new Map<number, GoldenValue>([
    [reading.sensor.key, sensor],
    [reading.vi.key, vi],
    [reading.vs.key, vs],
    [reading.unit.key, unit],
    [reading.quality.key, quality],
  ]);
}

export function changed(map: Map<number, GoldenValue>, key: number, value: GoldenValue | undefined): typeof map {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
  return map;
}

function nest(levels: number): GoldenValue {
  return levels === 1 ? new Map() : new Map([["n", nest(levels - 1)]]);
}

export function seal(codec: GoldenCodec, unsigned: Uint8Array): Uint8Array {
  return signed(codec, unsigned, codec.blake2b256(unsigned), deviceSeed);
}

function signed(codec: GoldenCodec, unsigned: Uint8Array, hash: Uint8Array, seed: Uint8Array): Uint8Array {
  return join(unsigned, hash, codec.sign(concat(asciiBytes(signaturePrefix), hash), seed));
}

/** The message of an unsigned map, two keys longer. */
function join(unsigned: Uint8Array, hash: Uint8Array, signature: Uint8Array): Uint8Array {
  const message = concat(unsigned, bytesOf("0a5820"), hash, bytesOf("0b5840"), signature);
  message[0]! += 2;
  return message;
}

/** As JSON, where integers beyond 2^53 are decimal text. */
export function jsonOf(values: Fields): object {
  return JSON.parse(
    JSON.stringify(values, (_, value) =>
      typeof value === "bigint" ? String(value) : value instanceof Map ? Object.fromEntries(value) : value,
    ),
  );
}
