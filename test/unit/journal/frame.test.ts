import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeFrameHeader,
  encodeFrameHeader,
  forEachEntry,
  frameCrcHolds,
  frameHeaderBytes,
  sliceBundle,
} from "../../../gateway/journal/frame.ts";

const salt = 0x5a17_5a17;
const arbitraryEntries = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 });

function bundleOf(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]));
}

function frameOf(
  entries: readonly Uint8Array[],
  fields: { control: boolean; firstLeaf: number; previousControl?: number },
): Buffer {
  const payload = bundleOf(entries);
  const header = encodeFrameHeader(
    {
      ...fields,
      count: entries.length,
      payloadBytes: payload.length,
      previousControl: fields.previousControl,
      previousCrc: 7,
    },
    // In pieces, as batches come.
    [payload.subarray(0, 1), payload.subarray(1)],
    salt,
  );
  return Buffer.concat([header, payload]);
}

describe("a frame", () => {
  test("reads back as it was written, to the largest leaf index", () => {
    for (const firstLeaf of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2]) {
      for (const previousControl of firstLeaf === 0 ? [undefined] : [undefined, 0, firstLeaf - 1]) {
        const frame = frameOf([Buffer.from("a")], {
          control: true,
          firstLeaf,
          ...(previousControl !== undefined && { previousControl }),
        });
        const header = decodeFrameHeader(frame, 0)!;
        expect(header).toMatchObject({
          firstLeaf,
          previousControl,
          control: true,
          count: 1,
          payloadBytes: 3,
          previousCrc: 7,
        });
        expect(frameCrcHolds(frame, 0, header, salt)).toBe(true);
      }
    }
  });

  test("with any bit flipped, or of another segment, is none", () => {
    const frame = frameOf([Buffer.from("entry"), Buffer.from("")], {
      control: false,
      firstLeaf: 300,
      previousControl: 12,
    });
    const holds = (bytes: Buffer, by = salt) => {
      const header = decodeFrameHeader(bytes, 0);
      const fits = header !== undefined && frameHeaderBytes + header.payloadBytes <= bytes.length;
      return fits && frameCrcHolds(bytes, 0, header, by);
    };
    expect(holds(frame)).toBe(true);
    expect(holds(frame, salt + 1)).toBe(false);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Buffer.from(frame);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(holds(flipped), `bit ${bit}`).toBe(false);
    }
  });

  test("is decoded or refused, whatever the bytes", () => {
    const magic = Buffer.from("MYCF");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(8), (bytes, offset) => {
        decodeFrameHeader(Buffer.from(bytes), offset);
        decodeFrameHeader(Buffer.concat([magic, bytes]), 0);
      }),
    );
  });
});

describe("a bundle", () => {
  test("is divided into its entries", () => {
    fc.assert(
      fc.property(arbitraryEntries, (entries) => {
        const visited: Uint8Array[] = [];
        expect(forEachEntry(bundleOf(entries), (entry, index) => (visited[index] = Uint8Array.from(entry)))).toBe(
          entries.length,
        );
        expect(visited).toEqual(entries.map((entry) => Uint8Array.from(entry)));
      }),
    );
  });

  test("whose lengths do not add up is told from one whose do", () => {
    const bundle = bundleOf([Buffer.from("abc"), Buffer.from("de")]);
    for (let length = 1; length < bundle.length; length++) {
      expect(forEachEntry(bundle.subarray(0, length), () => {})).toBe(length === 5 ? 1 : -1);
    }
  });

  test("is cut at entries", () => {
    fc.assert(
      fc.property(arbitraryEntries, fc.nat(), fc.nat(), (entries, a, b) => {
        const from = a % entries.length;
        const to = from + 1 + (b % (entries.length - from));
        expect(bundleOf(entries.slice(from, to)).equals(sliceBundle(bundleOf(entries), from, to))).toBe(true);
      }),
    );
  });
});
