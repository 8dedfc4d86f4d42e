/** A CBOR MycoEnvelope or chained message as body of MDP TELEMETRY, told from JSON by its first byte. Our addition to the wire, see docs/reference/protocol.md. */
import { mdp, mdpTypes } from "../../protocol/spec.ts";
import { looksChained } from "../codec/chained.ts";
import { deviceIdPattern } from "../registry/device.ts";
import type { FrameDialect } from "../serial/dialect.ts";
import { envelopeFormat } from "./envelope.ts";

export const mdpEnvelope: FrameDialect = {
  name: "mdp-envelope",
  read({ type, body }) {
    const { firstByteMin, firstByteMax } = mdp.envelopeBody;
    const first = body[0] ?? 0;
    if (type !== mdpTypes.TELEMETRY || first < firstByteMin || first > firstByteMax) return undefined;
    const signedBy = claimedDeviceId(body);
    return { format: envelopeFormat(body), payload: body, ...(signedBy !== undefined && { signedBy }) };
  },
};

/**
 * The device id of an envelope or chained message, read without decoding the rest: in deterministic encoding it follows
 * the version at the head of the map. Undefined where the bytes begin otherwise; whether the envelope is sound is for verification to say.
 */
export function claimedDeviceId(envelope: Uint8Array): string | undefined {
  const isVersion1 = envelope[1] === 0x00 && envelope[2] === 0x01;
  if (!isVersion1 && !looksChained(envelope)) return undefined;
  const at = isVersion1 ? 3 : 4;
  const [deviceKey, head = 0, next = 0] = envelope.subarray(at);
  if (deviceKey !== 0x01) return undefined;
  // RFC 8949 §3: text of up to 23 bytes has its length in the head, longer text in the byte after it.
  const [start, length] = head === 0x78 ? [at + 3, next] : [at + 2, head >= 0x60 && head <= 0x77 ? head - 0x60 : 0];
  const id = String.fromCharCode(...envelope.subarray(start, start + length));
  return id.length === length && deviceIdPattern.test(id) ? id : undefined;
}
