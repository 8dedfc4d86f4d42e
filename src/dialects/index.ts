/** One decoder for each payload format: bytes as received → who, when, and the values. All are pure and total. */
import type { PayloadFormat } from "../ingest/upload.ts";
import type { Sample } from "../reading.ts";
import type { QuarantineReason } from "../rejects.ts";
import type { Result } from "../result.ts";
import { decodeEnvelopeSample } from "./envelope.ts";
import { decodeEnvelopeJson, decodeTelemetryJson } from "./json-message.ts";
import { decodeMdpB } from "./mdp-b.ts";

export type PayloadDecoder = (payload: Uint8Array) => Result<Sample, QuarantineReason>;

const decoders: Record<PayloadFormat, PayloadDecoder> = {
  envelope: decodeEnvelopeSample,
  "envelope-json": decodeEnvelopeJson,
  "telemetry-json": decodeTelemetryJson,
  "mdp-b": decodeMdpB,
};

export function decodePayload(format: PayloadFormat, payload: Uint8Array): Result<Sample, QuarantineReason> {
  return decoders[format](payload);
}

export function isPayloadFormat(text: string): text is PayloadFormat {
  return Object.hasOwn(decoders, text);
}
