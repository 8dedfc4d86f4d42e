/** One decoder for each payload format: bytes as received → who, when, and the values. All are pure and total. */
import type { Sample } from "../reading.ts";
import type { QuarantineReason } from "../rejects.ts";
import type { Result } from "../result.ts";
import { decodeEnvelopeSample } from "./envelope.ts";
import { decodeEnvelopeJson, decodeTelemetryJson } from "./json-message.ts";
import { decodeMavlink } from "./mavlink.ts";
import { decodeMdpB } from "./mdp-b.ts";

export type PayloadDecoder = (payload: Uint8Array) => Result<Sample, QuarantineReason>;

const decoders = {
  /** MycoEnvelope v1 as deterministic CBOR, signed. */
  envelope: decodeEnvelopeSample,
  /** MycoEnvelope as the verbose JSON object; what its hash covers is undefined, so it counts as unsigned. */
  "envelope-json": decodeEnvelopeJson,
  /** `{pack or readings, msgId?, seq?, ts?}` */
  "telemetry-json": decodeTelemetryJson,
  /** One whole MDP v1 frame as on the wire (COBS, CRC, delimiter) of a generation-B board. */
  "mdp-b": decodeMdpB,
  /** Whole MAVLink 2 frames of one system and component, one after another. */
  mavlink: decodeMavlink,
} as const satisfies Record<string, PayloadDecoder>;

/** How a payload is to be read; kept in the ledger entry so that readers need no guess. A name never gets a new meaning. */
export type PayloadFormat = keyof typeof decoders;

export function decodePayload(format: PayloadFormat, payload: Uint8Array): Result<Sample, QuarantineReason> {
  return decoders[format](payload);
}

export function isPayloadFormat(text: string): text is PayloadFormat {
  return Object.hasOwn(decoders, text);
}
