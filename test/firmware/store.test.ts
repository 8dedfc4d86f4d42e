/** Store and forward on simulated flash whose power fails. What is promised is in firmware-shim/test/store-sim.c. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { buildFolder, compile, librarySources, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

interface Facts {
  readonly powerCuts: number;
  readonly appends: number;
  readonly releases: number;
  readonly refused: number;
  readonly dropped: number;
  readonly wearDifference?: number;
  readonly steadyErases?: number;
}

describe.each(["gcc", "clang"] as const)("%s", (compiler) => {
  needs(compiler)("the store", () => {
    const program = `${buildFolder()}/store-sim`;
    const sanitizers = ["-O2", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    compile(compiler, [...strictFlags, ...sanitizers, ...librarySources, "test/store-sim.c", "-o", program]);

    const simulate = (...args: readonly string[]): Facts => {
      const run = spawnSync(program, args, { encoding: "utf8" });
      expect(run.stderr).toBe("");
      expect(run.status).toBe(0);
      return JSON.parse(run.stdout);
    };

    // One compiler is enough: what differs between them shows at random, too.
    if (compiler === "gcc")
      test("keeps its promises when power fails in any operation, in any way, and again soon after", () => {
        const { powerCuts, releases, refused, dropped } = simulate("matrix");
        expect(powerCuts).toBeGreaterThan(10_000);
        expect(Math.min(releases, refused, dropped)).toBeGreaterThan(1000);
      }, 120_000);

    test("keeps its promises over long lives of failing power and failing flash, and wears all sectors alike", () => {
      const { powerCuts, steadyErases } = simulate("random", "1", "60");
      expect(powerCuts).toBeGreaterThan(1000);
      // Without power cuts no sector is erased more than once more than another; the program checks it.
      expect(steadyErases).toBeGreaterThan(100);
    }, 60_000);
  });
});
