/** MycoEnvelope v1 as CBOR: the readings of a signed message. Whether it is genuine is judged at ingest. */
import { bytesToHex } from "@noble/hashes/utils.js";
import { type EnvelopeReject, parseEnvelope } from "../codec/envelope.ts";
import type { Sample } from "../reading.ts";
import { accept, type Result } from "../result.ts";

export function decodeEnvelopeSample(payload: Uint8Array): Result<Sample, EnvelopeReject> {
  const parsed = parseEnvelope(payload);
  if (!parsed.ok) return parsed;
  const { deviceId, msgId, seq, epochMs, geo, readings } = parsed.value;
  return accept({ claimedDeviceId: deviceId, msgId: bytesToHex(msgId), seq, epochMs, ...(geo && { geo }), readings });
}
