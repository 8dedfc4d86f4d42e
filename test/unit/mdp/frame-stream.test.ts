import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mdp } from "../../../protocol/spec.ts";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { FrameStream, type StreamItem } from "../../../src/mdp/frame-stream.ts";
import { arbFrame, arbStream, inPieces } from "../../support/mdp-arbitrary.ts";

const text = (value: string): Buffer => Buffer.from(value, "utf8");
const frame = (seq: number, body = ""): Buffer =>
  Buffer.from(encodeMdpFrame({ type: 1, seq, src: 0xa1, dst: 0xc0, body: text(body) }));

/** Frames by their seq, text as it is, broken runs by their reason. */
function summary(items: readonly StreamItem[]): (number | string)[] {
  return items.map((item) => {
    if (item.kind === "frame") return item.packet.seq;
    return item.kind === "text" ? item.line : item.reason;
  });
}

const read = (...parts: readonly Uint8Array[]): (number | string)[] =>
  summary(new FrameStream().push(Buffer.concat(parts)));

describe("a byte stream from a board", () => {
  test("frames come out whole however the bytes are cut into pieces", () => {
    fc.assert(
      fc.property(fc.array(arbFrame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 300 })), (frames, sizes) => {
        const stream = new FrameStream();
        const items = inPieces(Buffer.concat(frames), sizes).flatMap((piece) => stream.push(piece));
        expect(items.map((item) => item.kind === "frame" && Buffer.from(item.wire).toString("hex"))).toEqual(
          frames.map((wire) => Buffer.from(wire).toString("hex")),
        );
      }),
    );
  });

  test("any bytes give the same items however they are cut into pieces", () => {
    fc.assert(
      fc.property(arbStream, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (bytes, sizes) => {
        const stream = new FrameStream();
        const pieces = inPieces(bytes, sizes).flatMap((piece) => stream.push(piece));
        expect(summary(pieces)).toEqual(summary(new FrameStream().push(bytes)));
      }),
      { numRuns: 500 },
    );
  });

  test("after any bytes, a delimiter and a frame give that frame", () => {
    fc.assert(
      fc.property(arbStream, (noise) => {
        expect(read(noise, Uint8Array.of(0), frame(77, "{}")).at(-1)).toBe(77);
      }),
    );
  });

  test("a frame after lines of text is found, and the lines are text", () => {
    expect(read(text("AMB T=21.5°C\r\n\x1b[32mok\x1b[0m\n"), frame(1), text('{"ts_ms":1}\r\n'), frame(2))).toEqual([
      "AMB T=21.5°C",
      "\x1b[32mok\x1b[0m",
      1,
      '{"ts_ms":1}',
      2,
    ]);
  });

  test("lines of text are told at once, without waiting for a frame", () => {
    expect(read(text("boot\r\nready\r\nhalf a li"))).toEqual(["boot", "ready"]);
  });

  test("a frame whose own bytes hold line ends is still one frame", () => {
    for (const seq of [10, 13, 0x0a0d, 0x0d0a0d0a]) {
      expect(read(text("x\n"), frame(seq, "a\nb\r\nc"), frame(3))).toEqual(["x", seq, 3]);
    }
  });

  test("a frame whose first code byte is a line end is found behind text", () => {
    // Nine bytes before the first zero: code 0x0A. Twelve: 0x0D.
    const lineFeedFirst = encodeMdpFrame({ type: 1, seq: 0x01010101, ack: 1, src: 0xa1, dst: 0xc0 });
    const returnFirst = encodeMdpFrame({ type: 1, seq: 0x01010101, ack: 0x01010101, src: 0xa1, dst: 0xc0 });
    expect([lineFeedFirst[0], returnFirst[0]]).toEqual([0x0a, 0x0d]);
    for (const wire of [lineFeedFirst, returnFirst]) {
      for (const before of ["", "x", "x\n", "x\r\n", "\n\n"]) {
        expect(read(text(before), wire).at(-1)).toBe(0x01010101);
      }
    }
  });

  test("a frame glued to noise, or to the beginning of a frame that was cut off by a reboot, is found", () => {
    expect(read(Uint8Array.of(0xff, 0x13, 0x80), frame(5))).toEqual(["FRAME_COBS_INVALID", 5]);
    expect(read(frame(4, "something long").subarray(0, 20), frame(5))).toEqual(["FRAME_COBS_INVALID", 5]);
    expect(read(frame(4, "something long").subarray(0, 20), text("\r\nrst:0x1\r\n"), frame(5)).at(-1)).toBe(5);
  });

  test("a frame that lost its delimiter is not lost", () => {
    expect(read(frame(4).subarray(0, -1), frame(5))).toEqual([4, 5]);
  });

  test("a broken frame is counted once, by its own reason, and not as text", () => {
    const broken = frame(9, "telemetry\nof two lines");
    broken[30]! ^= 0x20;
    expect(read(text("hello\n"), broken, frame(10))).toEqual(["hello", "FRAME_CRC_MISMATCH", 10]);
    expect(read(Uint8Array.of(2, 7, 0))).toEqual(["FRAME_TOO_SHORT"]);
    expect(read(Uint8Array.of(9, 7, 0))).toEqual(["FRAME_COBS_INVALID"]);
  });

  test("delimiters with nothing between them are an idle line", () => {
    expect(read(new Uint8Array(500), frame(1), new Uint8Array(3))).toEqual([1]);
  });

  test("a run without a delimiter is counted once as too long, and the frame after it is read", () => {
    const endless = new Uint8Array(5 * mdp.maxFrameBytes).fill(0x91);
    expect(read(endless, Uint8Array.of(0), frame(1))).toEqual(["FRAME_TOO_LONG", 1]);
    expect(read(frame(2).subarray(0, -1), endless, frame(1))).toEqual(["FRAME_TOO_LONG", 1]);
  });

  test("a line longer than any frame is one line, and a frame glued to it is read", () => {
    const line = JSON.stringify({ type: "telemetry", note: "é".repeat(1500) });
    expect(read(text(`${line}\n`), frame(1))).toEqual([line, 1]);
    expect(read(text(line), frame(2))).toEqual([line, 2]);
    expect(read(text("x".repeat(20_000)), Uint8Array.of(0x0a), frame(3)).at(-1)).toBe(3);
  });

  test("text goes on after a broken line without waiting for a delimiter", () => {
    expect(read(text("one\n"), Uint8Array.of(0xc3, 0x28, 0x0a), text("two\nthree\n"))).toEqual([
      "one",
      "FRAME_COBS_INVALID",
      "two",
      "three",
    ]);
  });

  test("bytes made to look like headers cost no more than a few decodes a frame", () => {
    const hostile = new Uint8Array(40 * mdp.maxFrameBytes);
    for (let at = 0; at < hostile.length; at++) hostile[at] = at % 1500 === 1499 ? 0 : at % 2 === 0 ? 0x5a : 0xa1;
    const items = new FrameStream().push(hostile);
    expect(new Set(items.map(({ kind }) => kind))).toEqual(new Set(["broken"]));
    expect(items.length).toBeLessThan(45);
  });
});
