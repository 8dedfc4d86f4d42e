/**
 * MycoEnvelope v1. Parsing runs for every message of every device, so it is one pass over the bytes that builds nothing
 * but the result; it accepts exactly those deterministic CBOR messages that fit the schema of protocol/spec.ts.
 */
import { type MapField, envelope as spec, transportCodes } from "../../protocol/spec.ts";
import type { Reading } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import { decodeCbor } from "./cbor-reader.ts";
import { type CborKey, type CborValue, cborMajor } from "./cbor-value.ts";
import { encodeCbor } from "./cbor-writer.ts";
import { EnvelopeCursor, type EnvelopeMetadata, type Geo, keyOf } from "./envelope-cursor.ts";

/** Integers are exact: numbers below 2^53, bigints beyond. */
export interface Envelope {
  readonly version: number;
  readonly deviceId: string;
  /** Code of the transport table; other numbers are legal. */
  readonly proto: number;
  /** 16 bytes, a view into the message. */
  readonly msgId: Uint8Array;
  /** Device clock, milliseconds since 1970, as claimed; zero or negative without a clock. */
  readonly epochMs: number | bigint;
  readonly seq: number | bigint;
  readonly monoMs: number | bigint;
  readonly geo: Geo | undefined;
  readonly readings: readonly Reading[];
  readonly metadata: EnvelopeMetadata | undefined;
  /** U, what the hash covers: the message without its last two keys, encoded as a map of its own. A copy. */
  readonly unsigned: Uint8Array;
  /** 32 bytes, a view into the message. */
  readonly hash: Uint8Array;
  /** 64 bytes, a view into the message. */
  readonly signature: Uint8Array;
}

export type EnvelopeReject = "NOT_WELL_FORMED" | "NOT_DETERMINISTIC" | "SCHEMA_INVALID";

const { fields } = spec;
const signaturePrefix = new TextEncoder().encode(spec.signaturePrefix);
const requiredKeys = Object.values<MapField>(fields).filter(({ optional }) => !optional).length;

/** Total; as strict as `decodeCbor`, which decides the reason where a message is refused. */
export function parseEnvelope(bytes: Uint8Array): Result<Envelope, EnvelopeReject> {
  const cursor = new EnvelopeCursor(bytes);
  const keys = cursor.countOf(cborMajor.map, 2, "no map");
  const version = cursor.uint(keyOf.version, spec.version);
  const deviceId = cursor.deviceId(keyOf.deviceId);
  const proto = cursor.uint(keyOf.proto, fields.proto.max);
  const msgId = cursor.fixedBytes(keyOf.msgId, fields.msgId.bytes);
  const epochMs = cursor.int64(keyOf.epochMs);
  const seq = cursor.uint64(keyOf.seq);
  const monoMs = cursor.uint64(keyOf.monoMs);
  const geo = cursor.geo();
  const readings = cursor.readings();
  const metadata = cursor.metadata();
  const unsignedLength = cursor.position;
  const hash = cursor.fixedBytes(keyOf.hash, fields.hash.bytes);
  const signature = cursor.fixedBytes(keyOf.signature, fields.signature.bytes);
  if (version !== spec.version) cursor.fail("another version than 1");
  if (keys !== requiredKeys + (geo ? 1 : 0) + (metadata ? 1 : 0)) cursor.fail("keys that no envelope has");
  if (cursor.flaw === undefined && cursor.position === bytes.length && bytes.length <= spec.maxBytes) {
    const unsigned = new Uint8Array(unsignedLength);
    unsigned.set(bytes.subarray(0, unsignedLength));
    // Fewer than 24 keys: the first byte is the whole head of the map, and counts the two keys that U lacks.
    unsigned[0]! -= 2;
    // One literal: spread into another object, this would take twice as long as all the reading before it.
    // biome-ignore format: one line a group
    return accept({
      version, deviceId, proto, msgId, epochMs, seq, monoMs,
      geo, readings, metadata,
      unsigned, hash, signature,
    });
  }
  const decoded = decodeCbor(bytes, { bytes: spec.maxBytes });
  return decoded.ok ? refuse("SCHEMA_INVALID", cursor.flaw ?? "more keys than an envelope has") : decoded;
}

