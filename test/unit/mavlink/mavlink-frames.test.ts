/** MAVLink frames against an independent implementation, the package node-mavlink. */
import fc from "fast-check";
import { common, MavLinkPacketSignature, MavLinkProtocolV1, MavLinkProtocolV2, minimal } from "node-mavlink";
import { expect, test } from "vitest";
import { sensorCode } from "../../../protocol/names.ts";
import { decimalText } from "../../../src/codec/decimal.ts";
import { decodeMavlink } from "../../../src/dialects/mavlink.ts";
import { encodeMavlinkFrame, type MavlinkFrame, readMavlinkFrame } from "../../../src/mavlink/frame.ts";
import { MavlinkSplitter } from "../../../src/mavlink/frame-splitter.ts";
import { isSignedWith, SignatureClock } from "../../../src/mavlink/signature.ts";

const protocol = new MavLinkProtocolV2(7, 1);
/** Its frames announce a signature, which `sign` then appends. */
const announcing = new MavLinkProtocolV2(7, 1, MavLinkProtocolV2.IFLAG_SIGNED);

function position(writer = protocol): Buffer {
  const message = new common.GlobalPositionInt();
  Object.assign(message, {
    lat: 327_157_000,
    lon: -1_171_611_000,
    alt: 123_456,
    relativeAlt: 20_500,
    vx: -150,
    hdg: 9_000,
  });
  Object.assign(message, { timeBootMs: 5_000, vy: 0, vz: 25 });
  return writer.serialize(message, 11);
}

function heartbeat(): Buffer {
  const message = new minimal.Heartbeat();
  Object.assign(message, { type: 2, autopilot: 3, baseMode: 0x81, customMode: 4, systemStatus: 4, mavlinkVersion: 3 });
  return protocol.serialize(message, 12);
}

function attitude(): Buffer {
  const message = new common.Attitude();
  Object.assign(message, {
    timeBootMs: 1,
    roll: 0.1,
    pitch: -0.25,
    yaw: Number.NaN,
    rollspeed: 0,
    pitchspeed: 0,
    yawspeed: 0,
  });
  return protocol.serialize(message, 13);
}

const framesOf = (bytes: Uint8Array): MavlinkFrame[] => {
  const splitter = new MavlinkSplitter();
  return [...splitter.push(bytes), ...splitter.end()].flatMap((item) => (item.kind === "frame" ? [item.frame] : []));
};
const read = (bytes: Uint8Array): MavlinkFrame => framesOf(bytes)[0]!;

test("fields read are those that node-mavlink wrote, digit for digit", () => {
  const sample = decodeMavlink(Buffer.concat([position(), heartbeat(), attitude()]));
  if (!sample.ok) throw new Error(sample.detail);
  expect(sample.value.geo).toEqual({ latE7: 327_157_000, lonE7: -1_171_611_000, accM: undefined });
  const values = new Map(sample.value.readings.map((each) => [each.sensor, decimalText(each)]));
  const { altitude, altitude_above_home, heading } = { altitude: 0x4d40, altitude_above_home: 0x4d41, heading: 0x4d45 };
  expect(values.get(altitude)).toBe("123.456");
  expect(values.get(altitude_above_home)).toBe("20.500");
  expect(values.get(heading)).toBe("90.00");
  expect(values.get("velocity_north")).toBe("-1.50");
  expect(values.get(sensorCode("armed")!)).toBe("1");
  expect(values.get("roll")).toBe("0.1");
  expect(values.get("pitch")).toBe("-0.25");
  expect(values.has("yaw")).toBe(false);
});

test("our frames are node-mavlink's, trailing zeros cut", () => {
  const theirs = heartbeat();
  const { payload, messageId, seq, system, component } = read(theirs);
  expect(Buffer.from(encodeMavlinkFrame({ messageId, seq, system, component, payload }))).toEqual(theirs);
});

