/** libFuzzer on what flash may hold when a store is opened; firmware-shim/test/fuzz-store.c says what must hold. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildFolder, compile, librarySources, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

needs("clang")("the store, opened on any flash", () => {
  const folder = buildFolder();
  const fuzzer = join(folder, "fuzz-store");
  const sanitizers = ["-O2", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"];
  compile("clang", [...strictFlags, ...sanitizers, ...librarySources, "test/fuzz-store.c", "-o", fuzzer]);

  test("keeps its word over 40,000 of them", () => {
    const options = ["-runs=40000", "-seed=1", "-max_len=770", `-artifact_prefix=${folder}/`];
    const run = spawnSync(fuzzer, options, { encoding: "utf8" });
    expect(run.stderr).toContain("Done 40000 runs");
    expect(run.status).toBe(0);
  }, 60_000);
});
