/** Envelopes as firmware-shim/test/codec-driver.c is told of them, and the vectors that every codec has to agree on. */
import { readFileSync } from "node:fs";
import { encodeCbor } from "../../src/codec/cbor.ts";
import { type Envelope, type EnvelopeFields, parseEnvelope } from "../../src/codec/envelope.ts";

/** firmware-shim/include/myco/status.h */
export const statusOf: Readonly<Record<string, number>> = {
  NOT_WELL_FORMED: -10,
  NOT_DETERMINISTIC: -11,
  SCHEMA_INVALID: -12,
  HASH_MISMATCH: -13,
  SIGNATURE_INVALID: -14,
  FRAME_EMPTY: -20,
  FRAME_TOO_LONG: -21,
  FRAME_COBS_INVALID: -22,
  FRAME_CRC_MISMATCH: -23,
  FRAME_TOO_SHORT: -24,
  FRAME_BAD_MAGIC: -25,
  FRAME_BAD_VERSION: -26,
};
interface EnvelopeVector {
  readonly name?: string;
  readonly publicKey: string;
  readonly seed: string;
  readonly cbor: string;
}
export const vectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../protocol/vectors/${name}.json`, import.meta.url), "utf8"));
const fieldEnvelopes = vectors<EnvelopeVector[]>("envelopes");
const golden = vectors<{
  accepted: EnvelopeVector[];
  rejected: { name: string; reject: string; publicKey: string; cbor: string }[];
}>("golden-envelopes");
export const envelopeVectors = { accepted: [...fieldEnvelopes, ...golden.accepted], rejected: golden.rejected };

export function parsed(cbor: string): Envelope {
  const result = parseEnvelope(Buffer.from(cbor, "hex"));
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

/** The fields as the test program writes them. */
export function fieldsOf({
  deviceId,
  proto = 5,
  msgId,
  epochMs,
  seq,
  monoMs = 0,
  geo,
  readings,
  metadata,
}: EnvelopeFields): string {
  const hex = (data: string | Uint8Array): string => Buffer.from(data as string).toString("hex");
  const code = (value: number | string): string => (typeof value === "number" ? String(value) : `t${hex(value)}`);
  const position = geo ? [geo.latE7, geo.lonE7, ...(geo.accM === undefined ? [] : [geo.accM])].join(",") : "-";
  const values = readings.map(
    ({ sensor, vi, vs, unit, quality }) => `${code(sensor)}:${vi}:${vs}:${code(unit)}:${quality}`,
  );
  const rest = [metadata ? hex(encodeCbor(metadata)) : "-", values.length > 0 ? values.join(",") : "-"];
  return [hex(deviceId), proto, hex(msgId), epochMs, seq, monoMs, position, ...rest].join(" ");
}