test("a signature by node-mavlink holds under its key alone, and fails after one flipped bit", () => {
  const key = MavLinkPacketSignature.key("a passphrase");
  const signed = protocol.sign(position(announcing), 3, key);
  expect(isSignedWith(key, read(signed))).toBe(true);
  expect(isSignedWith(MavLinkPacketSignature.key("another"), read(signed))).toBe(false);
  // In the link id, the timestamp and the digest; elsewhere the CRC fails first.
  for (let at = signed.length - 13; at < signed.length; at++) {
    const flipped = Buffer.from(signed);
    flipped[at]! ^= 1;
    expect(isSignedWith(key, read(flipped))).toBe(false);
  }
});

test("a timestamp must go forward on its stream, and a new stream may not start in the past", () => {
  const key = MavLinkPacketSignature.key("k");
  const at = (ms: number, linkId = 1): MavlinkFrame => read(protocol.sign(position(announcing), linkId, key, ms));
  const start = Date.UTC(2026, 0, 1);
  const clock = new SignatureClock();
  expect([start, start, start - 1, start + 1].map((ms) => clock.advance(at(ms)))).toEqual([true, false, false, true]);
  expect(clock.advance(at(start - 120_000, 2))).toBe(false);
  expect(clock.advance(at(start - 30_000, 2))).toBe(true);
});

test("frames survive any chunking and any noise without a start byte between them", () => {
  const frames = [position(), heartbeat(), attitude()];
  const noise = fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.filter((byte) => byte !== 0xfd));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2), noise), { maxLength: 8 }),
      fc.integer({ min: 1, max: 60 }),
      (parts, size) => {
        const stream = Buffer.concat(parts.flatMap(([which, before]) => [before, frames[which]!]));
        const splitter = new MavlinkSplitter();
        const items = [];
        for (let at = 0; at < stream.length; at += size) items.push(...splitter.push(stream.subarray(at, at + size)));
        items.push(...splitter.end());
        const found = items.flatMap((item) => (item.kind === "frame" ? [Buffer.from(item.frame.wire)] : []));
        expect(found).toEqual(parts.map(([which]) => frames[which]));
        const runs = parts.filter(([, before]) => before.length > 0).length;
        expect(items.filter(({ kind }) => kind === "broken")).toHaveLength(runs);
      },
    ),
  );
});

test("any bytes are frames or counted noise, and any payload decodes or is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, asFrame) => {
      if (asFrame && bytes.length > 0) bytes[0] = 0xfd;
      const splitter = new MavlinkSplitter();
      const items = [...splitter.push(bytes), ...splitter.end()];
      expect(items.length > 0).toBe(bytes.length > 0);
      expect(typeof decodeMavlink(bytes).ok).toBe("boolean");
    }),
  );
  // Every message with any payload.
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 255 }),
      fc.constantFrom(0, 1, 2, 24, 29, 30, 33, 42, 46, 74, 109, 147, 242, 245, 253),
      (payload, messageId) => {
        expect(decodeMavlink(encodeMavlinkFrame({ seq: 0, system: 1, component: 1, messageId, payload })).ok).toBe(
          true,
        );
      },
    ),
  );
});

test("MAVLink 1, unknown messages and broken frames are told apart, and cost no frame", () => {
  const ones = new MavLinkProtocolV1(7, 1).serialize(new minimal.Heartbeat(), 1);
  const unknown = Buffer.from(heartbeat());
  unknown[8] = 0xff;
  const broken = Buffer.from(heartbeat());
  broken[12]! ^= 1;
  const reasons = (bytes: Uint8Array): string[] => {
    const splitter = new MavlinkSplitter();
    return [...splitter.push(Buffer.concat([bytes, position()])), ...splitter.end()].map((item) =>
      item.kind === "frame" ? "frame" : item.reason,
    );
  };
  expect(reasons(ones)).toEqual(["FRAME_BAD_VERSION", "frame"]);
  expect(reasons(unknown)).toEqual(["FRAME_UNKNOWN_TYPE", "frame"]);
  expect(reasons(broken)).toEqual(["FRAME_CRC_MISMATCH", "frame"]);
  expect(readMavlinkFrame(position().subarray(0, 20), 0)).toMatchObject({ reject: "FRAME_TOO_SHORT" });
  expect(decodeMavlink(new Uint8Array(0))).toMatchObject({ reject: "NOT_WELL_FORMED" });
});
