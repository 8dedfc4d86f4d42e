import { expect, test } from "vitest";
import { Clock } from "../../../gateway/clock.ts";

test("a clock that is set back is reported with how far, once for each step, and goes on from there", () => {
  const times = [1_000, 1_000, 5_000, 2_000, 2_001, 1_999];
  const steps: number[] = [];
  const clock = new Clock(() => times.shift()!);
  clock.onStepBack = (milliseconds) => steps.push(milliseconds);
  expect([1, 2, 3, 4, 5, 6].map(() => clock.nowUs())).toEqual([1e6, 1e6, 5e6, 2e6, 2_001_000, 1_999_000]);
  expect(steps).toEqual([3_000, 2]);
});
