/** `mycogate ledger verify` on a ledger that a gateway's own parts have written. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../../gateway/config/config.ts";
import { ensureIdentity, type Identity } from "../../../gateway/config/identity.ts";
import { journalDir, Ledger } from "../../../gateway/journal/ledger.ts";
import { openSigningKeys, publicKeys, type SigningKeys } from "../../../gateway/journal/signing-keys.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { runCli } from "../../support/captured-cli.ts";

let cwd: string;
let identity: Identity;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-verify-"));
  identity = ensureIdentity(loadConfig({ env: {}, cwd }));
  const keys = await openKeys("data");
  const ledger = await Ledger.open({
    dir: join(cwd, "data", "ledger"),
    origin: identity.ledgerOrigin,
    signers: keys.checkpointSigners,
    seals: keys.seals,
    block: { leaves: 2, ms: 300_000 },
    nowUs: () => 1_790_000_000_000_000,
    log: pino({ level: "silent" }),
    onFatal: (error) => {
      throw error;
    },
  });
  const batch = entryBatch(
    ["one", "two", "three"].map((text) => Buffer.from(text)),
    false,
  );
  await new Promise<void>((resolve, reject) => ledger.append(batch, (error) => (error ? reject(error) : resolve())));
  await ledger.close();
  await keys.close();
});
afterEach(() => rmSync(cwd, { recursive: true }));

function openKeys(dir: string): Promise<SigningKeys> {
  return openSigningKeys({
    keysDir: join(cwd, dir, "keys"),
    ledgerDir: join(cwd, dir, "ledger"),
    origin: identity.ledgerOrigin,
    nowUs: () => 1_790_000_000_000_000,
  });
}

async function vkeysOf(dir: string): Promise<string[]> {
  return (await publicKeys(join(cwd, dir, "keys"), identity.ledgerOrigin)).map(({ vkey }) => vkey);
}

/** The journal's only segment. */
function segment(): string {
  const dir = journalDir(join(cwd, "data", "ledger"));
  return join(dir, readdirSync(dir).find((name) => !name.startsWith("."))!);
}

test("a sound ledger is told its size and its root", async () => {
  const { code, out, err } = await runCli(["ledger", "verify"], cwd);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`log          ${identity.ledgerOrigin}\nentries      4\ncheckpointed 4\nblocks       1\n`);
  expect(out).toContain("every entry is in its place");
  expect(JSON.parse((await runCli(["ledger", "verify", "--json"], cwd)).out)).toMatchObject({
    ok: true,
    entries: 4,
    blocks: 1,
    sealSignatures: true,
  });
});

test("one changed byte fails and is named by its file", async () => {
  const bytes = readFileSync(segment());
  const at = bytes.indexOf("two");
  bytes[at]! ^= 1;
  writeFileSync(segment(), bytes);
  const { code, out } = await runCli(["ledger", "verify"], cwd);
  expect(code).toBe(1);
  expect(out).toMatch(/result {7}FAILED: .*journal/);
  expect(JSON.parse((await runCli(["ledger", "verify", "--json"], cwd)).out)).toMatchObject({ ok: false });
});

test("a copy is verified with the public keys alone, and not with another log's", async () => {
  const vkeys = await vkeysOf("data");
  rmSync(join(cwd, "data", "keys"), { recursive: true });
  rmSync(join(cwd, "data", "gateway.json"));
  const verify = (given: readonly string[]) =>
    runCli(["ledger", "verify", "--json", ...given.flatMap((vkey) => ["--vkey", vkey])], cwd);
  expect(JSON.parse((await verify(vkeys)).out)).toMatchObject({ ok: true, sealSignatures: true });
  expect(JSON.parse((await verify(vkeys.slice(0, 2))).out)).toMatchObject({ ok: true, sealSignatures: false });
  await (await openKeys("other")).close();
  const strangers = await vkeysOf("other");
  expect((await verify(strangers)).code).toBe(1);
  expect((await verify([vkeys[0]!, strangers[1]!])).code).toBe(1);
  expect((await verify([strangers[0]!, vkeys[1]!])).code).toBe(1);
  const { code, out } = await verify([vkeys[0]!, vkeys[1]!, strangers[2]!]);
  expect(code).toBe(1);
  expect(JSON.parse(out).problem).toMatchObject({
    what: "the seal of block 0 has a signature that does not verify",
    leafIndex: 3,
  });
});

test("one of the two signatures is not enough, whichever it is", async () => {
  const [classical, postQuantum, seal] = await vkeysOf("data");
  for (const given of [["nonsense"], [classical], [postQuantum], [classical, seal], [postQuantum, seal]]) {
    const { code } = await runCli(["ledger", "verify", ...given.flatMap((vkey) => ["--vkey", vkey!])], cwd);
    expect(code).toBe(2);
  }
  const path = join(cwd, "data", "ledger", "checkpoint");
  const lines = readFileSync(path, "utf8").split("\n");
  for (const stripped of [4, 5]) {
    writeFileSync(path, lines.filter((_, line) => line !== stripped).join("\n"));
    const { code, out } = await runCli(["ledger", "verify"], cwd);
    expect(code).toBe(1);
    expect(out).toContain("not signed by");
  }
});

test("the public keys are shown by role, and never the private ones", async () => {
  const { code, out } = await runCli(["key", "show"], cwd);
  expect(code).toBe(0);
  const rows = out.trimEnd().split("\n").slice(1);
  expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
    ["checkpoint", "Ed25519"],
    ["checkpoint", "ML-DSA-44"],
    ["seal", "Ed25519"],
    ["receipt", "Ed25519"],
  ]);
  expect(rows.map((row) => row.split(/ {2,}/)[3])).toEqual(await vkeysOf("data"));
  expect((await runCli(["key", "show", "--data", "nowhere"], cwd)).err).toContain("code:  DATA_DIR_UNUSABLE");
});

test("where no gateway was ever started there is nothing to verify", async () => {
  const { code, err } = await runCli(["ledger", "verify", "--data", "nowhere"], cwd);
  expect(code).toBe(1);
  expect(err).toContain("code:  DATA_DIR_UNUSABLE");
});
