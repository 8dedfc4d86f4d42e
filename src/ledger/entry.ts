/**
 * Leaves as bytes: deterministic CBOR, see types.ts for the layouts. Reading leaves are written by hand into the caller's
 * buffer, because every message passes here; everything else goes through the general codec.
 */
import { decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { isPayloadFormat } from "../dialects/index.ts";
import { accept, type Result, refuse } from "../result.ts";
import { decodeSeal, looksLikeSeal } from "./seal.ts";
import { tombstoneIn } from "./tombstone.ts";
import type { EventEntry, LedgerEntry, ReadingEntry } from "./types.ts";

/** First array element: what kind of leaf it is. 2 is the block seal, signed and therefore wrapped: see seal.ts. 0 is no leaf: see tombstone.ts. */
const kindReading = 1;
const kindEvent = 3;

const utf8 = new TextEncoder();

/** An upper bound of the bytes that `writeReadingEntry` writes. */
export function readingEntryBound({ payload, deviceId, format, source, firmware }: ReadingEntry): number {
  return 64 + payload.length + 3 * (deviceId.length + format.length + source.length + firmware.length);
}

/** Write `[1, payload, received_us, key_epoch, device, format, source, firmware]` at `at`. @returns the offset after it */
export function writeReadingEntry(out: Uint8Array, at: number, entry: ReadingEntry): number {
  out[at++] = 0x88;
  out[at++] = kindReading;
  at = writeHead(out, at, 0x40, entry.payload.length);
  out.set(entry.payload, at);
  at = writeHead(out, at + entry.payload.length, 0x00, entry.receivedUs);
  at = writeHead(out, at, 0x00, entry.keyEpoch);
  at = writeText(out, at, entry.deviceId);
  at = writeText(out, at, entry.format);
  at = writeText(out, at, entry.source);
  return writeText(out, at, entry.firmware);
}

export function encodeEntry(entry: ReadingEntry | EventEntry): Uint8Array {
  if (entry.kind === "event") return encodeCbor([kindEvent, entry.type, entry.receivedUs, entry.body]);
  const out = new Uint8Array(readingEntryBound(entry));
  return out.subarray(0, writeReadingEntry(out, 0, entry));
}

/** Whether a leaf can be an event at all: an array of four that begins with 3. Cheap, for who looks for the few among the many. @param start of the leaf */
export function looksLikeEvent(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === 0x84 && bytes[start + 1] === kindEvent;
}

/** Total: any bytes give an entry or a refusal. A kind of a later version is refused by its number. */
export function decodeEntry(bytes: Uint8Array): Result<LedgerEntry, "ENTRY_INVALID"> {
  if (looksLikeSeal(bytes)) {
    const sealed = decodeSeal(bytes);
    return sealed.ok ? accept({ kind: "seal", ...sealed.value.seal }) : refuse("ENTRY_INVALID", sealed.detail);
  }
  const tombstone = tombstoneIn(bytes);
  if (tombstone !== undefined) return accept({ kind: "removed", ...tombstone });
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return refuse("ENTRY_INVALID", decoded.detail);
  const item = decoded.value;
  if (!Array.isArray(item)) return refuse("ENTRY_INVALID", "not an array");
  if (item[0] === kindReading) return readingEntry(item);
  if (item[0] === kindEvent) return eventEntry(item);
  return refuse("ENTRY_INVALID", `kind ${String(item[0])} is not known`);
}

function readingEntry(item: readonly unknown[]): Result<ReadingEntry, "ENTRY_INVALID"> {
  const [, payload, receivedUs, keyEpoch, deviceId, format, source, firmware] = item;
  const valid =
    item.length === 8 &&
    payload instanceof Uint8Array &&
    isUint(receivedUs) &&
    isUint(keyEpoch) &&
    typeof deviceId === "string" &&
    typeof format === "string" &&
    isPayloadFormat(format) &&
    typeof source === "string" &&
    typeof firmware === "string";
  if (!valid) return refuse("ENTRY_INVALID", "a reading leaf with wrong elements");
  return accept({ kind: "reading", payload, receivedUs, keyEpoch, deviceId, format, source, firmware });
}

function eventEntry(item: readonly unknown[]): Result<EventEntry, "ENTRY_INVALID"> {
  const [, type, receivedUs, body] = item;
  const valid = item.length === 4 && typeof type === "string" && isUint(receivedUs) && body instanceof Map;
  if (!valid) return refuse("ENTRY_INVALID", "an event leaf with wrong elements");
  return accept({ kind: "event", type, receivedUs, body });
}

/** Times and epochs: numbers that stay exact. */
function isUint(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

function writeText(out: Uint8Array, at: number, text: string): number {
  // Ids, formats and sources are ASCII; the length of anything else is known only after encoding it.
  const { written } = utf8.encodeInto(text, out.subarray(at + 9));
  const start = writeHead(out, at, 0x60, written);
  out.copyWithin(start, at + 9, at + 9 + written);
  return start + written;
}

/** RFC 8949 §3: major type and shortest argument. @param value 0 … 2^53 − 1 */
function writeHead(out: Uint8Array, at: number, major: number, value: number): number {
  if (value < 24) {
    out[at++] = major | value;
    return at;
  }
  const sizeCode = value < 0x100 ? 0 : value < 0x1_0000 ? 1 : value < 0x1_0000_0000 ? 2 : 3;
  out[at++] = major | (24 + sizeCode);
  let rest = value;
  const size = 1 << sizeCode;
  for (let byte = size - 1; byte >= 0; byte--) {
    out[at + byte] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + size;
}
