/** One decoder for each payload format: bytes as received → who, when, and the values. All are pure and total. */
import type { Sample } from "../reading.ts";
import type { QuarantineReason } from "../rejects.ts";
import type { Result } from "../result.ts";
import { decodeChainedSample, decodeEnvelopeSample } from "./envelope.ts";
import { decodeFciJson } from "./fci-json.ts";
import { decodeEnvelopeJson, decodeTelemetryJson } from "./json-message.ts";
import { decodeLineBoot } from "./line-boot.ts";
import { decodeLineBsec2 } from "./line-bsec2.ts";
import { decodeLineField } from "./line-field.ts";
import { decodeLineJson } from "./line-json.ts";
import { decodeLineLoraGateway } from "./line-lora-gateway.ts";
import { decodeLineMorgio } from "./line-morgio.ts";
import { decodeLineProduction } from "./line-production.ts";
import { decodeLineScienceComms } from "./line-sciencecomms.ts";
import { decodeLink } from "./link.ts";
import { decodeMavlink } from "./mavlink.ts";
import { decodeMdpA } from "./mdp-a.ts";
import { decodeMdpB } from "./mdp-b.ts";
import { decodeMdpDrone } from "./mdp-drone.ts";
import { decodeMdpWifisense } from "./mdp-wifisense.ts";

export type PayloadDecoder = (payload: Uint8Array) => Result<Sample, QuarantineReason>;

const decoders = {
  /** MycoEnvelope v1 as deterministic CBOR, signed. */
  envelope: decodeEnvelopeSample,
  /** A message of a sparsely signed chain. With a key epoch, an earlier entry of the device links to it. */
  "envelope-chained": decodeChainedSample,
  /** MycoEnvelope as the verbose JSON object; what its hash covers is undefined, so it counts as unsigned. */
  "envelope-json": decodeEnvelopeJson,
  /** `{pack or readings, msgId?, seq?, ts?}` */
  "telemetry-json": decodeTelemetryJson,
  /** One whole MDP v1 frame as on the wire (COBS, CRC, delimiter): of a generation-A board, */
  "mdp-a": decodeMdpA,
  /** of a generation-B board, */
  "mdp-b": decodeMdpB,
  /** of a drone, type 08 or 09, */
  "mdp-drone": decodeMdpDrone,
  /** of Wi-Fi sensing, type 07. */
  "mdp-wifisense": decodeMdpWifisense,
  /** How the frame of another entry was received by radio, as the gateway states it. */
  link: decodeLink,
  /** Whole MAVLink 2 frames of one system and component, one after another. */
  mavlink: decodeMavlink,
  /** One line of text without its end, by the firmware that prints it. */
  "line-boot": decodeLineBoot,
  "line-production": decodeLineProduction,
  "line-bsec2": decodeLineBsec2,
  "line-sciencecomms": decodeLineScienceComms,
  "line-morgio": decodeLineMorgio,
  "line-field": decodeLineField,
  "line-lora-gateway": decodeLineLoraGateway,
  "line-json": decodeLineJson,
  /** One message of the fungal computer interface. */
  "fci-json": decodeFciJson,
} as const satisfies Record<string, PayloadDecoder>;

/** How a payload is to be read; kept in the ledger entry so that readers need no guess. A name never gets a new meaning. */
export type PayloadFormat = keyof typeof decoders;

export const payloadFormats = Object.keys(decoders) as readonly PayloadFormat[];

export function decodePayload(format: PayloadFormat, payload: Uint8Array): Result<Sample, QuarantineReason> {
  return decoders[format](payload);
}

export function isPayloadFormat(text: string): text is PayloadFormat {
  return Object.hasOwn(decoders, text);
}
