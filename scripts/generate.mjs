// Writes every generated file; with --check, names those that are stale and exits 1. Needs `npm run build` before.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ed25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { cliPage } from "../dist/gateway/cli/cli-page.js";
import { errorsPage } from "../dist/gateway/cli/errors-page.js";
import { configPage } from "../dist/gateway/config/config-page.js";
import { cHeader } from "../dist/protocol/c-header.js";
import { vectorFile } from "../dist/protocol/golden.js";
import { goldenBoards } from "../dist/protocol/golden-boards.js";
import { goldenChained } from "../dist/protocol/golden-chained.js";
import { goldenEnvelopes } from "../dist/protocol/golden-envelopes.js";
import { goldenMdp } from "../dist/protocol/golden-mdp.js";
import { goldenReceipts } from "../dist/protocol/golden-receipts.js";
import { referencePage } from "../dist/protocol/reference-page.js";
import { specText } from "../dist/protocol/spec-text.js";
import { encodeCbor } from "../dist/src/codec/cbor.js";
import { encodeCobs } from "../dist/src/codec/cobs.js";
import { crc16 } from "../dist/src/codec/crc16.js";
import { mavlinkTable } from "./mavlink-table.mjs";

const sha256 = (data) => createHash("sha256").update(data).digest();

const specHash = sha256(specText()).toString("hex");
const codec = {
  encodeCbor,
  encodeCobs,
  crc16,
  sha256,
  blake2b256: (bytes) => blake2b(bytes, { dkLen: 32 }),
  publicKey: (seed) => ed25519.getPublicKey(seed),
  sign: (text, seed) => ed25519.sign(text, seed),
};
const envelopes = goldenEnvelopes(codec);
const someEnvelope = Buffer.from(envelopes.accepted[0].cbor, "hex");

/** Path from the project's root, and the text that belongs there. */
const generated = [
  ["firmware-shim/include/myco/protocol.h", cHeader(specHash)],
  ["docs/reference/protocol.md", referencePage(specHash)],
  ["docs/reference/config.md", configPage()],
  ["docs/reference/cli.md", cliPage()],
  ["docs/reference/errors.md", errorsPage()],
  ["src/mavlink/messages.ts", mavlinkTable()],
  ["protocol/vectors/golden-envelopes.json", vectorFile(envelopes)],
  ["protocol/vectors/golden-chained.json", vectorFile(goldenChained(codec))],
  ["protocol/vectors/golden-mdp.json", vectorFile(goldenMdp(codec, someEnvelope))],
  ["protocol/vectors/golden-boards.json", vectorFile(goldenBoards(codec))],
  ["protocol/vectors/golden-receipts.json", vectorFile(goldenReceipts(codec))],
];

const root = fileURLToPath(new URL("..", import.meta.url));
const stale = generated.filter(
  ([path, text]) => !existsSync(root + path) || readFileSync(root + path, "utf8") !== text,
);

if (process.argv.includes("--check")) {
  for (const [path] of stale) console.error(`stale: ${path} (run: npm run generate)`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, text);
    console.error(`written: ${path}`);
  }
}
