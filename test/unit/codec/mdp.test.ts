import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mdp } from "../../../protocol/spec.ts";
import { decodeCobs, encodeCobs } from "../../../src/codec/cobs.ts";
import { crc16 } from "../../../src/codec/crc16.ts";
import { decodeMdpFrame, encodeMdpFrame, type MdpFields } from "../../../src/codec/mdp.ts";
import { arbFields } from "../../support/mdp-arbitrary.ts";
import { ownVectors } from "../../support/shared-vectors.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const run = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => 1 + (index % 255));

test("CRC-16/CCITT-FALSE of 123456789 is 0x29B1", () => {
  expect(crc16(ascii("123456789"))).toBe(mdp.crc.check);
  expect(crc16(ascii("x123456789y"), 1, 10)).toBe(mdp.crc.check);
});

describe("COBS", () => {
  test.each([
    [0, 1],
    [1, 2],
    [253, 254],
    [254, 256],
    [255, 257],
    [508, 511],
  ])("%i bytes without a zero take %i, as the field's encoders do it", (length, encoded) => {
    expect(encodeCobs(run(length)).length).toBe(encoded);
  });

  test("254 bytes without a zero are followed by an empty block, and a zero after them by one more", () => {
    expect([...encodeCobs(run(254)).subarray(-1)]).toEqual([1]);
    expect([...encodeCobs(Uint8Array.of(...run(254), 0)).subarray(-2)]).toEqual([1, 1]);
  });

  test("the shortest form, without the empty last block, decodes to the same", () => {
    expect(decodeCobs(encodeCobs(run(254)).subarray(0, -1))).toEqual(run(254));
    expect(decodeCobs(encodeCobs(run(508)).subarray(0, -1))).toEqual(run(508));
  });

  test.each(["", "00", "0200", "0102000101", "05112233", "02", "ff01"])("%s is refused", (encoded) => {
    expect(decodeCobs(hex(encoded))).toBeUndefined();
  });

  test("every byte string comes back, and its encoding has no zero", () => {
    const arbBytes = fc
      .array(
        fc.oneof(
          fc.uint8Array({ maxLength: 20 }),
          fc.integer({ min: 250, max: 260 }).map(run),
          fc.constant(new Uint8Array(3)),
        ),
      )
      .map((parts) => new Uint8Array(Buffer.concat(parts)));
    fc.assert(
      fc.property(arbBytes, (bytes) => {
        const encoded = encodeCobs(bytes);
        expect(encoded.includes(0)).toBe(false);
        expect(decodeCobs(encoded)).toEqual(bytes);
      }),
    );
  });
});

