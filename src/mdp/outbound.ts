/**
 * Frames to a board. Side-A 2.1.0 takes 0x0A and 0x0D for an end of line and throws away the frame they occur in
 * (wire-facts §4.1), so a frame is numbered, and its JSON padded, until its encoded bytes hold neither.
 */
import { mdp } from "../../protocol/spec.ts";
import { encodeMdpFrame, type MdpFields } from "../codec/mdp.ts";

export interface Outbound {
  readonly seq: number;
  readonly wire: Uint8Array;
}

type Unnumbered = Omit<MdpFields, "seq" | "rsv">;

const [lineFeed, carriageReturn] = mdp.forbiddenToSideA;

const seqsToTry = 16;
const padsToTry = 16;
const space = 0x20;

/**
 * Encode with the first number from `fromSeq` on that avoids the trap.
 * @param padTo JSON bodies may grow to this length by trailing spaces; 0 for a body that must stay as it is
 * @returns the frame; where nothing helps (an `ack` that itself holds such a byte), with the trap and the first number
 */
export function encodeOutbound(packet: Unnumbered, fromSeq: number, padTo: number): Outbound {
  // A signed body is what it is; who gets one reads frames, not lines.
  if (padTo === 0 && packet.body.some(isLineEnd)) return plainly(packet, fromSeq);
  const pads = Math.max(0, Math.min(padsToTry, padTo - packet.body.length));
  for (let pad = 0; pad <= pads; pad++) {
    const body = padded(packet.body, pad);
    let seq = fromSeq;
    for (let attempt = 0; attempt < seqsToTry; attempt++, seq++) {
      seq = withoutLineEnds(seq);
      const wire = encodeMdpFrame({ ...packet, seq, body });
      if (!wire.some(isLineEnd)) return { seq, wire };
    }
  }
  return plainly(packet, fromSeq);
}

function plainly(packet: Unnumbered, fromSeq: number): Outbound {
  const seq = withoutLineEnds(fromSeq);
  return { seq, wire: encodeMdpFrame({ ...packet, seq }) };
}

/** The first number from `seq` on with no line end in its four bytes; wraps to 1, since 0 means "none" in `ack`. */
function withoutLineEnds(seq: number): number {
  let clean = seq > 0xffff_ffff ? 1 : seq;
  for (let unit = 0x100_0000; unit >= 1; unit /= 0x100) {
    // Past the byte, all lower bytes start again at 0.
    if (isLineEnd(Math.floor(clean / unit) % 0x100)) clean = (Math.floor(clean / unit) + 1) * unit;
  }
  return clean;
}

function isLineEnd(byte: number): boolean {
  return byte === lineFeed || byte === carriageReturn;
}

function padded(body: Uint8Array, spaces: number): Uint8Array {
  if (spaces === 0) return body;
  const longer = new Uint8Array(body.length + spaces).fill(space);
  longer.set(body);
  return longer;
}
