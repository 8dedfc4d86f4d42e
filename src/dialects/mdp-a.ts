/**
 * Generation A, the binary router: telemetry as text that is not valid JSON or as a packed structure, and results of
 * commands. Its "signature" is the Base64 of its own hash, so nothing of it is ever verified. wire-facts §3.4–§3.6.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { mdp, mdpTypes, units } from "../../protocol/spec.ts";
import { decimalOfText } from "../codec/decimal.ts";
import { decodeMdpFrame, type MdpFields } from "../codec/mdp.ts";
import type { ArrayReading, Reading, Sample } from "../reading.ts";
import { accept, type Refusal, type Result, refuse } from "../result.ts";
import type { CommandResult, FrameDialect, Hello } from "../serial/dialect.ts";
import { type ExactJson, type ExactObject, NumberText, parseExactJson } from "./exact-json.ts";
import { fieldAt, sensorOf } from "./fields.ts";
import { counterAt, isShortText, objectAt, textAt } from "./json-fields.ts";
import { type PackedField, packedReadings, viewOf } from "./packed.ts";

type MdpAReject = "NOT_WELL_FORMED" | "SCHEMA_INVALID" | "HASH_MISMATCH";

interface Message {
  readonly readings: readonly Reading[];
  readonly arrays?: readonly ArrayReading[];
  readonly epochMs?: number | undefined;
  readonly hello?: Hello;
  readonly result?: CommandResult;
}

/** @param frame one whole frame as on the wire, with or without its delimiter */
export function decodeMdpA(frame: Uint8Array): Result<Sample, MdpAReject> {
  const packet = decodeMdpFrame(frame);
  if (!packet.ok) return refuse("NOT_WELL_FORMED", `no MDP frame: ${packet.detail}`);
  const read = readerOf(packet.value);
  if (!read) return refuse("SCHEMA_INVALID", `MDP type ${packet.value.type} is no generation-A message of a board`);
  const message = read(packet.value.body);
  if (!message.ok) return message;
  const { readings, arrays, epochMs } = message.value;
  // `deviceId` is a constant of the firmware and `msgId` is seq once more, so neither takes part in telling messages apart.
  const header = { claimedDeviceId: undefined, msgId: undefined, seq: packet.value.seq, epochMs };
  return accept({ ...header, readings, ...(arrays && { arrays }) });
}

export const mdpA: FrameDialect = {
  name: "mdp-a",
  read(packet, wire) {
    const message = readerOf(packet)?.(packet.body);
    if (!message) return undefined;
    // It claims to be one, so it goes on as one, and ingest says what is wrong with it.
    if (!message.ok) return { format: "mdp-a", payload: wire };
    const { hello, result } = message.value;
    const optional = { ...(hello && { hello }), ...(result && { result }) };
    // There is no HELLO in this generation.
    return { format: "mdp-a", payload: wire, fromBoard: true, sayAll: true, ...optional };
  },
};

type Reader = (body: Uint8Array) => Result<Message, MdpAReject>;

function readerOf({ type, body }: MdpFields): Reader | undefined {
  if (type === mdpTypes.EVENT) return isResult(body) ? readResult : undefined;
  if (type !== mdpTypes.TELEMETRY) return undefined;
  if (body.length === legacy.bytes && viewOf(body).getUint16(0, true) === mdp.magic) return readLegacy;
  return startsWith(body, textStart) ? readText : undefined;
}

const latin1 = new TextDecoder("latin1");
const textStart = new TextEncoder().encode('{"hdr":');
const hashMark = ',"hash":"';
const tail = /^,"hash":"sha256:([0-9a-f]{64})","sig":"ed25519:[A-Za-z0-9+/]{43}="\}?$/;

/** `{hdr, ts, seq, pack, meta}` and then, outside of the object, `,"hash":"sha256:…","sig":"ed25519:…"`. */
function readText(body: Uint8Array): Result<Message, MdpAReject> {
  // One character a byte, so that places in the text are places in the body.
  const text = latin1.decode(body);
  const at = text.lastIndexOf(hashMark);
  if (at === -1) return refuse("NOT_WELL_FORMED", "no hash behind the object");
  const hashed = body.subarray(0, at);
  const object = parseExactJson(hashed);
  const stated = tail.exec(text.slice(at))?.[1];
  if (stated === undefined) return refuse("NOT_WELL_FORMED", "hash and signature are not what this firmware writes");
  if (bytesToHex(sha256(hashed)) !== stated) return refuse("HASH_MISMATCH", "hash is not SHA-256 of what precedes it");
  if (!object.ok) return object;
  return object.value instanceof Map ? textMessage(object.value) : invalid("not a JSON object");
}

