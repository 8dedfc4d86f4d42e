import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { envelopeSize } from "../../../protocol/c-header.ts";
import { decodeCbor } from "../../../src/codec/cbor.ts";
import {
  checkEnvelope,
  type Envelope,
  type EnvelopeFields,
  encodeEnvelope,
  parseEnvelope,
} from "../../../src/codec/envelope.ts";
import { decodeEnvelopeSample } from "../../../src/dialects/envelope.ts";
import {
  blake2b256,
  nobleCrypto,
  signedEnvelope,
  signWithSodium,
  sodiumCrypto,
  testDevice,
} from "../../support/envelopes.ts";
import { ownVectors } from "../../support/shared-vectors.ts";

type Integer = number | string;
interface Vector {
  name?: string;
  deviceId: string;
  publicKey: string;
  seed: string;
  proto: number;
  msgId: string;
  epochMs: Integer;
  seq: Integer;
  monoMs: Integer;
  geo: { latE7: number; lonE7: number; accM?: number } | null;
  readings: [sensor: number | string, vi: Integer, vs: number, unit: number | string, quality: number][];
  metadata?: Record<string, unknown>;
  cbor: string;
}

const device = testDevice("greenhouse-1");
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function parsed(bytes: Uint8Array): Envelope {
  const result = parseEnvelope(bytes);
  if (!result.ok) throw new Error(`${result.reject}: ${result.detail}`);
  return result.value;
}

/** "accepted", or why a receiver that holds `publicKey` refuses. */
function verdict(bytes: Uint8Array, publicKey: Uint8Array, crypto = sodiumCrypto): string {
  const result = parseEnvelope(bytes);
  if (!result.ok) return result.reject;
  const checked = checkEnvelope(result.value, crypto(publicKey));
  return checked.ok ? "accepted" : checked.reject;
}

const own: Vector[] = ownVectors("envelopes.json");
const golden: { accepted: Vector[]; rejected: { name: string; reject: string; publicKey: string; cbor: string }[] } =
  ownVectors("golden-envelopes.json");
/** wire-facts §7.4: made by the devices' C codec and confirmed by other implementations. */
const published: Vector[] = [
  {
    name: "with a position and three readings",
    deviceId: "gw-test-01",
    proto: 2,
    seq: 42,
    monoMs: 123456,
    epochMs: 1760000000000,
    geo: { latE7: 327157000, lonE7: -1171611000, accM: 5 },
    readings: [
      [1, 217, 1, 1, 0],
      [10, -5, 0, 8, 1],
      [7, 101325, 0, 4, 0],
    ],
    cbor: "ab0001016a67772d746573742d303102020350101112131415161718191a1b1c1d1e1f041b00000199c82cc00005182a061a0001e24007a3001a13800508013a45d55d7702050883a500010118d9020103010400a5000a0124020003080401a50007011a00018bcd0200030404000a5820bdd9d2320c45d4dd0ec745332ae611f6f6394594a59aa7e0c71feef0fa48b40d0b58403cb579997708ddab5dbb9ff35a656937ecf3c8acb54243e3effd0cdd5ab251177cc2265e84f17b4339a69f158b6f1b9810b601d7d35ca28f44d676fb8efe110d",
  },
  {
    name: "with one reading",
    deviceId: "gw-test-01",
    proto: 1,
    seq: 0,
    monoMs: 0,
    epochMs: 1760000000000,
    geo: null,
    readings: [[1, 217, 1, 1, 0]],
    cbor: "aa0001016a67772d746573742d303102010350101112131415161718191a1b1c1d1e1f041b00000199c82cc000050006000881a500010118d90201030104000a582099c9c59e2613b245df85f6cdfe8f7ed54b863000f2c6c77243127117ad4c41a20b5840b85c0f89d5ab6b1f39824293d57c3526b8db93189a7b39c7ab5eedc61e5c8d97e389a05989e4af703b2926632d6e307f89c720929ebd4616518c595bd4509304",
  },
  {
    name: "with extreme counters",
    deviceId: "d",
    proto: 1,
    seq: 2 ** 32 - 1,
    monoMs: "18446744073709551615",
    epochMs: -1,
    geo: null,
    readings: [],
    cbor: "aa000101616402010350101112131415161718191a1b1c1d1e1f0420051affffffff061bffffffffffffffff08800a5820cfa275c084f81195f9156f976c6778c26b763fa9f26cd872ae105d53f1ed1f0e0b584035507852abc836ccb925729c28cb443b029d33cc571ee58720b0f9326c28f4764d6199ba4f7f86a85ab64da0e79a9cc19b9583886ba1645f6cdf0ec5c6faf805",
  },
].map((vector) => ({
  ...vector,
  msgId: "101112131415161718191a1b1c1d1e1f",
  seed: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  publicKey: "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
})) as Vector[];

const exact = (value: Integer): number | bigint =>
  Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value);

