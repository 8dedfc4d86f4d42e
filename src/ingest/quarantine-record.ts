/**
 * The records of the quarantine log, as deterministic CBOR arrays: `[1, reason, detail, received_us, device, format,
 * source, session, transport, size, bytes]` begins an item, `[2, bytes]` continues one that is too long for one record,
 * `[3, id, what]` ends one.
 */
import { decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { isPayloadFormat } from "../dialects/index.ts";
import { type QuarantineReason, quarantineReasons } from "../rejects.ts";
import { type Transport, transports, type Upload } from "./upload.ts";

/** Room for the other elements of a record within the 65 535 bytes of a log entry. */
const chunkBytes = 60_000;

export interface QuarantineItemRecord {
  readonly reason: QuarantineReason;
  readonly detail: string;
  readonly receivedUs: number;
  /** The first part of the payload; the rest is in the records that follow. */
  readonly upload: Upload;
  readonly sizeBytes: number;
}

export type QuarantineRecord =
  | ({ readonly kind: "item" } & QuarantineItemRecord)
  | { readonly kind: "more"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly id: number; readonly what: "removed" | "released" };

/** One item as consecutive records; more than one only for a payload over 60 000 bytes. */
export function itemRecords({
  upload,
  receivedUs,
  reason,
  detail,
}: Omit<QuarantineItemRecord, "sizeBytes">): Uint8Array[] {
  const { payload, deviceId, format, source, session = "", transport } = upload;
  const first = payload.subarray(0, chunkBytes);
  const head = [
    1,
    reason,
    detail.slice(0, 512),
    receivedUs,
    deviceId,
    format,
    source,
    session,
    transport,
    payload.length,
    first,
  ];
  const records = [encodeCbor(head)];
  for (let at = chunkBytes; at < payload.length; at += chunkBytes) {
    records.push(encodeCbor([2, payload.subarray(at, at + chunkBytes)]));
  }
  return records;
}

export function endRecord(id: number, what: "removed" | "released"): Uint8Array {
  return encodeCbor([3, id, what]);
}

/** @returns undefined for bytes that are no record of ours */
export function decodeQuarantineRecord(bytes: Uint8Array): QuarantineRecord | undefined {
  const decoded = decodeCbor(bytes);
  const item = decoded.ok ? decoded.value : undefined;
  if (!Array.isArray(item)) return undefined;
  if (item[0] === 1 && item.length === 11) return itemRecord(item);
  if (item[0] === 2 && item[1] instanceof Uint8Array) return { kind: "more", bytes: item[1] };
  if (item[0] === 3 && typeof item[1] === "number" && (item[2] === "removed" || item[2] === "released")) {
    return { kind: "end", id: item[1], what: item[2] };
  }
  return undefined;
}

function itemRecord(item: readonly unknown[]): QuarantineRecord | undefined {
  const [, reason, detail, receivedUs, deviceId, format, source, session, transport, sizeBytes, payload] = item;
  const valid =
    typeof reason === "string" &&
    isReason(reason) &&
    typeof detail === "string" &&
    typeof receivedUs === "number" &&
    typeof deviceId === "string" &&
    typeof format === "string" &&
    isPayloadFormat(format) &&
    typeof source === "string" &&
    typeof session === "string" &&
    typeof transport === "string" &&
    isTransport(transport) &&
    typeof sizeBytes === "number" &&
    payload instanceof Uint8Array;
  if (!valid) return undefined;
  return {
    kind: "item",
    reason,
    detail,
    receivedUs,
    sizeBytes,
    upload: { payload, deviceId, format, source, session, transport },
  };
}

function isReason(text: string): text is QuarantineReason {
  return Object.hasOwn(quarantineReasons, text);
}

function isTransport(text: string): text is Transport {
  return (transports as readonly string[]).includes(text);
}
