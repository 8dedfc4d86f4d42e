/** MycoEnvelope v1 and chained messages as CBOR: their readings. Whether they are genuine is judged at ingest. */
import { blake2b } from "@noble/hashes/blake2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { chainedId, looksChained, parseChained } from "../codec/chained.ts";
import { type EnvelopeReject, parseEnvelope } from "../codec/envelope.ts";
import type { Sample } from "../reading.ts";
import { accept, type Result } from "../result.ts";

/** Which of the two these bytes are, if they are either. */
export function envelopeFormat(bytes: Uint8Array): "envelope" | "envelope-chained" {
  return looksChained(bytes) ? "envelope-chained" : "envelope";
}

/** Whether a message of this format is answered by a signed receipt. */
export function isEnvelope(format: string): boolean {
  return format === "envelope" || format === "envelope-chained";
}

export function decodeEnvelopeSample(payload: Uint8Array): Result<Sample, EnvelopeReject> {
  const parsed = parseEnvelope(payload);
  if (!parsed.ok) return parsed;
  const { deviceId, msgId, seq, epochMs, geo, readings } = parsed.value;
  return accept({ claimedDeviceId: deviceId, msgId: bytesToHex(msgId), seq, epochMs, ...(geo && { geo }), readings });
}

export function decodeChainedSample(payload: Uint8Array): Result<Sample, EnvelopeReject> {
  const parsed = parseChained(payload);
  if (!parsed.ok) return parsed;
  const { deviceId, seq, epochMs, geo, readings } = parsed.value;
  const msgId = bytesToHex(chainedId(blake2b(payload, { dkLen: 32 })));
  return accept({ claimedDeviceId: deviceId, msgId, seq, epochMs, ...(geo && { geo }), readings });
}