function fieldsOf(vector: Vector): EnvelopeFields {
  const { deviceId, proto, msgId, epochMs, seq, monoMs, geo, readings, metadata } = vector;
  return {
    deviceId,
    proto,
    msgId: hex(msgId),
    epochMs: exact(epochMs),
    seq: exact(seq),
    monoMs: exact(monoMs),
    geo: geo ? { accM: undefined, ...geo } : undefined,
    readings: readings.map(([sensor, vi, vs, unit, quality]) => ({ sensor, vi: exact(vi), vs, unit, quality })),
    metadata: metadata && (mapOf(metadata) as EnvelopeFields["metadata"]),
  };
}

function mapOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, mapOf(item)]));
}

describe.each([
  ["published", published],
  ["from devices", own],
  ["golden", golden.accepted],
])("envelopes, %s", (_, vectors) => {
  test.each(vectors.map((vector, index) => [vector.name ?? `number ${index}`, vector] as const))("%s", (_, vector) => {
    const bytes = hex(vector.cbor);
    const publicKey = hex(vector.publicKey);
    const envelope = parsed(bytes);
    const { version, unsigned, hash, signature, ...values } = envelope;
    expect(version).toBe(1);
    expect(values).toEqual(fieldsOf(vector));

    const tail = bytes.subarray(unsigned.length);
    expect(hexOf(tail)).toBe(`0a5820${hexOf(hash)}0b5840${hexOf(signature)}`);

    const { secretKey } = testDevice(vector.deviceId, hex(vector.seed));
    const again = encodeEnvelope(fieldsOf(vector), (text) => signWithSodium(text, { secretKey }), blake2b256);
    expect(hexOf(again)).toBe(vector.cbor);

    expect(verdict(bytes, publicKey, sodiumCrypto)).toBe("accepted");
    expect(verdict(bytes, publicKey, nobleCrypto)).toBe("accepted");
  });
});

test.each(golden.rejected)("golden: $name is $reject", ({ reject, publicKey, cbor }) => {
  expect(verdict(hex(cbor), hex(publicKey), sodiumCrypto)).toBe(reject);
  expect(verdict(hex(cbor), hex(publicKey), nobleCrypto)).toBe(reject);
});

describe("a message with one flipped bit", () => {
  const messages: readonly (readonly [string, string, string])[] = [
    ...published.map(({ name, cbor, publicKey }) => [`published, ${name}`, cbor, publicKey] as const),
    ...own
      .slice(0, 12)
      .map(({ cbor, publicKey }, index) => [`from a device, number ${index}`, cbor, publicKey] as const),
    ...golden.accepted
      .filter(({ cbor }) => cbor.length < 800)
      .map(({ name, cbor, publicKey }) => [`golden, ${name}`, cbor, publicKey] as const),
  ];

  test.each(messages)("%s: is refused with the reason of the place it hit", (_, cbor, key) => {
    const bytes = hex(cbor);
    const publicKey = hex(key);
    const { unsigned } = parsed(bytes);
    const hashAt = unsigned.length + 3;
    const signatureAt = hashAt + 32 + 3;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      const flipped = bytes.with(at, bytes[at]! ^ (1 << (bit & 7)));
      const reason = verdict(flipped, publicKey);
      const decoded = decodeCbor(flipped);
      if (at >= signatureAt) expect(reason).toBe("SIGNATURE_INVALID");
      else if (at >= hashAt && at < hashAt + 32) expect(reason).toBe("HASH_MISMATCH");
      else if (!decoded.ok) expect(reason).toBe(decoded.reject);
      else if (at >= unsigned.length) expect(reason).toBe("SCHEMA_INVALID");
      else expect(["SCHEMA_INVALID", "HASH_MISMATCH"]).toContain(reason);
    }
  });

  test("noble refuses every flip of hash and signature that libsodium refuses", () => {
    const { cbor, publicKey } = published[1]!;
    const bytes = hex(cbor);
    for (let at = bytes.length - 64; at < bytes.length; at++) {
      for (const bit of [0x01, 0x10, 0x80]) {
        expect(verdict(bytes.with(at, bytes[at]! ^ bit), hex(publicKey), nobleCrypto)).toBe("SIGNATURE_INVALID");
      }
    }
  });
});

