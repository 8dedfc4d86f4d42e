/** The two JSON messages of the field: the verbose envelope and the simplified telemetry. wire-facts §7.5, §9.1. */
import { type Decimal, decimalOf } from "../codec/decimal.ts";
import type { ArrayReading, Reading, Sample } from "../reading.ts";
import { accept, type Refusal, type Result, refuse } from "../result.ts";

type JsonReject = "NOT_WELL_FORMED" | "SCHEMA_INVALID";
type JsonObject = { readonly [key: string]: unknown };

const maxReadings = 4096;
const maxArrayLength = 4096;
const maxTextLength = 256;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** `{hdr:{deviceId, msgId}, ts:{utc, ms?}, seq, pack:[{id, v, u}]}`; its hash and signature cover no defined bytes and are not read. */
export function decodeEnvelopeJson(payload: Uint8Array): Result<Sample, JsonReject> {
  const parsed = parseObject(payload);
  if (!parsed.ok) return parsed;
  const message = parsed.value;
  const hdr = message.hdr;
  if (!isObject(hdr)) return refuse("SCHEMA_INVALID", "hdr is not an object");
  if (typeof hdr.deviceId !== "string") return refuse("SCHEMA_INVALID", "hdr.deviceId is not text");
  if (!isShortText(hdr.msgId)) return refuse("SCHEMA_INVALID", "hdr.msgId is not text");
  if (!isCounter(message.seq)) return refuse("SCHEMA_INVALID", "seq is not a whole number");
  return sampleOf(message, message.pack, { claimedDeviceId: hdr.deviceId, msgId: hdr.msgId, seq: message.seq });
}

/** `{pack or readings:[{id, v, u, q?}], msgId?, seq?, ts?:{utc}}`; the sender is named by the topic alone. Ours: `v` may be an array. */
export function decodeTelemetryJson(payload: Uint8Array): Result<Sample, JsonReject> {
  const parsed = parseObject(payload);
  if (!parsed.ok) return parsed;
  const { msgId, seq, pack, readings } = parsed.value;
  if (msgId !== undefined && !isShortText(msgId)) return refuse("SCHEMA_INVALID", "msgId is not text");
  if (seq !== undefined && !isCounter(seq)) return refuse("SCHEMA_INVALID", "seq is not a whole number");
  return sampleOf(parsed.value, pack ?? readings, { claimedDeviceId: undefined, msgId, seq });
}

function sampleOf(
  message: JsonObject,
  pack: unknown,
  header: Pick<Sample, "claimedDeviceId" | "msgId" | "seq">,
): Result<Sample, JsonReject> {
  if (!Array.isArray(pack)) return refuse("SCHEMA_INVALID", "pack is not an array");
  if (pack.length > maxReadings) return refuse("SCHEMA_INVALID", `pack has ${pack.length} readings`);
  const readings: Reading[] = [];
  const arrays: ArrayReading[] = [];
  for (const [index, item] of pack.entries()) {
    const reading = readingOf(item, index);
    if (!reading.ok) return reading;
    if ("values" in reading.value) arrays.push(reading.value);
    else readings.push(reading.value);
  }
  return accept({ ...header, epochMs: epochMsOf(message.ts), readings, ...(arrays.length > 0 && { arrays }) });
}

/** `v` is a number, a boolean, or an array of numbers; the ingestor's `{vi, vs}` pair is taken where it is given, because it is exact. */
function readingOf(item: unknown, index: number): Result<Reading | ArrayReading, "SCHEMA_INVALID"> {
  const bad = (what: string): Refusal<"SCHEMA_INVALID"> => refuse("SCHEMA_INVALID", `pack[${index}]: ${what}`);
  if (!isObject(item)) return bad("not an object");
  const { id, v, vi, vs, u, q } = item;
  if (!isShortText(id) && !isCode(id)) return bad("id is neither text nor a code");
  const unit = u ?? "";
  if (unit !== "" && !isShortText(unit) && !isCode(unit)) return bad("u is neither text nor a code");
  if (q !== undefined && q !== 0 && q !== 1 && q !== 2) return bad("q is not 0, 1 or 2");
  if (Array.isArray(v)) {
    const values = decimalsOf(v);
    return values ? accept({ sensor: id, unit, quality: q ?? 0, values }) : bad("v is no array of numbers in range");
  }
  const exact = Number.isSafeInteger(vi) && isCode(vs) && vs <= 9;
  const decimal = exact ? { vi: vi as number, vs } : decimalOf(typeof v === "boolean" ? Number(v) : (v as number));
  if (!decimal || !(exact || typeof v === "number" || typeof v === "boolean")) return bad("v is not a number in range");
  return accept({ sensor: id, vi: decimal.vi, vs: decimal.vs, unit, quality: q ?? 0 });
}

function decimalsOf(numbers: readonly unknown[]): readonly Decimal[] | undefined {
  if (numbers.length === 0 || numbers.length > maxArrayLength) return undefined;
  const decimals = numbers.map((number) => (typeof number === "number" ? decimalOf(number) : undefined));
  return decimals.every((decimal) => decimal !== undefined) ? decimals : undefined;
}

/** `ts.ms`, or `ts.utc` as ISO 8601 or epoch seconds in text; anything else is a device without a clock. */
function epochMsOf(ts: unknown): number | undefined {
  if (!isObject(ts)) return undefined;
  if (Number.isSafeInteger(ts.ms)) return ts.ms as number;
  if (typeof ts.utc !== "string") return undefined;
  const ms = /^\d+(\.\d+)?$/.test(ts.utc) ? Number(ts.utc) * 1000 : Date.parse(ts.utc);
  return Number.isFinite(ms) ? Math.round(ms) : undefined;
}

function parseObject(payload: Uint8Array): Result<JsonObject, JsonReject> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(payload));
  } catch {
    return refuse("NOT_WELL_FORMED", "not JSON text in UTF-8");
  }
  return isObject(value) ? accept(value) : refuse("SCHEMA_INVALID", "not a JSON object");
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isShortText(value: unknown): value is string {
  // PostgreSQL's text cannot hold U+0000, and no id needs control characters.
  return typeof value === "string" && value.length > 0 && value.length <= maxTextLength && !/\p{Cc}/u.test(value);
}

function isCounter(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCode(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff;
}