/** The 37 bytes that the signature covers: `MYCO1` ‖ hash. */
export function envelopeSignedText(hash: Uint8Array): Uint8Array {
  const text = new Uint8Array(signaturePrefix.length + hash.length);
  text.set(signaturePrefix);
  text.set(hash, signaturePrefix.length);
  return text;
}

export interface EnvelopeCrypto {
  /** BLAKE2b with a 32-byte digest, unkeyed. */
  readonly hash: (unsigned: Uint8Array) => Uint8Array;
  /** Ed25519 with the key that the device is enrolled with. */
  readonly verify: (signature: Uint8Array, signedText: Uint8Array) => boolean;
}

/** Are the hash and the signature those of the message as received? The hash is looked at first. */
export function checkEnvelope(
  envelope: Envelope,
  { hash, verify }: EnvelopeCrypto,
): Result<Envelope, "HASH_MISMATCH" | "SIGNATURE_INVALID"> {
  const computed = hash(envelope.unsigned);
  if (computed.length !== envelope.hash.length || computed.some((byte, at) => byte !== envelope.hash[at])) {
    return refuse("HASH_MISMATCH", "the hash is not BLAKE2b-256 of the message");
  }
  if (!verify(envelope.signature, envelopeSignedText(envelope.hash))) {
    return refuse("SIGNATURE_INVALID", "the signature is not that of the device's key");
  }
  return accept(envelope);
}

export type EnvelopeFields = Pick<Envelope, "deviceId" | "msgId" | "epochMs" | "seq" | "readings"> &
  Partial<Pick<Envelope, "proto" | "monoMs" | "geo" | "metadata">>;

/**
 * A signed message. `proto` defaults to "other", `monoMs` to 0. Ranges are not checked, as the devices' own encoder does
 * not: receivers must. @param sign over the signed text, 64 bytes @param hash BLAKE2b-256
 * @throws RangeError for numbers that CBOR integers cannot hold
 */
export function encodeEnvelope(
  fields: EnvelopeFields,
  sign: (signedText: Uint8Array) => Uint8Array,
  hash: (unsigned: Uint8Array) => Uint8Array,
): Uint8Array {
  const unsigned = encodeCbor(messageMap(spec.version, fields.msgId, fields));
  const digest = hash(unsigned);
  const tail = encodeCbor(
    new Map([
      [keyOf.hash, digest],
      [keyOf.signature, sign(envelopeSignedText(digest))],
    ]),
  ).subarray(1);
  const message = new Uint8Array(unsigned.length + tail.length);
  message.set(unsigned);
  message.set(tail, unsigned.length);
  message[0]! += 2;
  return message;
}

/** The map up to the hash. @param third value of key 3 */
export function messageMap(
  version: number,
  third: Uint8Array,
  fields: Omit<EnvelopeFields, "msgId">,
): Map<CborKey, CborValue> {
  const { deviceId, proto = transportCodes.other.code, epochMs, seq, monoMs = 0, geo, readings, metadata } = fields;
  const map = new Map<CborKey, CborValue>([
    [keyOf.version, version],
    [keyOf.deviceId, deviceId],
    [keyOf.proto, proto],
    [keyOf.msgId, third],
    [keyOf.epochMs, epochMs],
    [keyOf.seq, seq],
    [keyOf.monoMs, monoMs],
    [
      keyOf.readings,
      readings.map(({ sensor, vi, vs, unit, quality }) => new Map([sensor, vi, vs, unit, quality].entries())),
    ],
  ]);
  if (geo) {
    const { latE7, lonE7, accM } = geo;
    map.set(keyOf.geo, new Map([latE7, lonE7, ...(accM === undefined ? [] : [accM])].entries()));
  }
  if (metadata) map.set(keyOf.metadata, metadata);
  return map;
}
