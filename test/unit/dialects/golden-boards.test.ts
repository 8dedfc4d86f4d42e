import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sensorName, unitName } from "../../../protocol/names.ts";
import { decimalText } from "../../../src/codec/decimal.ts";
import { decodePayload, type PayloadFormat } from "../../../src/dialects/index.ts";
import type { ArrayReading, Reading } from "../../../src/reading.ts";
import { type BoardShape, bytesOfShape, goldenBoards } from "../../support/golden-boards.ts";

/** In the notation of the vectors. */
function meant({ sensor, unit, quality, ...value }: Reading | ArrayReading): string {
  const name = typeof sensor === "number" ? sensorName(sensor) : sensor;
  const unitText = (typeof unit === "number" ? unitName(unit) : unit) || "-";
  if ("values" in value) return `${name} ${unitText} ${quality}: ${value.values.map(decimalText).join(" ")}`;
  return `${name} ${decimalText(value)} ${unitText}${quality === 0 ? "" : ` ${quality}`}`;
}

describe("what boards put on a port", () => {
  test.each(goldenBoards.accepted.map((shape) => [shape.name, shape] as const))("%s", (_, shape: BoardShape) => {
    const decoded = decodePayload(shape.format, bytesOfShape(shape));
    if (!decoded.ok) throw new Error(`${decoded.reject}: ${decoded.detail}`);
    const { readings, arrays = [], geo } = decoded.value;
    expect(readings.map(meant)).toEqual(shape.readings);
    expect(arrays.map(meant)).toEqual(shape.arrays);
    expect(geo && [geo.latE7, geo.lonE7]).toEqual(shape.geo);
    expect(decoded.value).toMatchObject({ claimedDeviceId: undefined, msgId: undefined });
  });

  test.each(goldenBoards.rejected.map((shape) => [shape.reject, shape.name, shape] as const))(
    "%s: %s",
    (reject, _, shape) => {
      expect(decodePayload(shape.format, bytesOfShape(shape))).toMatchObject({ ok: false, reject });
    },
  );

  test("every format of a board has a vector", () => {
    const formats = new Set(goldenBoards.accepted.map(({ format }) => format));
    const source = readFileSync(new URL("../../../src/dialects/index.ts", import.meta.url), "utf8");
    const declared = [...source.matchAll(/^ {2}"((?:line|mdp|fci)-[a-z0-9-]+)":/gm)].map(([, format]) => format!);
    // Vectors of these two were made by the devices' own codec, mdp-frames.json.
    const elsewhere: readonly PayloadFormat[] = ["mdp-b", "mdp-drone"];
    expect(declared.filter((format) => !formats.has(format as PayloadFormat))).toEqual(elsewhere);
  });
});