function textMessage(object: ExactObject): Result<Message, "SCHEMA_INVALID"> {
  const pack = object.get("pack");
  if (!Array.isArray(pack)) return invalid("pack is not an array");
  const readings: Reading[] = [];
  const ts = objectAt(object, "ts");
  const uptimeMs = ts && counterAt(ts, "mono_ms");
  if (uptimeMs !== undefined) readings.push({ ...named("mono_ms"), vi: uptimeMs, vs: 3, unit: units.s.code });
  for (const item of pack as readonly ExactJson[]) {
    const reading = item instanceof Map ? packed(item) : undefined;
    if (!reading) return invalid("pack holds something else than id, v and u");
    readings.push(reading);
  }
  const role = textAt(objectAt(object, "hdr") ?? new Map(), "device_role") ?? "";
  return accept({ readings, epochMs: ts && epochMsOf(ts), hello: { deviceId: undefined, role, firmware: "" } });
}

function packed(item: ExactObject): Reading | undefined {
  const [id, v, u] = ["id", "v", "u"].map((key) => item.get(key));
  if (!isShortText(id) || id === "" || !(v instanceof NumberText) || !isShortText(u)) return undefined;
  const decimal = decimalOfText(v.text);
  return decimal && { ...named(id), ...decimal, unit: units[u as keyof typeof units]?.code ?? u };
}

function named(id: string): Pick<Reading, "sensor" | "quality"> {
  return { sensor: sensorOf(fieldAt([id]).field?.sensor ?? id, undefined), quality: 0 };
}

/** Seconds since 1970 as decimal text; near zero, and then left out by whoever files the reading, without a clock. */
function epochMsOf(ts: ExactObject): number | undefined {
  const text = textAt(ts, "utc");
  return text !== undefined && /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Math.round(Number(text) * 1000) : undefined;
}

/** The older form: a structure of 188 bytes that repeats magic, version and type. Offsets in the body. */
const legacy = {
  bytes: 188,
  fields: [
    { at: 8, type: "u32", sensor: "uptime", unit: "s", places: 3 },
    ...[1, 2, 3, 4].map((n) => ({
      at: 10 + 2 * n,
      type: "u16" as const,
      sensor: `analog_${n}_raw`,
      unit: "count" as const,
    })),
    ...[1, 2, 3, 4].map((n) => ({ at: 16 + 4 * n, type: "f32" as const, sensor: `analog_${n}`, unit: "V" as const })),
    ...[1, 2, 3].map((n) => ({ at: 35 + n, type: "u8" as const, sensor: `output_${n}`, unit: "bool" as const })),
  ] satisfies readonly PackedField[],
  buses: 4,
  countAt: 40,
  addressesAt: 44,
  addressesEach: 16,
} as const;

function readLegacy(body: Uint8Array): Result<Message, "SCHEMA_INVALID"> {
  const { fields, buses, countAt, addressesAt, addressesEach } = legacy;
  if (body[2] !== mdp.version || body[3] !== mdpTypes.TELEMETRY)
    return invalid("the header in the body is another one");
  const arrays: ArrayReading[] = [];
  for (let bus = 0; bus < buses; bus++) {
    const count = body[countAt + bus]!;
    if (count > addressesEach) return invalid(`${count} addresses on an I2C bus of ${addressesEach}`);
    const start = addressesAt + bus * addressesEach;
    const values = Array.from(body.subarray(start, start + count), (vi) => ({ vi, vs: 0 }));
    if (count > 0) arrays.push({ sensor: `i2c_addresses.${bus}`, unit: "", quality: 0, values });
  }
  return accept({ readings: packedReadings(body, fields), ...(arrays.length > 0 && { arrays }) });
}

const { result } = mdp;
const words: Readonly<Record<number, string>> = {
  0: "ok",
  [-1]: "unknown_command",
  [-2]: "data_too_short",
  [-3]: "bad_index",
};

function isResult(body: Uint8Array): boolean {
  if (body.length < result.data.at) return false;
  const view = viewOf(body);
  return (
    view.getUint16(result.evtType.at, true) === result.evtType.value &&
    view.getUint16(result.evtLen.at, true) === result.evtLen.value
  );
}

/** It names the command's number and not its seq, so which command it answers is for the one who sent it to say. */
function readResult(body: Uint8Array): Result<Message, never> {
  const view = viewOf(body);
  const [cmdId, status] = [view.getUint16(result.cmdId.at, true), view.getInt16(result.status.at, true)];
  const message = words[status] ?? `status ${status}`;
  return accept({ readings: [], result: { success: status === 0, message, cmdId } });
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}

function invalid(detail: string): Refusal<"SCHEMA_INVALID"> {
  return refuse("SCHEMA_INVALID", detail);
}
