/**
 * May this payload become a ledger entry, and as whose? Decode, check the hash, find the device, check the signature:
 * in this order, so that a message damaged on its way is called damaged, whatever its damaged fields now say.
 */
import { anchorLinks, chainedId, parseChained } from "../codec/chained.ts";
import { type Envelope, envelopeSignedText, parseEnvelope } from "../codec/envelope.ts";
import { decodePayload, type PayloadFormat } from "../dialects/index.ts";
import { maxEntryBytes } from "../ledger/types.ts";
import type { Device } from "../registry/device.ts";
import type { QuarantineReason } from "../rejects.ts";
import { accept, type Result, refuse } from "../result.ts";
import { envelopeRepeatKey, type RepeatKey, sampleRepeatKey } from "./repeat-key.ts";

/** A leaf holds more than the payload: ids, source and firmware of at most this much together. */
const leafOverheadBytes = 1024;
export const maxPayloadBytes = maxEntryBytes - leafOverheadBytes;

const none: readonly Uint8Array[] = [];

/** What is known of a payload besides its bytes; `Upload` and the batches of gateway/ingest both fit. */
export interface Claim {
  readonly format: PayloadFormat;
  readonly deviceId: string;
  readonly session: string;
  readonly trusted: boolean;
  /** The key epoch of the signature that proves this very message, where it was found to be proven by another one's. */
  readonly provenBy?: number;
}

export interface JudgePorts {
  readonly findDevice: (id: string) => Device | undefined;
  /** BLAKE2b with a 32-byte digest, unkeyed. */
  readonly hash: (bytes: Uint8Array) => Uint8Array;
  /** Ed25519, strict. */
  readonly verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
}

export interface Judged {
  readonly device: Device;
  /** The key epoch that verified it, or 0: attested. */
  readonly keyEpoch: number;
  readonly repeat: RepeatKey;
  /** Chained messages that are proven with this one. */
  readonly proves: readonly Uint8Array[];
}

export function judge(
  payload: Uint8Array,
  claim: Claim,
  receivedUs: number,
  ports: JudgePorts,
): Result<Judged, QuarantineReason> {
  if (payload.length > maxPayloadBytes)
    return refuse("TOO_LARGE", `${payload.length} bytes, a ledger entry takes ${maxPayloadBytes}`);
  if (claim.format === "envelope") return judgeEnvelope(payload, claim, receivedUs, ports);
  if (claim.format === "envelope-chained") return judgeChained(payload, claim, ports);
  return judgeUnsigned(payload, claim, ports);
}

function judgeEnvelope(
  payload: Uint8Array,
  claim: Claim,
  receivedUs: number,
  ports: JudgePorts,
): Result<Judged, QuarantineReason> {
  const parsed = parseEnvelope(payload);
  if (!parsed.ok) return parsed;
  const envelope = parsed.value;
  if (!equalBytes(ports.hash(envelope.unsigned), envelope.hash))
    return refuse("HASH_MISMATCH", "h is not BLAKE2b-256 of the message");
  const found = identify(envelope.deviceId, claim, ports);
  if (!found.ok) return found;
  const epoch = verifyingEpoch(envelope, found.value, receivedUs, ports);
  if (!epoch.ok) return epoch;
  const proves = found.value.sparseSigning ? anchorLinks(envelope.metadata) : none;
  return accept({ device: found.value, keyEpoch: epoch.value, repeat: envelopeRepeatKey(envelope), proves });
}

/** No transport is trusted so far that a chained message is believed on its own: it says that a signature will come. */
function judgeChained(payload: Uint8Array, claim: Claim, ports: JudgePorts): Result<Judged, QuarantineReason> {
  const parsed = parseChained(payload);
  if (!parsed.ok) return parsed;
  const { deviceId, seq, links } = parsed.value;
  const found = identify(deviceId, claim, ports);
  if (!found.ok) return found;
  if (!found.value.sparseSigning) return refuse("UNSIGNED", `${deviceId} is not allowed to sign sparsely`);
  if (claim.provenBy === undefined) return refuse("SIGNATURE_PENDING", "no signature has proven it yet");
  const repeat = envelopeRepeatKey({ seq, msgId: chainedId(ports.hash(payload)) });
  return accept({ device: found.value, keyEpoch: claim.provenBy, repeat, proves: links });
}

function judgeUnsigned(payload: Uint8Array, claim: Claim, ports: JudgePorts): Result<Judged, QuarantineReason> {
  const decoded = decodePayload(claim.format, payload);
  if (!decoded.ok) return decoded;
  const found = identify(decoded.value.claimedDeviceId, claim, ports);
  if (!found.ok) return found;
  // What the gateway says of a frame that it has stored is its own word, whatever brought the frame.
  if (!claim.trusted && claim.format !== "link")
    return refuse("UNSIGNED", `unsigned ${claim.format}, and policy trusts no unsigned message from there`);
  const repeat = sampleRepeatKey(decoded.value, claim.session);
  return accept({ device: found.value, keyEpoch: 0, repeat, proves: none });
}

function identify(
  claimed: string | undefined,
  claim: Claim,
  { findDevice }: JudgePorts,
): Result<Device, QuarantineReason> {
  if (claimed !== undefined && claimed !== claim.deviceId) {
    return refuse("TOPIC_MISMATCH", `message of ${claimed.slice(0, 64)} came as ${claim.deviceId}`);
  }
  const device = findDevice(claim.deviceId);
  if (!device) return refuse("UNKNOWN_DEVICE", `${claim.deviceId} is not enrolled`);
  if (device.revokedUs !== undefined) return refuse("DEVICE_REVOKED", `${claim.deviceId} is revoked`);
  return accept(device);
}

/** Newest key first: it is the one in use, and one check decides the common case. */
function verifyingEpoch(
  envelope: Envelope,
  { id, keys }: Device,
  receivedUs: number,
  { verify }: JudgePorts,
): Result<number, "SIGNATURE_INVALID" | "DEVICE_REVOKED"> {
  const text = envelopeSignedText(envelope.hash);
  for (let at = keys.length - 1; at >= 0; at--) {
    const { epoch, publicKey, validUntilUs } = keys[at]!;
    if (!verify(envelope.signature, text, publicKey)) continue;
    if (validUntilUs === undefined || receivedUs < validUntilUs) return accept(epoch);
    return refuse("DEVICE_REVOKED", `key epoch ${epoch} of ${id} is no longer valid`);
  }
  return refuse("SIGNATURE_INVALID", `none of the ${keys.length} keys of ${id} verifies it`);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
