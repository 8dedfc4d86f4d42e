/** `mycogate key …` and `ledger verify` over the rotations of a ledger on disk. */
import { generateKeyPairSync, sign } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sealSigner } from "../../../gateway/journal/seal-key.ts";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { type KeyRole, keyEntry, keyRoles, rotationStatement } from "../../../src/ledger/key-events.ts";
import { parsePolicy } from "../../../src/ledger/policy.ts";
import { verifyProof } from "../../../src/ledger/verify-proof.ts";
import { runCli } from "../../support/captured-cli.ts";
import { StartedLedger } from "../../support/started-ledger.ts";

let cwd: string;
let running: StartedLedger | undefined;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "mycogate-keys-"));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(cwd, { recursive: true });
});

const key = (file: string) => join(cwd, "data", "keys", file);

/** A start, so many readings, and a stop. */
async function run(
  readings = 4,
  env: Record<string, string> = {},
  options: { cut?: boolean; leaves?: number } = {},
): Promise<void> {
  running = await StartedLedger.start(cwd, env, options);
  await running.readings(readings);
  await running.stop();
  running = undefined;
}

interface Shown {
  readonly role: string;
  readonly type: string;
  readonly vkey: string;
  readonly state: string;
}
const shown = async (): Promise<Shown[]> => JSON.parse((await runCli(["key", "show", "--json"], cwd)).out);
const vkeys = async (): Promise<string[]> =>
  (await shown()).filter(({ state, role }) => state === "in use" && role !== "witness").map(({ vkey }) => vkey);
const verify = async (keys?: readonly string[]) => {
  const { code, out } = await runCli(["ledger", "verify", "--json", ...(keys ? ["--vkey", ...keys] : [])], cwd);
  return { code, ...JSON.parse(out) };
};
const rotate = async (role: KeyRole) =>
  expect(await runCli(["key", "rotate", role, "--yes"], cwd)).toMatchObject({ code: 0 });
const logged = async (): Promise<string[]> => {
  const { out } = await runCli(["ledger", "log", "--json", "--type", "key"], cwd);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).text);
};
const strangersVkey = (vkey: string) => ed25519Vkey(vkey.split("+", 1)[0]!, generateKeyPairSync("ed25519").privateKey);
const keyId = (vkey: string) => vkey.split("+", 2).join("+");

