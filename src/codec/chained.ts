/**
 * Chained messages: envelopes without a signature that name the messages before them by hash, so that one signature at
 * the end proves all that it leads to. docs/adr/0097
 */
import { chained as spec } from "../../protocol/spec.ts";
import { accept, type Result, refuse } from "../result.ts";
import { decodeCbor } from "./cbor-reader.ts";
import { type CborKey, type CborValue, cborMajor } from "./cbor-value.ts";
import { encodeCbor } from "./cbor-writer.ts";
import { type Envelope, type EnvelopeFields, type EnvelopeReject, messageMap } from "./envelope.ts";
import { EnvelopeCursor, type EnvelopeMetadata, keyOf } from "./envelope-cursor.ts";

export interface ChainedMessage
  extends Pick<Envelope, "deviceId" | "proto" | "epochMs" | "seq" | "monoMs" | "geo" | "readings" | "metadata"> {
  /** Ids of messages sent before, 16 bytes each: views into the message. */
  readonly links: readonly Uint8Array[];
}

/** A map whose first key is the version, in two bytes: no envelope begins so. The rest may be anything. */
const head = [keyOf.version, 0x18, spec.version];
const requiredKeys = 8;

export function looksChained(bytes: Uint8Array): boolean {
  return head.every((byte, at) => bytes[at + 1] === byte);
}

/** Total; as strict as `decodeCbor`, which decides the reason where a message is refused. */
export function parseChained(bytes: Uint8Array): Result<ChainedMessage, EnvelopeReject> {
  const cursor = new EnvelopeCursor(bytes);
  const keys = cursor.countOf(cborMajor.map, 2, "no map");
  const version = cursor.uint(keyOf.version, spec.version);
  const deviceId = cursor.deviceId(keyOf.deviceId);
  const proto = cursor.uint(keyOf.proto, 0xff);
  const links = splitLinks(cursor.someBytes(keyOf.msgId));
  const epochMs = cursor.int64(keyOf.epochMs);
  const seq = cursor.uint64(keyOf.seq);
  const monoMs = cursor.uint64(keyOf.monoMs);
  const geo = cursor.geo();
  const readings = cursor.readings();
  const metadata = cursor.metadata();
  if (version !== spec.version) cursor.fail("no chained message");
  if (links === undefined) cursor.fail(`links that are not up to ${spec.maxLinks} times ${spec.linkBytes} bytes`);
  if (keys !== requiredKeys + (geo ? 1 : 0) + (metadata ? 1 : 0)) cursor.fail("keys that no chained message has");
  if (links && cursor.flaw === undefined && cursor.position === bytes.length && bytes.length <= spec.maxBytes)
    return accept({ deviceId, proto, links, epochMs, seq, monoMs, geo, readings, metadata });
  const decoded = decodeCbor(bytes, { bytes: spec.maxBytes });
  return decoded.ok ? refuse("SCHEMA_INVALID", cursor.flaw ?? "more keys than a chained message has") : decoded;
}

/** Message id of a chained message, which is also the link to it. @param hash BLAKE2b-256 of the message as received */
export function chainedId(hash: Uint8Array): Uint8Array {
  return hash.subarray(0, spec.linkBytes);
}

/** What a signed envelope proves besides itself; nothing unless its metadata say so in the form of the protocol. */
export function anchorLinks(metadata: EnvelopeMetadata | undefined): readonly Uint8Array[] {
  const value = metadata?.get(spec.anchorKey);
  return (value instanceof Uint8Array && splitLinks(value)) || [];
}

export function encodeChained(fields: Omit<EnvelopeFields, "msgId">, links: readonly Uint8Array[]): Uint8Array {
  return encodeCbor(messageMap(spec.version, joinLinks(links), fields));
}

/** Metadata that make an anchor of the envelope that is signed with them. */
export function anchorMetadata(
  links: readonly Uint8Array[],
  others: EnvelopeMetadata = new Map<CborKey, CborValue>(),
): EnvelopeMetadata {
  return new Map([...others, [spec.anchorKey, joinLinks(links)]]);
}

function joinLinks(links: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(links.length * spec.linkBytes);
  links.forEach((link, index) => {
    joined.set(link, index * spec.linkBytes);
  });
  return joined;
}

function splitLinks(bytes: Uint8Array): Uint8Array[] | undefined {
  const count = bytes.length / spec.linkBytes;
  if (!Number.isInteger(count) || count > spec.maxLinks) return undefined;
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * spec.linkBytes, (at + 1) * spec.linkBytes));
}
