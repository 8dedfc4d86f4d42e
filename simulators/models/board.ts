/** What unsigned boards have in common: frames and lines whose outcome on a trusted port is known. */
import { mdpEndpoints, mdpFlags } from "../../protocol/spec.ts";
import { encodeMdpFrame, type MdpFields } from "../../src/codec/mdp.ts";
import type { Random } from "../random.ts";
import type { Outgoing } from "./model.ts";

type FrameFields = Pick<MdpFields, "type"> & Partial<Pick<MdpFields, "ack" | "flags" | "src" | "dst" | "body">>;

/** Numbers and frames what one side of a board sends; numbering starts again with the board. */
export class FrameWriter {
  readonly #src: number;
  #seq = 0;

  constructor(src: number = mdpEndpoints.SIDE_A) {
    this.#src = src;
  }

  get seq(): number {
    return this.#seq;
  }

  reset(): void {
    this.#seq = 0;
  }

  wire(fields: FrameFields): Uint8Array {
    return encodeMdpFrame({ src: this.#src, dst: mdpEndpoints.GATEWAY, ...fields, seq: ++this.#seq });
  }

  /** A message that is stored as the frame it came in. */
  stored(fields: FrameFields): Outgoing {
    const bytes = this.wire(fields);
    return { bytes, expect: ["stored"], again: ["duplicate"], evidence: [bytes], signed: false };
  }

  /** A frame that only acknowledges, which is no message. */
  acknowledgement(ack: number): Outgoing {
    const flags = mdpFlags.IS_ACK | mdpFlags.ACK_REQUESTED;
    return { bytes: this.wire({ type: 3, ack, flags }), expect: [], again: [], evidence: [], signed: false };
  }
}

export function jsonBody(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** One bit of a frame's inside: still one COBS frame, whose CRC is wrong. */
export function corruptFrame({ bytes, signed }: Outgoing, random: Random): Outgoing {
  const codes = new Set<number>();
  for (let at = 0; bytes[at] !== 0; at += bytes[at]!) codes.add(at);
  const damaged = bytes.slice();
  for (;;) {
    // Not the header, by which a frame is recognised.
    const at = 20 + random.below(bytes.length - 21);
    const value = bytes[at]! ^ (1 << random.below(8));
    if (codes.has(at) || value === 0 || value === lineFeed || value === carriageReturn) continue;
    if (bytes[at] === lineFeed || bytes[at] === carriageReturn) continue;
    damaged[at] = value;
    const expect = ["rejected FRAME_CRC_MISMATCH"] as const;
    return { bytes: damaged, expect, again: expect, evidence: [], signed };
  }
}

/** @param numbered it carries a counter, by which a repeat is recognised */
export function storedLine(text: string, { numbered = false } = {}): Outgoing {
  const again = numbered ? "duplicate" : "stored";
  const bytes = new TextEncoder().encode(`${text}\r\n`);
  return { bytes, expect: ["stored"], again: [again], evidence: [bytes.subarray(0, -2)], signed: false };
}

/** Text for people. */
export function textLine(text: string): Outgoing {
  const expect = ["rejected TEXT_LINE"] as const;
  return { bytes: new TextEncoder().encode(`${text}\r\n`), expect, again: expect, evidence: [], signed: false };
}

/** Cut off, or with another line in its middle, as deployed boards do. wire-facts §6 */
export function brokenLines(first: string, second: string, random: Random): Outgoing[] {
  // Within a word: what is left of the line does not begin like one, nor with a space.
  const places = [...first.matchAll(/[a-z0-9]{2}/g)].map(({ index }) => index + 1);
  const cut = places[Math.floor(places.length * random.between(0.3, 0.9))]!;
  const head = first.slice(0, cut);
  if (random.chance(0.5)) {
    const expect = ["rejected LINE_BROKEN"] as const;
    return [{ bytes: encoded(`${head}\r\n`), expect, again: expect, evidence: [], signed: false }];
  }
  const inner = encoded(second);
  return [
    {
      bytes: encoded(`${head}${second}\r\n${first.slice(cut)}\r\n`),
      expect: ["rejected LINE_BROKEN", "stored", "rejected TEXT_LINE"],
      again: ["rejected LINE_BROKEN", "stored", "rejected TEXT_LINE"],
      evidence: [inner],
      signed: false,
    },
  ];
}

export function rounded(value: number, places: number): number {
  return Number(value.toFixed(places));
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
