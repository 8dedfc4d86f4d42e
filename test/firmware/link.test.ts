/** Frames and envelopes on their way, over lines that lose some. What is promised is in firmware-shim/test/*-sim.c. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { buildFolder, buildProgram } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const seeds = ["1", "2", "3"];

const run = (program: string, ...args: readonly string[]): string => {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return stdout + stderr;
};

describe.each(["gcc", "clang"] as const)("%s", (compiler) => {
  needs(compiler)("one end of a link", () => {
    const cases = buildProgram(buildFolder(), "link-cases", [], compiler);

    test("acknowledges, repeats, gives up and tells copies by the rules of the field", () => {
      expect(run(cases)).toBe("ok\n");
    });
  });
});

needs("gcc")("on a line that loses, repeats, delays and damages frames", () => {
  const folder = buildFolder();
  const link = buildProgram(folder, "link-sim");
  const forward = buildProgram(folder, "forward-sim");

  test.each(seeds)(
    "what asks to be acknowledged arrives, once, and without a line end where one would lose it (%s)",
    (seed) => {
      const [verdict, sent, copies] = run(link, seed, "1500").trim().split(" ");
      expect([verdict, Number(sent)]).toEqual(["ok", 3000]);
      expect(Number(copies)).toBeGreaterThan(100);
    },
  );

  test.each(seeds)("a peer that starts anew is heard, and both come to rest (%s)", (seed) => {
    expect(run(link, seed, "300", "restarts")).toMatch(/^ok \d+ \d+\n$/);
  });

  test("stored envelopes are sent a few at a time, and again, ever more rarely while nobody answers", () => {
    expect(run(forward)).toBe("ok\n");
  });
});