describe("MDP frames", () => {
  const published = [
    [
      "a binary command",
      "065aa10102070101010101010401c0a102040202050101ae7300",
      2,
      7,
      0,
      1,
      0xc0,
      0xa1,
      hex("040002000101"),
    ],
    [
      "a JSON command",
      "065aa10102070101010101010401c0a1257b22636d64223a22726561645f73656e736f7273222c22706172616d73223a7b7d7d582000",
      2,
      7,
      0,
      1,
      0xc0,
      0xa1,
      ascii('{"cmd":"read_sensors","params":{}}'),
    ],
    ["an acknowledgement", "065aa10103090101020701010402b1c003ccaa00", 3, 9, 7, 2, 0xb1, 0xc0, new Uint8Array(0)],
    [
      "a command result",
      "065aa101050c0101020701010103a1b102010204020405fdff1f1f00",
      5,
      12,
      7,
      0,
      0xa1,
      0xb1,
      hex("010004000400fdff"),
    ],
    [
      "a JSON refusal",
      "065aa10103150101020701010404a1c0307b2273756363657373223a66616c73652c226d657373616765223a22756e6b6e6f776e5f636f6d6d616e64227d3da100",
      3,
      21,
      7,
      4,
      0xa1,
      0xc0,
      ascii('{"success":false,"message":"unknown_command"}'),
    ],
  ] as const;

  test.each(published)("%s, as the firmware's codec makes it", (_, frame, type, seq, ack, flags, src, dst, body) => {
    expect(hexOf(encodeMdpFrame({ type, seq, ack, flags, src, dst, body }))).toBe(frame);
    for (const bytes of [hex(frame), hex(frame).subarray(0, -1)]) {
      expect(decodeMdpFrame(bytes)).toMatchObject({
        ok: true,
        value: { type, seq, ack, flags, src, dst, rsv: 0, body },
      });
    }
  });

  test.each(ownVectors<{ name: string; packet: string; frame: string }[]>("mdp-frames.json"))(
    "$name, from a device",
    ({ packet, frame }) => {
      const decoded = decodeMdpFrame(hex(frame));
      if (!decoded.ok) throw new Error(decoded.detail);
      expect(hexOf(decoded.value.packet)).toBe(packet);
      expect(hexOf(decoded.value.body)).toBe(packet.slice(32));
      expect(hexOf(encodeMdpFrame(decoded.value))).toBe(frame);
    },
  );

  type Golden = MdpFields & { name: string; packet: string; frame: string; body: string; reject: string };
  const golden = ownVectors<{ accepted: Golden[]; rejected: Golden[] }>("golden-mdp.json");

  test.each(golden.accepted)("golden: $name", ({ packet, frame, type, seq, ack, flags, src, dst, body }) => {
    expect(hexOf(encodeMdpFrame({ type, seq, ack, flags, src, dst, body: hex(body) }))).toBe(frame);
    const decoded = decodeMdpFrame(hex(frame));
    expect(decoded).toMatchObject({
      ok: true,
      value: { type, seq, ack, flags, src, dst, body: hex(body), packet: hex(packet) },
    });
  });

  test.each(golden.rejected)("golden: $name is $reject", ({ frame, reject }) => {
    expect(decodeMdpFrame(hex(frame))).toMatchObject({ ok: false, reject });
  });

  test("every packet comes back from its frame", () => {
    fc.assert(
      fc.property(arbFields, (fields) => {
        const decoded = decodeMdpFrame(encodeMdpFrame(fields));
        expect(decoded.ok && { ...decoded.value, body: hexOf(decoded.value.body), packet: undefined }).toEqual({
          ...fields,
          body: hexOf(fields.body),
          packet: undefined,
        });
      }),
    );
  });

  test("a frame with a changed byte is never taken for the packet it was", () => {
    fc.assert(
      fc.property(arbFields, fc.nat(), fc.integer({ min: 1, max: 255 }), (fields, where, change) => {
        const frame = encodeMdpFrame(fields);
        const at = where % (frame.length - 1);
        const before = decodeMdpFrame(frame);
        const after = decodeMdpFrame(frame.with(at, frame[at]! ^ change));
        expect(after.ok && before.ok && hexOf(after.value.packet) === hexOf(before.value.packet)).toBe(false);
      }),
    );
  });

  test("any bytes give a packet or a typed refusal", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const decoded = decodeMdpFrame(bytes);
        expect(decoded.ok || decoded.reject.startsWith("FRAME_")).toBe(true);
      }),
    );
  });

  test("what does not fit the header or a packet is refused to encode", () => {
    const fields = { type: 1, seq: 1, src: 0xa1, dst: 0xc0 };
    expect(() => encodeMdpFrame({ ...fields, seq: 2 ** 32 })).toThrow(RangeError);
    expect(() => encodeMdpFrame({ ...fields, flags: 256 })).toThrow(RangeError);
    expect(() => encodeMdpFrame({ ...fields, body: new Uint8Array(1007) })).toThrow(RangeError);
    expect(encodeMdpFrame({ ...fields, body: run(1006) }).length).toBeLessThanOrEqual(mdp.maxFrameBytes);
  });
});