describe("rotation", () => {
  test.each(keyRoles)(
    "of the %s key is announced, and the whole log verifies with the keys before and after",
    async (role) => {
      await run();
      const before = await vkeys();
      await rotate(role);
      await run();
      await run();
      const after = await vkeys();
      const changed = before.findIndex((vkey) => !after.includes(vkey));
      expect(await logged()).toEqual([
        `the ${role} key ${keyId(before[changed]!)} is followed by ${keyId(after[changed]!)}`,
      ]);
      for (const keys of [before, after]) {
        const { code, ...report } = await verify(keys);
        expect([code, report.problem], String(keys)).toEqual([0, undefined]);
        expect(report).toMatchObject({ ok: true, sealSignatures: true });
        expect(report.blocks).toBeGreaterThan(3);
      }
    },
  );

  test("one after the other, of every role, is followed from the first keys to the last", async () => {
    await run();
    const first = await vkeys();
    for (let round = 0; round < 2; round++) {
      for (const role of keyRoles) await rotate(role);
      await run(8);
      for (const role of keyRoles)
        expect(await runCli(["key", "retire", role, "--yes"], cwd)).toMatchObject({ code: 0, err: "" });
      await run(1);
    }
    expect(await logged()).toHaveLength(16);
    expect(await vkeys()).not.toEqual(expect.arrayContaining([first[0]]));
    for (const keys of [undefined, first, await vkeys()])
      expect(await verify(keys)).toMatchObject({ code: 0, ok: true });
  });

  test("the key before seals the block with the announcement, and nothing after it", async () => {
    await run();
    const old = await vkeys();
    await rotate("seal");
    await run(7);
    // A stranger's key in its place is none of the chain's.
    const report = await verify(old.map((vkey) => (vkey.includes("#seals") ? strangersVkey(vkey) : vkey)));
    expect(report).toMatchObject({ code: 1, problem: { what: "none of the seals' keys is the one given" } });
    expect(await verify(old)).toMatchObject({ code: 0 });
  });

  test("blocks of one entry are sealed by the right key at every step", async () => {
    const one = { leaves: 1 };
    await run(2, {}, one);
    const first = await vkeys();
    for (const role of keyRoles) await rotate(role);
    for (let start = 0; start < 3; start++) await run(start, {}, one);
    for (const keys of [undefined, first, await vkeys()])
      expect(await verify(keys)).toMatchObject({ code: 0, ok: true });
  });

  test("a start that was cut off between the announcement and the seal is made good by the next", async () => {
    await run();
    await rotate("seal");
    await run(0, {}, { cut: true });
    await run(5);
    expect(await verify()).toMatchObject({ code: 0, ok: true });
    expect(await logged()).toHaveLength(1);
  });

  test("a seal by a key that the log did not announce is refused, and named", async () => {
    await run();
    running = await StartedLedger.start(cwd);
    const stranger = sealSigner(generateKeyPairSync("ed25519").privateKey);
    running.keys.seals.sign = (seal) => stranger.sign(seal);
    await running.readings(4);
    await running.stop();
    running = undefined;
    const { code, problem } = await verify();
    expect(code).toBe(1);
    expect(problem.what).toMatch(/^the seal of block \d+ has a signature that does not verify$/);
    expect(problem.leafIndex).toBeGreaterThan(0);
  });

  test("a rotation that the key before has not signed is found, also where every seal after it is the next key's", async () => {
    await run();
    running = await StartedLedger.start(cwd);
    const { privateKey } = generateKeyPairSync("ed25519");
    const previous = running.keys.roles.seal.current.vkey;
    const rotated = { role: "seal", previous, next: ed25519Vkey(previous.split("+", 1)[0]!, privateKey) } as const;
    const accepted = sign(null, rotationStatement(rotated), privateKey);
    const entry = keyEntry({ type: "key.rotated", ...rotated, endorsed: accepted, accepted }, 1);
    await running.event(entry);
    await running.ledger.closeBlock();
    running.keys.seals.sign = (seal) => sealSigner(privateKey).sign(seal);
    await running.readings(4);
    await running.stop();
    running = undefined;
    const { code, problem } = await verify();
    expect([code, problem.what]).toEqual([
      1,
      expect.stringMatching(/^the seal of block \d+ has a signature that does not/),
    ]);
  });

  test.each(["checkpoint-ed25519", "seal"] as const)(
    "a %s key that is gone or was exchanged keeps the gateway from starting",
    async (role) => {
      await run();
      const path = key(role.startsWith("checkpoint") ? `${role}.pem` : `${role}-ed25519.pem`);
      rmSync(path);
      await expect(run()).rejects.toMatchObject({ code: "SIGNING_KEY_MISSING", details: { role } });
      expect(existsSync(path)).toBe(false);
      const stranger = await StartedLedger.start(mkdtempSync(join(cwd, "stranger-")));
      await stranger.stop();
      const [strangers] = readdirSync(cwd).filter((name) => name.startsWith("stranger-"));
      copyFileSync(path.replace(join(cwd, "data"), join(cwd, strangers!, "data")), path);
      await expect(run()).rejects.toMatchObject({ code: "SIGNING_KEY_UNANNOUNCED", details: { role } });
    },
  );

  test("prepared, the next key is known to everyone before it signs", async () => {
    await run();
    const prepared = await runCli(["key", "rotate", "receipt", "--prepare", "--json"], cwd);
    const { vkey } = JSON.parse(prepared.out);
    expect(await shown()).toContainEqual(expect.objectContaining({ role: "receipt", state: "next", vkey }));
    expect(JSON.parse((await runCli(["key", "rotate", "receipt", "--prepare", "--json"], cwd)).out).vkey).toBe(vkey);
    await run(1);
    expect(await logged()).toEqual([]);
    await rotate("receipt");
    expect(await vkeys()).toContain(vkey);
  });

  test("is refused while the key before is there, without --yes, and for a role that is none", async () => {
    await run();
    expect((await runCli(["key", "rotate", "seal"], cwd)).code).toBe(2);
    expect((await runCli(["key", "rotate", "sael", "--yes"], cwd)).code).toBe(2);
    await rotate("seal");
    expect((await runCli(["key", "rotate", "seal", "--yes"], cwd)).err).toContain("KEY_ROTATION_REFUSED");
  });
});

