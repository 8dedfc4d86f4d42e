import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimalText } from "../../../src/codec/decimal.ts";
import { decimalOfFloat32 } from "../../../src/codec/float32.ts";
import { decodeMdpFrame, encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { decodePayload, payloadFormats } from "../../../src/dialects/index.ts";
import { quarantineReasons } from "../../../src/rejects.ts";
import { lineOf } from "../../../src/serial/line.ts";
import { portDialects } from "../../../src/serial/port-dialects.ts";
import { bytesOfShape, goldenBoards } from "../../support/golden-boards.ts";
import { arbFrame } from "../../support/mdp-arbitrary.ts";

/** A message of a board with a few of its bytes changed; a frame gets its CRC anew, so that the change reaches its dialect. */
const arbChanged = fc
  .tuple(
    fc.constantFrom(...goldenBoards.accepted),
    fc.array(fc.tuple(fc.nat({ max: 2000 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    fc.option(fc.nat({ max: 2000 })),
  )
  .map(([shape, changes, cut]) => {
    const whole = bytesOfShape(shape);
    const packet = shape.frame === undefined ? undefined : decodeMdpFrame(whole);
    let bytes = packet?.ok ? Buffer.from(packet.value.body) : Buffer.from(whole);
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    if (cut !== null) bytes = bytes.subarray(0, cut % (bytes.length + 1));
    return packet?.ok ? encodeMdpFrame({ ...packet.value, body: bytes }) : bytes;
  });

const arbBytes = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  arbFrame,
  fc.json().map((text) => Buffer.from(text)),
  arbChanged,
);

describe("every dialect", () => {
  test.each(payloadFormats)("%s: any bytes give a sample of sound readings, or a reason", (format) => {
    fc.assert(
      fc.property(arbBytes, (bytes) => {
        const decoded = decodePayload(format, bytes);
        if (!decoded.ok) {
          expect(quarantineReasons).toHaveProperty(decoded.reject);
          return;
        }
        const { readings, arrays = [] } = decoded.value;
        const sensors = [...readings, ...arrays].map(({ sensor }) => sensor);
        for (const { vi, vs } of [...readings, ...arrays.flatMap(({ values }) => values)]) {
          expect(typeof vi === "bigint" || Number.isSafeInteger(vi)).toBe(true);
          expect(vs >= 0 && vs <= 23).toBe(true);
        }
        for (const { quality } of [...readings, ...arrays]) expect([0, 1, 2]).toContain(quality);
        for (const { values } of arrays) expect(values.length).toBeGreaterThan(0);
        if (format.startsWith("line-") && format !== "line-json") expect(new Set(sensors).size).toBe(sensors.length);
      }),
      { numRuns: 200 },
    );
  });

  test("what a port takes for a message of a dialect, that dialect's decoder judges as the port does", () => {
    fc.assert(
      fc.property(arbChanged, (bytes) => {
        const packet = decodeMdpFrame(bytes);
        const message =
          packet.ok && portDialects.auto.frames.map((dialect) => dialect.read(packet.value, bytes)).find(Boolean);
        if (message !== false && message?.fromBoard)
          expect(decodePayload(message.format, message.payload)).toMatchObject({ ok: true });
        const text = Buffer.from(bytes).toString("utf8");
        const line = portDialects.auto.lines
          .map((dialect) => ({ dialect, content: dialect.read(lineOf(text)) }))
          .find(({ content }) => content);
        if (!line) return;
        expect(decodePayload(`line-${line.dialect.name}`, Buffer.from(text)).ok).toBe(line.content!.ok);
      }),
      { numRuns: 500 },
    );
  });
});

test("a single is written with the fewest digits that name it", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (single) => {
      const decimal = decimalOfFloat32(single);
      if (decimal) expect(Math.fround(Number(`${decimal.vi}e-${decimal.vs}`))).toBe(single === 0 ? 0 : single);
      else expect(Math.abs(single) < 1e-10 || Math.abs(single) > 1e30).toBe(true);
    }),
    { numRuns: 2000 },
  );
  const text = (value: number): string => decimalText(decimalOfFloat32(Math.fround(value))!);
  expect([32.7157, -117.1611, 0.1, 1e20, -0.5, 16_777_216].map(text)).toEqual([
    "32.7157",
    "-117.1611",
    "0.1",
    "100000000000000000000",
    "-0.5",
    "16777216",
  ]);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) expect(decimalOfFloat32(value)).toBeUndefined();
});
