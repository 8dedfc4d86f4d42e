import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeEnvelopeJson, decodeTelemetryJson } from "../../../src/dialects/json-message.ts";

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

test("simplified telemetry gives readings with exact decimals and the message's own id, seq and time", () => {
  const message = {
    pack: [
      { id: "t", v: 21.7, u: "C" },
      { id: "on", v: true },
    ],
    msgId: "m-1",
    seq: 7,
    ts: { utc: "2026-05-01T12:00:00Z" },
  };
  expect(decodeTelemetryJson(bytes(message))).toEqual({
    ok: true,
    value: {
      claimedDeviceId: undefined,
      msgId: "m-1",
      seq: 7,
      epochMs: Date.UTC(2026, 4, 1, 12),
      readings: [
        { sensor: "t", vi: 217, vs: 1, unit: "C", quality: 0 },
        { sensor: "on", vi: 1, vs: 0, unit: "", quality: 0 },
      ],
    },
  });
});

test("an array stays one, with the decimals of each number", () => {
  const message = {
    pack: [
      { id: "scan", v: [1, 0.25], u: "Ohm", q: 1 },
      { id: "t", v: 1 },
    ],
  };
  expect(decodeTelemetryJson(bytes(message))).toMatchObject({
    value: {
      readings: [{ sensor: "t" }],
      arrays: [
        {
          sensor: "scan",
          unit: "Ohm",
          quality: 1,
          values: [
            { vi: 1, vs: 0 },
            { vi: 25, vs: 2 },
          ],
        },
      ],
    },
  });
});

test("`readings` is read like `pack`, and epoch seconds in text like ISO 8601", () => {
  const sample = decodeTelemetryJson(bytes({ readings: [], ts: { utc: "1777636800" } }));
  expect(sample).toMatchObject({ ok: true, value: { readings: [], epochMs: 1777636800000 } });
});

test("a verbose envelope's exact vi and vs win over its rounded v", () => {
  const message = {
    hdr: { deviceId: "d", proto: "mqtt", msgId: "u" },
    ts: { ms: 5, utc: "x" },
    seq: 1,
    pack: [{ id: 1, vi: 9007199254740991, vs: 9, v: 9007199.25, u: 1, q: 2 }],
  };
  expect(decodeEnvelopeJson(bytes(message))).toMatchObject({
    value: {
      claimedDeviceId: "d",
      epochMs: 5,
      readings: [{ sensor: 1, vi: 9007199254740991, vs: 9, unit: 1, quality: 2 }],
    },
  });
});

test.each([
  ["NOT_WELL_FORMED", "{"],
  ["NOT_WELL_FORMED", ""],
  ["SCHEMA_INVALID", "[]"],
  ["SCHEMA_INVALID", "null"],
  ["SCHEMA_INVALID", "{}"],
  ["SCHEMA_INVALID", { pack: [{ id: "t" }] }],
  ["SCHEMA_INVALID", { pack: [{ id: "t", v: "21" }] }],
  ["SCHEMA_INVALID", '{"pack":[{"id":"t","v":1e999}]}'],
  ["SCHEMA_INVALID", { pack: [{ id: "a\u0000b", v: 1 }] }],
  ["SCHEMA_INVALID", { pack: [{ id: "t", v: 1, u: "\u0000" }] }],
  ["SCHEMA_INVALID", { pack: [{ id: "t", v: [] }] }],
  ["SCHEMA_INVALID", { pack: [{ id: "t", v: [1, null] }] }],
  ["SCHEMA_INVALID", { pack: [], seq: 1.5 }],
  ["SCHEMA_INVALID", { pack: [], msgId: 5 }],
])("%s: %j", (reject, message) => {
  expect(decodeTelemetryJson(bytes(message))).toMatchObject({ ok: false, reject });
});

test("both decoders are total over any JSON value and any bytes", () => {
  const arbPayload = fc.oneof(
    fc.uint8Array(),
    fc.json().map(bytes),
    fc.record({ hdr: fc.object(), pack: fc.array(fc.object()), seq: fc.anything(), ts: fc.object() }).map((value) => {
      try {
        return bytes(value);
      } catch {
        return new Uint8Array();
      }
    }),
  );
  fc.assert(
    fc.property(arbPayload, (payload) => {
      for (const decode of [decodeEnvelopeJson, decodeTelemetryJson]) expect(typeof decode(payload).ok).toBe("boolean");
    }),
    { numRuns: 1000 },
  );
});