describe("auditors over a checkpoint key's rotation", () => {
  const policy = async () => {
    const parsed = parsePolicy((await runCli(["ledger", "policy"], cwd)).out);
    if (!parsed.ok) throw new Error(parsed.detail);
    return parsed.value;
  };
  const proof = async () => Buffer.from((await runCli(["ledger", "prove", "1"], cwd)).out);

  test("the key before signs beside the next one until it is retired", async () => {
    await run();
    const [oldPolicy, oldProof] = [await policy(), await proof()];
    await rotate("checkpoint-ed25519");
    await rotate("checkpoint-mldsa44");
    await run();
    const between = await proof();
    expect(between.toString().match(/^\u2014 /gm)).toHaveLength(4);
    const newPolicy = await policy();
    for (const each of [oldPolicy, newPolicy]) expect(verifyProof(between, each)).toMatchObject({ ok: true });

    for (const role of ["checkpoint-ed25519", "checkpoint-mldsa44"])
      expect((await runCli(["key", "retire", role, "--yes"], cwd)).code).toBe(0);
    await run();
    const after = await proof();
    expect(after.toString().match(/^\u2014 /gm)).toHaveLength(2);
    expect(verifyProof(after, await policy())).toMatchObject({ ok: true });
    expect(verifyProof(after, oldPolicy)).toMatchObject({ reject: "SIGNATURE_MISSING" });
    // What was proven before stays so, to who has the keys of then.
    expect(verifyProof(oldProof, newPolicy)).toMatchObject({ ok: true });
  });

  test("an exported log tells by itself which key seals which block", async () => {
    await run(7);
    const first = (await runCli(["ledger", "policy"], cwd)).out;
    writeFileSync(join(cwd, "first"), first);
    writeFileSync(join(cwd, "bare"), first.replaceAll(/^#seals .*\n/gm, ""));
    await rotate("seal");
    await run(7);
    expect((await runCli(["key", "retire", "seal", "--yes"], cwd)).code).toBe(0);
    await run(7);
    const [before, after] = [first, (await runCli(["ledger", "policy"], cwd)).out].map(
      (policy) => /^#seals (.*)$/m.exec(policy)![1]!,
    );
    expect((await runCli(["ledger", "export", "--tiles", "log"], cwd)).code).toBe(0);
    const seals = async (policy: string) => {
      const { facts } = JSON.parse(
        (await runCli(["ledger", "verify-export", "log", "--policy", policy, "--json"], cwd)).out,
      );
      return new Map(facts).get("seals");
    };
    const signed = `signed with ${keyId(before!)}, then ${keyId(after!)}, as the log announces`;
    expect(await seals("first")).toBe(`${signed} and the policy names`);
    expect(await seals("bare")).toBe(`${signed}; the policy names none`);
  });

  test("nothing is retired that is still needed", async () => {
    await run();
    const retire = (role: string) => runCli(["key", "retire", role, "--yes"], cwd);
    expect((await retire("seal")).err).toContain("KEY_ROTATION_REFUSED");
    for (const role of keyRoles) {
      await rotate(role);
      expect((await retire(role)).err, role).toContain("has not announced");
    }
    await run(0);
    expect((await retire("seal")).err).toContain("has not sealed a block yet");
    await run(6);
    for (const role of keyRoles) expect((await retire(role)).err, role).toBe("");
    expect(readdirSync(join(cwd, "data", "keys")).filter((name) => name.includes(".old."))).toEqual([]);
  });
});

test("`check` says before a start what is wrong with the keys", async () => {
  const checked = async () =>
    (await runCli(["check"], cwd)).out.split("\n").find((line) => line.includes("signing keys"));
  await run(1);
  expect(await checked()).toMatch(/^OK .*all there/);
  await rotate("seal");
  expect(await checked()).toMatch(/^WARN .*seal replaced/);
  chmodSync(key("seal-ed25519.pem"), 0o644);
  expect(await checked()).toMatch(/^FAIL .*chmod 600/);
  rmSync(key("seal-ed25519.pem"));
  expect(await checked()).toMatch(/^FAIL .*there is no .*seal-ed25519\.pem/);
});

test("a key that others can read keeps the gateway from starting", async () => {
  await run(1);
  for (const file of ["seal-ed25519.pem", "checkpoint-mldsa44.pem"]) {
    chmodSync(key(file), 0o640);
    await expect(run(1)).rejects.toMatchObject({ code: "SIGNING_KEY_EXPOSED" });
    chmodSync(key(file), 0o600);
  }
});

test("keys may come from the configuration, as text or as files", async () => {
  await run();
  const before = await vkeys();
  const env = {
    MYCOGATE_KEYS_SEAL_ED25519: readFileSync(key("seal-ed25519.pem"), "utf8"),
    MYCOGATE_KEYS_CHECKPOINT_MLDSA44_FILE: join(cwd, "mldsa44.pem"),
  };
  copyFileSync(key("checkpoint-mldsa44.pem"), join(cwd, "mldsa44.pem"));
  for (const file of ["seal-ed25519.pem", "checkpoint-mldsa44.pem"]) rmSync(key(file));
  await run(4, env);
  expect(existsSync(key("seal-ed25519.pem"))).toBe(false);
  expect(await verify(before)).toMatchObject({ code: 0 });
  const { err } = await runCli(["key", "rotate", "seal", "--yes"], cwd, env);
  expect(err).toContain("KEY_ROTATION_REFUSED");

  // Rotated by hand: the one before beside the others, the next one in the configuration.
  writeFileSync(key("seal-ed25519.old.pem"), env.MYCOGATE_KEYS_SEAL_ED25519, { mode: 0o600 });
  const next = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await run(6, { ...env, MYCOGATE_KEYS_SEAL_ED25519: next });
  expect(await logged()).toHaveLength(1);
  expect(await verify(before)).toMatchObject({ code: 0 });
});

describe("backup and restore", () => {
  const file = () => join(cwd, "gateway.keys");
  const passphrase = "correct horse battery";
  beforeEach(async () => {
    await run();
    writeFileSync(join(cwd, "passphrase"), `${passphrase}\n`);
  });

  test.each([
    ["encrypted", ["--passphrase-file", "passphrase"]],
    ["unencrypted", ["--plain"]],
  ])("an %s backup brings the keys back to where their ledger is", async (_how, options) => {
    const backup = await runCli(["key", "backup", "gateway.keys", ...options], cwd);
    expect([backup.code, backup.err]).toEqual([0, ""]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const text = readFileSync(file(), "utf8");
    expect(text.includes("BEGIN PRIVATE KEY")).toBe(options[0] === "--plain");
    expect(backup.out).toContain(options[0] === "--plain" ? "NOT encrypted" : "encrypted");
    const before = await vkeys();
    const restore = ["key", "restore", "gateway.keys", ...options.filter((option) => option !== "--plain")];
    expect((await runCli(restore, cwd)).err).toContain("there are keys in");
    rmSync(join(cwd, "data", "keys"), { recursive: true });
    rmSync(join(cwd, "data", "gateway.json"));
    expect((await runCli(restore, cwd)).err).toBe("");
    expect(await vkeys()).toEqual(before);
    expect(statSync(key("seal-ed25519.pem")).mode & 0o777).toBe(0o600);
    await run();
    expect(await verify(before)).toMatchObject({ code: 0 });
  });

  test("says how, and writes over nothing", async () => {
    expect((await runCli(["key", "backup", "gateway.keys"], cwd)).code).toBe(2);
    expect(
      (await runCli(["key", "backup", "gateway.keys", "--plain", "--passphrase-file", "passphrase"], cwd)).code,
    ).toBe(2);
    writeFileSync(file(), "precious");
    expect((await runCli(["key", "backup", "gateway.keys", "--plain"], cwd)).code).toBe(1);
    expect(readFileSync(file(), "utf8")).toBe("precious");
    expect((await runCli(["key", "backup", "other", "--passphrase-file", "-"], cwd, {}, "short\n")).code).toBe(2);
  });

  test("another passphrase, another gateway, and a changed file are refused", async () => {
    await runCli(["key", "backup", "gateway.keys", "--passphrase-file", "passphrase"], cwd);
    rmSync(join(cwd, "data", "keys"), { recursive: true });
    const restore = (stdin = passphrase) =>
      runCli(["key", "restore", "gateway.keys", "--passphrase-file", "-"], cwd, {}, stdin);
    expect((await restore("another passphrase")).err).toContain("KEY_BACKUP_INVALID");
    expect((await runCli(["key", "restore", "gateway.keys"], cwd)).err).toContain("it is encrypted");
    const text = readFileSync(file(), "utf8");
    writeFileSync(file(), text.replace(/"content": "./, '"content": "_'));
    expect((await restore()).err).toContain("KEY_BACKUP_INVALID");
    for (const bad of [
      "",
      "{",
      "null",
      "[]",
      '{"format":"mycogate-keys/v1"}',
      '{"format":"mycogate-keys/v1","content":{"keys":{"../../x":"y"}}}',
    ]) {
      writeFileSync(file(), bad);
      expect((await runCli(["key", "restore", "gateway.keys"], cwd)).err, bad).toContain("KEY_BACKUP_INVALID");
    }
    writeFileSync(file(), text);
    const identity = join(cwd, "data", "gateway.json");
    const kept = readFileSync(identity, "utf8");
    writeFileSync(identity, kept.replace("/ledger/1", "/ledger/2"));
    expect((await restore()).err).toContain("KEY_BACKUP_INVALID");
    writeFileSync(identity, kept);
    expect((await restore()).err).toBe("");
  });

  test("keys do not come to a ledger that has forgotten what they have signed", async () => {
    cpSync(join(cwd, "data", "ledger"), join(cwd, "older"), { recursive: true });
    await run();
    await runCli(["key", "backup", "gateway.keys", "--plain"], cwd);
    for (const dir of ["keys", "ledger"]) rmSync(join(cwd, "data", dir), { recursive: true });
    expect((await runCli(["key", "restore", "gateway.keys"], cwd)).err).toContain("JOURNAL_ROLLED_BACK");
    cpSync(join(cwd, "older"), join(cwd, "data", "ledger"), { recursive: true });
    expect((await runCli(["key", "restore", "gateway.keys"], cwd)).err).toContain("JOURNAL_ROLLED_BACK");
    expect(existsSync(join(cwd, "data", "keys"))).toBe(false);
  });
});
