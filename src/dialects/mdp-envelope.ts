/** A CBOR MycoEnvelope as body of MDP TELEMETRY, told from JSON by its first byte. Our addition to the wire, see docs/reference/protocol.md. */
import { mdp, mdpTypes } from "../../protocol/spec.ts";
import { deviceIdPattern } from "../registry/device.ts";
import type { FrameDialect } from "../serial/dialect.ts";

export const mdpEnvelope: FrameDialect = {
  name: "mdp-envelope",
  read({ type, body }) {
    const { firstByteMin, firstByteMax } = mdp.envelopeBody;
    const first = body[0] ?? 0;
    if (type !== mdpTypes.TELEMETRY || first < firstByteMin || first > firstByteMax) return undefined;
    const signedBy = claimedDeviceId(body);
    return { format: "envelope", payload: body, ...(signedBy !== undefined && { signedBy }) };
  },
};

/**
 * The device id of an envelope, read without decoding the rest: in deterministic encoding it follows version 1 at the
 * head of the map. Undefined where the bytes begin otherwise; whether the envelope is sound is for verification to say.
 */
export function claimedDeviceId(envelope: Uint8Array): string | undefined {
  const [, versionKey, version, deviceKey, head = 0, next = 0] = envelope;
  if (versionKey !== 0x00 || version !== 0x01 || deviceKey !== 0x01) return undefined;
  // RFC 8949 §3: text of up to 23 bytes has its length in the head, longer text in the byte after it.
  const [start, length] = head === 0x78 ? [6, next] : [5, head >= 0x60 && head <= 0x77 ? head - 0x60 : 0];
  const id = String.fromCharCode(...envelope.subarray(start, start + length));
  return id.length === length && deviceIdPattern.test(id) ? id : undefined;
}
