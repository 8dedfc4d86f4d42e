import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { comparedQuantities, disagreementOf, latestDisagreement } from "../../../src/dialects/disagreement.ts";

const arbValues = fc
  .record(Object.fromEntries(comparedQuantities.map((name) => [name, fc.double()])), { requiredKeys: [] })
  .map(
    (values) => new Map(Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined)),
  );
const sensible = fc.record({
  temp: fc.double({ min: -40, max: 85, noNaN: true }),
  humidity: fc.double({ min: 0, max: 100, noNaN: true }),
  gas_resistance: fc.double({ min: 1, max: 1e8, noNaN: true }),
});
const of = (values: Record<string, number>): Map<string, number> => new Map(Object.entries(values));
const index = (a: Record<string, number>, b: Record<string, number>): number => disagreementOf(of(a), of(b))!.index;

describe("the disagreement of two sensors", () => {
  test("is a number between 0 and 1, whichever is which, or nothing where they have nothing in common", () => {
    fc.assert(
      fc.property(arbValues, arbValues, (a, b) => {
        const one = disagreementOf(a, b);
        expect(disagreementOf(b, a)?.index).toBe(one?.index);
        if (!one) return;
        expect(one.index).toBeGreaterThanOrEqual(0);
        expect(one.index).toBeLessThanOrEqual(1);
        for (const part of one.parts) expect(part.index >= 0 && part.index <= 1).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("is 0 for equal sensors, and grows with the distance in any one quantity", () => {
    fc.assert(
      fc.property(sensible, fc.double({ min: 0.1, max: 20, noNaN: true }), (a, step) => {
        expect(index(a, a)).toBe(0);
        const near = { ...a, temp: a.temp + step };
        const far = { ...a, temp: a.temp + 2 * step };
        expect(index(a, near)).toBeGreaterThan(0);
        expect(index(a, far)).toBeGreaterThan(index(a, near));
      }),
    );
  });

  test("counts a half at the distance of its table, and resistances by their ratio", () => {
    expect(index({ temp: 20 }, { temp: 22 })).toBeCloseTo(0.5);
    expect(index({ gas_resistance: 1_000 }, { gas_resistance: 4_000 })).toBeCloseTo(0.5);
    expect(index({ gas_resistance: 1e6 }, { gas_resistance: 4e6 })).toBeCloseTo(0.5);
    expect(index({ temp: 20, humidity: 50 }, { temp: 22, humidity: 50 })).toBeCloseTo(Math.SQRT1_2 / 2);
    expect(disagreementOf(of({ gas_resistance: 0 }), of({ gas_resistance: 5 }))).toBeUndefined();
  });

  test("of lines for each sensor is that of the latest of both, not too far apart and not bad", () => {
    const at = (seconds: number, sensor: string, value: number, quality = 0) => ({
      ...{ atMs: seconds * 1_000, sensor, value, quality },
    });
    const newest = [at(900, "env.temp", 99, 2), at(600, "env.temp", 22), at(590, "amb.temp", 20, 1)];
    const older = [at(580, "env.temp", 40), at(570, "amb.humidity", 50), at(200, "env.humidity", 90)];
    const found = latestDisagreement([...newest, ...older, at(100, "env.humidity", 10)]);
    expect(found).toMatchObject({ atMs: 600_000, parts: [{ quantity: "temp", amb: 20, env: 22 }] });
    expect(found!.index).toBeCloseTo(0.5);
    expect(latestDisagreement(newest.slice(0, 2))).toBeUndefined();
  });
});
