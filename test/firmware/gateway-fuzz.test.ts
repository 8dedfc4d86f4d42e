/** libFuzzer on what a device reads from the gateway; firmware-shim/test/fuzz-gateway.c says what must hold. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildFolder, compile, librarySources, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const receipts: Record<"accepted" | "rejected", readonly { receipt: string }[]> = JSON.parse(
  readFileSync(new URL("../../protocol/vectors/golden-receipts.json", import.meta.url), "utf8"),
);
/** The first byte is the kind. */
const seeds = [
  ...[...receipts.accepted, ...receipts.rejected].map(({ receipt }) => Buffer.from(`00${receipt}`, "hex")),
  Buffer.from(`\u0001a\n7\n${"A".repeat(43)}=\n\n— a ${"A".repeat(91)}=\n`),
  Buffer.from('\u0002{"id":"c-1","cmd":"a","params":{"a":[1,{"b":null}]},"expires":12}'),
];

needs("clang")("the library's readers of messages from the gateway", () => {
  const folder = buildFolder();
  const fuzzer = join(folder, "fuzz-gateway");
  const sanitizers = ["-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"];
  compile("clang", [...strictFlags, ...sanitizers, ...librarySources, "test/fuzz-gateway.c", "-o", fuzzer]);
  const corpus = join(folder, "corpus");
  mkdirSync(corpus);
  for (const [at, seed] of seeds.entries()) writeFileSync(join(corpus, `seed-${at}`), seed);

  test("keep their word over 200,000 inputs", () => {
    const options = ["-runs=200000", "-seed=1", "-max_len=400", `-artifact_prefix=${folder}/`];
    const run = spawnSync(fuzzer, [...options, corpus], { encoding: "utf8" });
    expect(run.stderr).toContain("Done 200000 runs");
    expect(run.status).toBe(0);
  });
});
