/** `mycogate ledger verify` on a ledger that a gateway's own parts have written. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../../gateway/config/config.ts";
import { ensureIdentity, type Identity } from "../../../gateway/config/identity.ts";
import { checkpointSigner, checkpointVkey } from "../../../gateway/journal/checkpoint-key.ts";
import { journalDir, Ledger } from "../../../gateway/journal/ledger.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { runCli } from "../../support/captured-cli.ts";

let cwd: string;
let identity: Identity;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-verify-"));
  identity = ensureIdentity(loadConfig({ env: {}, cwd }));
  const ledger = await Ledger.open({
    dir: join(cwd, "data", "ledger"),
    origin: identity.ledgerOrigin,
    signers: [await checkpointSigner(join(cwd, "data", "keys"), identity.ledgerOrigin)],
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
});
afterEach(() => rmSync(cwd, { recursive: true }));

/** The journal's only segment. */
function segment(): string {
  const dir = journalDir(join(cwd, "data", "ledger"));
  return join(dir, readdirSync(dir).find((name) => !name.startsWith("."))!);
}

test("a sound ledger is told its size and its root", async () => {
  const { code, out, err } = await runCli(["ledger", "verify"], cwd);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`log          ${identity.ledgerOrigin}\nentries      3\ncheckpointed 3\n`);
  expect(out).toContain("every entry is in its place");
  expect(JSON.parse((await runCli(["ledger", "verify", "--json"], cwd)).out)).toMatchObject({ ok: true, entries: 3 });
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

test("a copy is verified with the public key alone, and not with another log's", async () => {
  const vkey = await checkpointVkey(join(cwd, "data", "keys"), identity.ledgerOrigin);
  rmSync(join(cwd, "data", "keys"), { recursive: true });
  rmSync(join(cwd, "data", "gateway.json"));
  expect((await runCli(["ledger", "verify", "--vkey", vkey!], cwd)).code).toBe(0);
  expect((await runCli(["ledger", "verify", "--vkey", "nonsense"], cwd)).code).toBe(2);
  await checkpointSigner(join(cwd, "other"), identity.ledgerOrigin);
  const stranger = await checkpointVkey(join(cwd, "other"), identity.ledgerOrigin);
  expect((await runCli(["ledger", "verify", "--vkey", stranger!], cwd)).code).toBe(1);
});

test("where no gateway was ever started there is nothing to verify", async () => {
  const { code, err } = await runCli(["ledger", "verify", "--data", "nowhere"], cwd);
  expect(code).toBe(1);
  expect(err).toContain("code:  DATA_DIR_UNUSABLE");
});
