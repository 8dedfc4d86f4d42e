/** `mycogate ledger policy | prove | verify-proof | export | verify-export` on a stopped gateway's ledger. */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../../gateway/config/config.ts";
import { ensureIdentity } from "../../../gateway/config/identity.ts";
import { Ledger } from "../../../gateway/journal/ledger.ts";
import { openSigningKeys } from "../../../gateway/journal/signing-keys.ts";
import { verifyBlockProof } from "../../../src/ledger/block-proof.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { verifyInclusionReceipt } from "../../../src/ledger/cose-receipt.ts";
import { type LineKey, portableLineKey } from "../../../src/ledger/portable-lines.ts";
import { runCli } from "../../support/captured-cli.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { readTileDirectory } from "../../support/tile-directory.ts";

let cwd: string;
/** Where there is no gateway and never was. */
let auditor: string;
let origin: string;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-prove-"));
  auditor = mkdtempSync(join(tmpdir(), "mycogate-auditor-"));
  origin = ensureIdentity(loadConfig({ env: {}, cwd })).ledgerOrigin;
  const nowUs = () => 1_790_000_000_000_000;
  const ledgerDir = join(cwd, "data", "ledger");
  const keys = await openSigningKeys({ keysDir: join(cwd, "data", "keys"), ledgerDir, origin, nowUs });
  const ledger = await Ledger.open({
    dir: ledgerDir,
    origin,
    signers: keys.checkpointSigners,
    seals: keys.seals,
    // Closed behind the batch.
    block: { leaves: 2, ms: 1000 },
    nowUs,
    log: pino({ level: "silent" }),
    onFatal: (error) => {
      throw error;
    },
  });
  const batch = entryBatch([entryOf("myco-1", 1), entryOf("myco-1", 2)], false);
  await new Promise<void>((resolve, reject) => ledger.append(batch, (error) => (error ? reject(error) : resolve())));
  await ledger.close();
  await keys.close();
  writeFileSync(join(auditor, "gateway.policy"), (await runCli(["ledger", "policy"], cwd)).out);
});
afterEach(() => {
  for (const dir of [cwd, auditor]) rmSync(dir, { recursive: true });
});

const lineKey = (vkey: string): LineKey => {
  const key = portableLineKey(vkey);
  if (!key.ok) throw new Error(key.detail);
  return key.value;
};
const prove = async (leaf: number) =>
  writeFileSync(join(auditor, "one.tlog-proof"), (await runCli(["ledger", "prove", String(leaf)], cwd)).out);
const verify = (...more: string[]) =>
  runCli(["ledger", "verify-proof", "one.tlog-proof", "--policy", "gateway.policy", ...more], auditor);

test("the policy lists both keys and requires both lines", () => {
  const policy = readFileSync(join(auditor, "gateway.policy"), "utf8");
  expect(policy.match(/^log /gm)).toHaveLength(2);
  expect(policy).toContain(`log ${origin}+`);
  expect(policy).toMatch(/^require ed25519\+mldsa44\nquorum none\n$/m);
});

test("a proof is valid to someone who has it and the policy, and nothing else", async () => {
  await prove(1);
  const { code, out, err } = await verify();
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^Valid: the log holds exactly this entry\.\n/);
  expect(out).toContain(`log           ${origin}\n`);
  expect(out).toContain("a message of the device myco-1");
  expect(out).toContain("temp          21.7 C");
  expect(JSON.parse((await verify("--json")).out)).toMatchObject({ valid: true, facts: expect.any(Array) });
});

test("one that was tampered with fails with the reason", async () => {
  await prove(1);
  const file = join(auditor, "one.tlog-proof");
  writeFileSync(file, readFileSync(file, "utf8").replace("index 1", "index 0"));
  const { code, out } = await verify();
  expect(code).toBe(1);
  expect(out).toContain("This proof is not valid: leaf, index and hashes do not lead to the root that was signed.");
  expect(JSON.parse((await verify("--json")).out)).toMatchObject({ valid: false, reject: "INCLUSION_INVALID" });
});

