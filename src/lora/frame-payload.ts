/** What is inside a radio frame: a signed envelope or a chained message, an MDP frame, or simplified telemetry as JSON. */
import { mdp } from "../../protocol/spec.ts";
import { decodeMdpFrame } from "../codec/mdp.ts";
import { envelopeFormat } from "../dialects/envelope.ts";
import type { PayloadFormat } from "../dialects/index.ts";
import { claimedDeviceId } from "../dialects/mdp-envelope.ts";
import { portDialects } from "../serial/port-dialects.ts";

export interface FramePayload {
  readonly format: PayloadFormat;
  readonly payload: Uint8Array;
  /** Whose signature it claims to carry. */
  readonly signedBy?: string | undefined;
}

const brace = 0x7b;

/** What is none of them goes on as an MDP frame, which keeps it aside with its bytes. */
export function framePayload(data: Uint8Array): FramePayload {
  const first = data[0] ?? 0;
  const { firstByteMin, firstByteMax } = mdp.envelopeBody;
  const packet = decodeMdpFrame(data);
  if (packet.ok) {
    for (const dialect of portDialects.auto.frames) {
      const message = dialect.read(packet.value, data);
      if (message) return message;
    }
    return { format: "mdp-b", payload: data };
  }
  if (first >= firstByteMin && first <= firstByteMax)
    return { format: envelopeFormat(data), payload: data, signedBy: claimedDeviceId(data) };
  return { format: first === brace ? "telemetry-json" : "mdp-b", payload: data };
}
