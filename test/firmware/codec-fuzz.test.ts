/** libFuzzer on what a device reads from a wire; firmware-shim/test/fuzz-codec.c says what must hold. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildFolder, compile, librarySources, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const vectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../protocol/vectors/${name}.json`, import.meta.url), "utf8"));
const envelopes = vectors<Record<"accepted" | "rejected", readonly { cbor: string }[]>>("golden-envelopes");
const frames = vectors<Record<"accepted" | "rejected", readonly { frame: string }[]>>("golden-mdp");
/** The first byte is the kind, and the size of the buffer for frames. */
const seeds = [
  ...[...envelopes.accepted, ...envelopes.rejected].map(({ cbor }) => Buffer.from(`00${cbor}`, "hex")),
  ...[...frames.accepted, ...frames.rejected].map(({ frame }) => Buffer.from(`ff${frame}${frame}`, "hex")),
];

needs("clang")("the library's readers of envelopes and frames", () => {
  const folder = buildFolder();
  const fuzzer = join(folder, "fuzz-codec");
  const sanitizers = ["-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"];
  compile("clang", [...strictFlags, ...sanitizers, ...librarySources, "test/fuzz-codec.c", "-o", fuzzer]);
  const corpus = join(folder, "corpus");
  mkdirSync(corpus);
  for (const [at, seed] of seeds.entries()) writeFileSync(join(corpus, `seed-${at}`), seed);

  test("keep their word over 100,000 inputs", () => {
    const options = ["-runs=100000", "-seed=1", "-max_len=600", `-artifact_prefix=${folder}/`];
    const run = spawnSync(fuzzer, [...options, corpus], { encoding: "utf8" });
    expect(run.stderr).toContain("Done 100000 runs");
    expect(run.status).toBe(0);
  });
});
