import fc from "fast-check";
import { expect, test } from "vitest";
import { decimalOf, decimalText } from "../../../src/codec/decimal.ts";

test.each([
  [21.7, 217, 1, "21.7"],
  [-0.05, -5, 2, "-0.05"],
  [0, 0, 0, "0"],
  [101325, 101325, 0, "101325"],
  [1e-7, 1, 7, "0.0000001"],
  [1.5e-9, 15, 10, "0.0000000015"],
  [2 ** 53, 9007199254740992n, 0, "9007199254740992"],
  [1e21, 10n ** 21n, 0, "1000000000000000000000"],
])("%d is %s × 10^-%i", (value, vi, vs, text) => {
  expect(decimalOf(value)).toEqual({ vi, vs });
  expect(decimalText({ vi, vs })).toBe(text);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e-30, 1e300])("%d has no decimal that we keep", (value) => {
  expect(decimalOf(value)).toBeUndefined();
});

test("the text of a decimal is a JSON number that reads back as the same value", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e15, max: 1e15 }), (value) => {
      const decimal = decimalOf(value);
      if (decimal) expect(JSON.parse(decimalText(decimal))).toBe(value === 0 ? 0 : value);
      else expect(Math.abs(value)).toBeLessThan(1e-3);
    }),
  );
});