test("what a device wrote cannot steer the terminal", async () => {
  await prove(0);
  const policy = join(auditor, "gateway.policy");
  writeFileSync(policy, `witness \u009b31m key\n${readFileSync(policy, "utf8")}`);
  const { code, out } = await verify();
  expect(code).toBe(1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test("files that are not there, indexes that are none, and missing options are misuse", async () => {
  expect((await verify()).code).toBe(2);
  await prove(0);
  expect((await runCli(["ledger", "verify-proof", "one.tlog-proof"], auditor)).code).toBe(2);
  for (const leaf of ["01", "x", "1e3", "9007199254740992"]) {
    expect((await runCli(["ledger", "prove", leaf], cwd)).code, leaf).toBe(2);
  }
  expect((await runCli(["ledger", "export"], cwd)).code).toBe(2);
});

test("a COSE receipt by each key holds for the leaf that --leaf prints", async () => {
  const shown: { role: string; vkey: string }[] = JSON.parse((await runCli(["key", "show", "--json"], cwd)).out);
  const keys = shown.filter(({ role }) => role === "checkpoint").map(({ vkey }) => lineKey(vkey));
  const bytes = async (...options: string[]) =>
    Buffer.from((await runCli(["ledger", "prove", "1", ...options], cwd)).out, "latin1");
  const leaf = await bytes("--leaf");
  expect(leaf.equals(entryOf("myco-1", 2))).toBe(true);
  for (const [option, signature] of [
    [[], "ed25519"],
    [["ed25519"], "ed25519"],
    [["mldsa44"], "mldsa44"],
  ] as const) {
    const proven = verifyInclusionReceipt(await bytes("--cose", ...option), leaf, keys);
    expect(proven).toMatchObject({ ok: true, value: { signature, origin, leafIndex: 1 } });
  }
  expect((await runCli(["ledger", "prove", "1", "--cose", "rsa"], cwd)).code).toBe(2);
  expect((await runCli(["ledger", "prove", "1", "--cose", "--leaf"], cwd)).code).toBe(2);
});

test("COSE receipts are valid to someone who has them, the entry and the policy; one alone is half", async () => {
  const file = async (name: string, ...options: string[]) => {
    const { out } = await runCli(["ledger", "prove", "1", ...options], cwd);
    writeFileSync(join(auditor, name), Buffer.from(out, "latin1"));
  };
  await file("one.cose", "--cose");
  await file("one.mldsa44.cose", "--cose", "mldsa44");
  await file("one.leaf", "--leaf");
  const verify = (...files: string[]) =>
    runCli(["ledger", "verify-proof", ...files, "--policy", "gateway.policy"], auditor);
  const both = await verify("one.cose", "one.mldsa44.cose", "one.leaf");
  expect([both.code, both.err]).toEqual([0, ""]);
  expect(both.out).toMatch(/^Valid: the log holds exactly this entry\.\n/);
  expect(both.out).toContain("  signed with   Ed25519 and ML-DSA-44 (post-quantum)\n");
  expect(both.out).toContain("a message of the device myco-1");
  const one = await verify("one.cose", "one.leaf");
  expect([one.code, one.out]).toEqual([1, expect.stringContaining("a COSE receipt has one signature")]);
  expect((await verify("one.cose", "one.mldsa44.cose")).out).toContain("without the entry");
  const other = await runCli(["ledger", "prove", "0", "--leaf"], cwd);
  writeFileSync(join(auditor, "one.leaf"), Buffer.from(other.out, "latin1"));
  expect((await verify("one.cose", "one.mldsa44.cose", "one.leaf")).out).toMatch(/^This COSE receipt is not valid: /);
});

test("no COSE receipt is signed for a checkpoint that the log's keys have not both signed", async () => {
  const file = join(cwd, "data", "ledger", "checkpoint");
  writeFileSync(file, readFileSync(file, "utf8").replace(/\u2014 .*\n$/, ""));
  const { code, err } = await runCli(["ledger", "prove", "1", "--cose"], cwd);
  expect([code, err]).toEqual([1, expect.stringContaining("CHECKPOINT_INVALID")]);
});

test("an entry of a sealed block has the short proof, which says what it is worth", async () => {
  const shown: { role: string; publicKey: string }[] = JSON.parse((await runCli(["key", "show", "--json"], cwd)).out);
  const sealKey = Buffer.from(shown.find(({ role }) => role === "seal")!.publicKey, "hex");
  const { out } = await runCli(["ledger", "prove", "1", "--block"], cwd);
  expect(out).toContain("gateway-signed, not witnessed");
  expect(verifyBlockProof(JSON.parse(out), sealKey)).toMatchObject({ ok: true, value: { leafIndex: 1 } });
});

test("an entry that no checkpoint covers has no proof", async () => {
  const { code, err } = await runCli(["ledger", "prove", "1000"], cwd);
  expect(code).toBe(1);
  expect(err).toContain("ENTRY_NOT_FOUND");
});

test("the export is the log, as another reader sees it", async () => {
  const { code, out } = await runCli(["ledger", "export", "--tiles", auditor], cwd);
  expect([code, out]).toEqual([0, expect.stringContaining(`${origin}: `)]);
  const log = readTileDirectory(auditor);
  expect(log.origin).toBe(origin);
  expect(log.entries.slice(0, 2).map((entry) => entry.toString("hex"))).toEqual(
    [1, 2].map((seq) => Buffer.from(entryOf("myco-1", seq)).toString("hex")),
  );
  copyFileSync(join(cwd, "data", "ledger", "checkpoint"), join(auditor, "checkpoint-of-the-gateway"));
  expect(readFileSync(join(auditor, "checkpoint"))).toEqual(readFileSync(join(auditor, "checkpoint-of-the-gateway")));
});

test("an export is valid to someone who has it and the policy, and the first wrong place in it is named", async () => {
  await runCli(["ledger", "export", "--tiles", join(auditor, "log")], cwd);
  const verify = (...more: string[]) =>
    runCli(["ledger", "verify-export", "log", "--policy", "gateway.policy", ...more], auditor);
  const valid = await verify();
  expect([valid.code, valid.err]).toEqual([0, ""]);
  expect(valid.out).toMatch(/^Valid: every entry is the one that was signed, in its place\.\n/);
  expect(valid.out).toContain(`log           ${origin}\n`);
  const bundle = readdirSync(join(auditor, "log/tile/entries/000.p"))[0]!;
  const file = join(auditor, "log/tile/entries/000.p", bundle);
  const bytes = readFileSync(file);
  bytes[entryOf("myco-1", 1).length + 20]! ^= 1;
  writeFileSync(file, bytes);
  const broken = await verify();
  expect(broken.code).toBe(1);
  expect(broken.out).toMatch(
    new RegExp(`^This log is not valid: .*\n  file          tile/entries/000\\.p/${bundle}\n  leaf          1\n$`),
  );
  expect(JSON.parse((await verify("--json")).out)).toMatchObject({ valid: false, reject: "LOG_INVALID" });
  expect((await runCli(["ledger", "verify-export", "log"], auditor)).code).toBe(2);
  expect((await runCli(["ledger", "verify-export", "none", "--policy", "gateway.policy"], auditor)).code).toBe(2);
});