describe("parsing", () => {
  const arbReading = fc.record({
    sensor: fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.stringMatching(/^[ -~]{1,64}$/)),
    vi: fc.oneof(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => exact(String(value))),
    ),
    vs: fc.integer({ min: 0, max: 9 }),
    unit: fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.stringMatching(/^[ -~]{1,64}$/)),
    quality: fc.integer({ min: 0, max: 2 }),
  });
  const arbUint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => exact(String(value)));
  const arbFields: fc.Arbitrary<EnvelopeFields> = fc.record({
    deviceId: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    proto: fc.integer({ min: 0, max: 255 }),
    msgId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    epochMs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => exact(String(value))),
    seq: arbUint64,
    monoMs: arbUint64,
    geo: fc.option(
      fc.record({
        latE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
        lonE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
        accM: fc.option(fc.integer({ min: 0, max: 0xffff_ffff }), { nil: undefined }),
      }),
      { nil: undefined },
    ),
    readings: fc.array(arbReading, { maxLength: 30 }),
    metadata: fc.option(
      fc
        .array(fc.tuple(fc.string({ maxLength: 8 }), fc.oneof(fc.integer(), fc.string(), fc.constant([1, null]))))
        .map((entries) => new Map(entries)),
      { nil: undefined },
    ),
  });
  const encode = (fields: EnvelopeFields): Uint8Array => encodeEnvelope(fields, () => new Uint8Array(64), blake2b256);

  test("every message in the ranges of the protocol comes back", () => {
    fc.assert(
      fc.property(arbFields, (fields) => {
        const { version, unsigned, hash, signature, ...values } = parsed(encode(fields));
        expect(values).toEqual({ geo: undefined, metadata: undefined, ...fields });
      }),
    );
  });

  test("a message that was changed anywhere is refused where strict CBOR refuses it, and for the same reason", () => {
    const arbEdit = fc.record({
      at: fc.nat(),
      remove: fc.integer({ min: 0, max: 3 }),
      insert: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(arbFields, fc.array(arbEdit, { minLength: 1, maxLength: 3 }), (fields, edits) => {
        let bytes = encode(fields);
        for (const { at, remove, insert } of edits) {
          const place = at % (bytes.length + 1);
          bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)]));
        }
        const strict = decodeCbor(bytes);
        const result = parseEnvelope(bytes);
        if (!strict.ok) expect(result).toMatchObject({ ok: false, reject: strict.reject });
        else if (!result.ok) expect(result.reject).toBe("SCHEMA_INVALID");
        else
          expect(hexOf(encode(result.value)).slice(0, result.value.unsigned.length * 2)).toBe(
            hexOf(bytes).slice(0, result.value.unsigned.length * 2),
          );
      }),
      { numRuns: 3000 },
    );
  });

  test("any bytes give an envelope or a typed refusal", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const strict = decodeCbor(bytes);
        expect(parseEnvelope(bytes)).toMatchObject({ ok: false, reject: strict.ok ? "SCHEMA_INVALID" : strict.reject });
      }),
    );
  });

  test("views point into the message; the unsigned map is a copy and leaves the message as it was", () => {
    const bytes = Buffer.from(signedEnvelope(device));
    const before = hexOf(bytes);
    const { hash, signature, msgId, unsigned } = parsed(bytes);
    for (const view of [hash, signature, msgId]) expect(view.buffer).toBe(bytes.buffer);
    expect(unsigned.buffer).not.toBe(bytes.buffer);
    unsigned.fill(0);
    expect(hexOf(bytes)).toBe(before);
  });

  test.each([
    ["4096 readings", 4096, "accepted"],
    ["4097 readings", 4097, "SCHEMA_INVALID"],
  ])("%s", (_, count, expected) => {
    const readings = Array.from({ length: count }, () => ({ sensor: 1, vi: 0, vs: 0, unit: 1, quality: 0 }));
    expect(verdict(signedEnvelope(device, { readings }), device.publicKey)).toBe(expected);
  });

  test("metadata of up to 256 data items is taken", () => {
    const metadata = (items: number): Map<string, number[]> =>
      new Map([["list", Array.from({ length: items }, () => 0)]]);
    expect(verdict(signedEnvelope(device, { metadata: metadata(253) }), device.publicKey)).toBe("accepted");
    expect(verdict(signedEnvelope(device, { metadata: metadata(254) }), device.publicKey)).toBe("SCHEMA_INVALID");
  });
});

test("the sample of a message names its sender, its id in lower-case hex, and its exact values", () => {
  const [vector] = own as [Vector];
  const { deviceId, msgId, epochMs, seq, geo, readings } = fieldsOf(vector);
  expect(decodeEnvelopeSample(hex(vector.cbor))).toEqual({
    ok: true,
    value: { claimedDeviceId: deviceId, msgId: hexOf(msgId), epochMs, seq, geo, readings },
  });
  expect(decodeEnvelopeSample(hex("a0"))).toMatchObject({ reject: "SCHEMA_INVALID" });
});

test("no message without metadata and texts is larger than MYCO_ENVELOPE_SIZE_MAX, and the largest is that large", () => {
  const reading = { sensor: 0xffff, vi: -(2n ** 63n), vs: 9, unit: 0xffff, quality: 2 };
  const largest = signedEnvelope(device, {
    deviceId: "x".repeat(64),
    proto: 255,
    epochMs: -(2n ** 63n),
    seq: 2n ** 64n - 1n,
    monoMs: 2n ** 64n - 1n,
    geo: { latE7: -900_000_000, lonE7: -1_800_000_000, accM: 0xffff_ffff },
    readings: Array.from({ length: 300 }, () => reading),
  });
  expect(parseEnvelope(largest).ok).toBe(true);
  expect(largest.length).toBe(envelopeSize.fixed + 64 + 300 * envelopeSize.perReading);
});
