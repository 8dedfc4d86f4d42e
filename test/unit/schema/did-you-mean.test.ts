import { expect, test } from "vitest";
import { didYouMean } from "../../../src/schema/did-you-mean.ts";

test.each([
  ["prot", ["port", "host"], "port"],
  ["hsot", ["port", "host"], "host"],
  ["PORT", ["port", "host"], "port"],
  ["checkpointInterval", ["checkpointIntervalMs", "segmentBytes"], "checkpointIntervalMs"],
])("%s is near one of %j", (name, known, near) => {
  expect(didYouMean(name, known)).toBe(` (did you mean "${near}"?)`);
});

test.each([
  ["zzz", ["port", "host"]],
  ["", ["port"]],
  ["port", []],
])("%j is near none of %j", (name, known) => {
  expect(didYouMean(name, known)).toBe("");
});
