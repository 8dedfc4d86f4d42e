/** MDP packets and byte streams for properties. */
import fc from "fast-check";
import { encodeMdpFrame, type MdpFields } from "../../src/codec/mdp.ts";

const u32 = fc.nat({ max: 0xffff_ffff });
const u8 = fc.nat({ max: 0xff });
const arbBody = fc.uint8Array({ maxLength: 600 });

export const arbFields: fc.Arbitrary<MdpFields> = fc.record({
  type: fc.oneof(fc.integer({ min: 1, max: 9 }), u8),
  seq: fc.oneof(fc.integer({ min: 0, max: 40 }), u32),
  ack: fc.oneof(fc.integer({ min: 0, max: 40 }), u32),
  flags: fc.oneof(fc.integer({ min: 0, max: 7 }), u8),
  src: fc.oneof(fc.constantFrom(0xa1, 0xb1, 0xc0), u8),
  dst: fc.constantFrom(0xa1, 0xb1, 0xc0),
  rsv: fc.constant(0),
  body: fc.oneof(
    arbBody,
    fc.json().map((text) => Buffer.from(text).subarray(0, 900)),
  ),
});

export const arbFrame: fc.Arbitrary<Uint8Array> = arbFields.map((fields) => encodeMdpFrame(fields));

/** Frames, text and noise in any order, noise possibly glued to what follows. */
export const arbStream: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      arbFrame,
      arbFrame.chain((frame) => fc.nat({ max: frame.length }).map((end) => frame.subarray(0, end))),
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: "grapheme", maxLength: 60 }).map((text) => Buffer.from(`${text}\r\n`)),
      fc.constantFrom(
        Uint8Array.of(0),
        Uint8Array.of(0x0a),
        Uint8Array.of(0x5a, 0xa1),
        new Uint8Array(1600).fill(0x41),
        new Uint8Array(9000).fill(0x42),
        Buffer.from(`${"é".repeat(1500)}\n`),
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts));

/** The same bytes in pieces. */
export function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0, at = 0; start < bytes.length; at++) {
    const size = sizes.length === 0 ? bytes.length : sizes[at % sizes.length]!;
    pieces.push(bytes.subarray(start, start + size));
    start += size;
  }
  return pieces;
}
