import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMdpFrame, encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { encodeOutbound } from "../../../src/mdp/outbound.ts";

const holdsLineEnd = (wire: Uint8Array): boolean => wire.includes(0x0a) || wire.includes(0x0d);
const command = (
  cmd: string,
  params: object = {},
): { type: number; ack: number; flags: number; src: number; dst: number; body: Uint8Array } => ({
  type: 2,
  ack: 0,
  flags: 1,
  src: 0xc0,
  dst: 0xa1,
  body: Buffer.from(JSON.stringify({ cmd, params })),
});

describe("frames to a board that takes line ends for the end of a command", () => {
  test("the trap is where the firmware has it: these numbers of read_sensors fail", () => {
    const failing = Array.from({ length: 299 }, (_, at) => at + 1).filter((seq) =>
      holdsLineEnd(encodeMdpFrame({ ...command("read_sensors"), seq })),
    );
    expect(failing).toEqual([10, 13, 40, 94, 203, 243, 266, 268, 269]);
  });

  test("a body that may not change and holds a line end is sent as it is, with the next number", () => {
    const body = Uint8Array.of(0xd2, 0x0a);
    expect(encodeOutbound({ ...command(""), body }, 9, 0)).toEqual({
      seq: 9,
      wire: encodeMdpFrame({ ...command(""), body, seq: 9 }),
    });
  });

  test("every one of those numbers is avoided", () => {
    for (const seq of [10, 13, 40, 94, 203, 243, 266, 268, 269]) {
      const outbound = encodeOutbound(command("read_sensors"), seq, 512);
      expect(holdsLineEnd(outbound.wire)).toBe(false);
      expect(outbound.seq).toBeGreaterThan(seq);
    }
  });

  test("any command from any number on is free of line ends, and says the same", () => {
    const arbSeq = fc.oneof(
      fc.nat({ max: 0xffff_ffff }),
      fc.constantFrom(0x0a, 0x0a00, 0x0aff, 0x0a0000, 0x0a000000, 0x0d0d0d0d, 0x0a0a0a0a, 0xffff_ffff, 0xffff_ffff + 1),
    );
    const arbParams = fc.dictionary(
      fc.string({ maxLength: 8 }),
      fc.oneof(fc.string({ maxLength: 40 }), fc.integer(), fc.boolean()),
      {
        maxKeys: 6,
      },
    );
    fc.assert(
      fc.property(arbSeq, fc.string({ maxLength: 20 }), arbParams, (seq, cmd, params) => {
        const packet = command(cmd, params);
        fc.pre(packet.body.length <= 500);
        const outbound = encodeOutbound(packet, seq, 512);
        expect(holdsLineEnd(outbound.wire)).toBe(false);
        const decoded = decodeMdpFrame(outbound.wire);
        expect(decoded).toMatchObject({ ok: true, value: { seq: outbound.seq, dst: 0xa1 } });
        expect(decoded.ok && JSON.parse(Buffer.from(decoded.value.body).toString())).toEqual({ cmd, params });
        expect(outbound.wire.length).toBeLessThan(540);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a body whose COBS code is a line end at every number is padded with spaces", () => {
    // The 254 bytes from the body's first block on, then nine more and the CRC: a last code byte of 0x0A or 0x0D.
    const lengths = Array.from({ length: 30 }, (_, at) => 240 + at);
    for (const length of lengths) {
      const packet = { ...command("x"), body: Buffer.alloc(length, "x") };
      expect(holdsLineEnd(encodeOutbound(packet, 1, 512).wire)).toBe(false);
    }
  });

  test("a hundred thousand numbers in a row: none repeats, none traps", () => {
    let last = 0;
    for (let count = 0; count < 100_000; count++) {
      const { seq, wire } = encodeOutbound(command("read_sensors"), last + 1, 512);
      if (seq <= last || holdsLineEnd(wire)) expect.unreachable(`number ${seq} after ${last}`);
      last = seq;
    }
  });

  test("an acknowledgement is numbered around the trap, and sent with it where its ack holds a line end itself", () => {
    const ack = { type: 3, flags: 2, src: 0xc0, dst: 0xa1, body: new Uint8Array(0) };
    expect(holdsLineEnd(encodeOutbound({ ...ack, ack: 9 }, 13, 0).wire)).toBe(false);
    expect(decodeMdpFrame(encodeOutbound({ ...ack, ack: 10 }, 14, 0).wire)).toMatchObject({
      ok: true,
      value: { ack: 10, seq: 14 },
    });
  });
});
