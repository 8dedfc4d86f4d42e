/** The payload of `{prefix}/{id}/mdp`: frames of a serial device, relayed by its host. */
import { decodeMdpFrame } from "../../../src/codec/mdp.ts";
import type { PayloadFormat } from "../../../src/dialects/index.ts";
import type { RejectReason } from "../../../src/rejects.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";

export type RelayedFrame =
  | { readonly format: PayloadFormat; readonly payload: Uint8Array }
  | { readonly reject: RejectReason };

/**
 * One element for each frame. Frames end with 0x00, the last one need not; empty ones between are idle line. A sound
 * frame of no dialect we read is handed on as generation B, which keeps it in quarantine with its bytes.
 */
export function relayedFrames(payload: Uint8Array): RelayedFrame[] {
  const frames: RelayedFrame[] = [];
  for (let start = 0; start < payload.length; ) {
    const delimiter = payload.indexOf(0, start);
    const end = delimiter < 0 ? payload.length : delimiter + 1;
    const wire = payload.subarray(start, end);
    if (wire.length > 1 || wire[0] !== 0) frames.push(relayedFrame(wire));
    start = end;
  }
  return frames.length > 0 ? frames : [{ reject: "FRAME_EMPTY" }];
}

function relayedFrame(wire: Uint8Array): RelayedFrame {
  const packet = decodeMdpFrame(wire);
  if (!packet.ok) return packet;
  for (const dialect of portDialects.auto.frames) {
    const message = dialect.read(packet.value, wire);
    if (message) return { format: message.format, payload: message.payload };
  }
  return { format: "mdp-b", payload: wire };
}
