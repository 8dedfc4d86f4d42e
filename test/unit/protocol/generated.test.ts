import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { blake2b } from "@noble/hashes/blake2.js";
import { expect, test } from "vitest";
import { cHeader } from "../../../protocol/c-header.ts";
import { type GoldenCodec, vectorFile } from "../../../protocol/golden.ts";
import { goldenChained } from "../../../protocol/golden-chained.ts";
import { goldenEnvelopes } from "../../../protocol/golden-envelopes.ts";
import { goldenMdp } from "../../../protocol/golden-mdp.ts";
import { goldenReceipts } from "../../../protocol/golden-receipts.ts";
import { referencePage } from "../../../protocol/reference-page.ts";
import { specText } from "../../../protocol/spec-text.ts";
import { encodeCbor } from "../../../src/codec/cbor.ts";
import { encodeCobs } from "../../../src/codec/cobs.ts";
import { crc16 } from "../../../src/codec/crc16.ts";
import { signWithSodium, testDevice } from "../../support/envelopes.ts";
import { needs } from "../../support/needs.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const sha256 = (data: string | Uint8Array): Buffer => createHash("sha256").update(data).digest();
const specHash = sha256(specText()).toString("hex");
const codec: GoldenCodec = {
  encodeCbor,
  encodeCobs,
  crc16,
  sha256,
  blake2b256: (bytes) => blake2b(bytes, { dkLen: 32 }),
  publicKey: (seed) => testDevice("", seed).publicKey,
  sign: (text, seed) => signWithSodium(text, testDevice("", seed)),
};
const envelopes = goldenEnvelopes(codec);

test.each([
  ["firmware-shim/include/myco/protocol.h", cHeader(specHash)],
  ["docs/reference/protocol.md", referencePage(specHash)],
  ["protocol/vectors/golden-envelopes.json", vectorFile(envelopes)],
  ["protocol/vectors/golden-chained.json", vectorFile(goldenChained(codec))],
  ["protocol/vectors/golden-mdp.json", vectorFile(goldenMdp(codec, Buffer.from(envelopes.accepted[0]!.cbor, "hex")))],
  ["protocol/vectors/golden-receipts.json", vectorFile(goldenReceipts(codec))],
])("%s is what the tables say (else: npm run generate)", (path, text) => {
  expect(readFileSync(root + path, "utf8")).toBe(text);
});

needs("gcc", "g++")("the C header", () => {
  /** Uses what a device needs, in constant expressions. */
  const user = `#include "myco/protocol.h"
    typedef char magic[(MYCO_MDP_MAGIC == 0xA15Au) ? 1 : -1];
    typedef char sizes[(MYCO_ENVELOPE_SIZE_MAX(16u, 5u) < 512u) ? 1 : -1];
    typedef char frame[(MYCO_MDP_FRAME_SIZE_MAX(249u) == 270u) ? 1 : -1];
    typedef char receipt[(MYCO_MDP_FRAME_SIZE_MAX(MYCO_RECEIPT_MAX) <= 255u) ? 1 : -1];
    typedef char head[(sizeof(MYCO_RECEIPT_HEAD) == MYCO_RECEIPT_HEAD_BYTES + 1u && MYCO_RECEIPT_INDEX_MAX == 9007199254740991ULL) ? 1 : -1];
    typedef char ours[(MYCO_SENSOR_GAS_RESISTANCE == 0x4D00u && MYCO_UNIT_PERCENT_RH == 2u) ? 1 : -1];
    int main(void) { magic m; sizes s; frame f; receipt r; head h; ours o; (void)r; (void)h; (void)m; (void)s; (void)f; (void)o; return (int)sizeof(MYCO_SPEC_HASH) - 33; }
  `;

  test.each([
    ["gcc", ["-std=c99", "-x", "c"]],
    ["g++", ["-std=c++11", "-x", "c++"]],
  ])("compiles with %s without a warning", (compiler, language) => {
    const strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"];
    const run = spawnSync(compiler, [...language, ...strict, `-I${root}firmware-shim/include`, "-fsyntax-only", "-"], {
      input: user,
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });
});
