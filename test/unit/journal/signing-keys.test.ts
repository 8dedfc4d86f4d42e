import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Ledger } from "../../../gateway/journal/ledger.ts";
import { openSigningKeys, publicKeys, type SigningKeys } from "../../../gateway/journal/signing-keys.ts";
import { verifyLog } from "../../../gateway/journal/verify-log.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import {
  type Checkpoint,
  type CheckpointSigner,
  openCheckpoint,
  signCheckpoint,
} from "../../../src/ledger/checkpoint.ts";
import { checkpointVerifier } from "../../../src/ledger/checkpoint-verifier.ts";
import { cosignedTime } from "../../../src/ledger/mldsa44-line.ts";
import { parseNote } from "../../../src/ledger/note.ts";
import { silent } from "../../support/ledger-workload.ts";

const origin = "gw.test/ledger/1";
const start = 1_790_000_000;
const checkpoint: Checkpoint = { origin, size: 7, root: new Uint8Array(32).fill(1) };

let dir: string;
let opened: SigningKeys[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mycogate-keys-"));
  opened = [];
});
afterEach(async () => {
  for (const keys of opened) await keys.close();
  rmSync(dir, { recursive: true });
});

async function open(nowS: () => number = () => start, name = origin): Promise<SigningKeys> {
  const keys = await openSigningKeys({
    keysDir: join(dir, "keys"),
    ledgerDir: join(dir, "ledger"),
    origin: name,
    nowUs: () => nowS() * 1_000_000,
  });
  opened.push(keys);
  return keys;
}

const timeOf = (signature: Uint8Array) => Number(cosignedTime(signature));

test("each role has a key of its own, made at the first start, its owner's only, and used ever after", async () => {
  await open();
  const files = ["checkpoint-ed25519.pem", "checkpoint-mldsa44.pem", "receipt-ed25519.pem", "seal-ed25519.pem"];
  expect(readdirSync(join(dir, "keys")).sort()).toEqual(files);
  for (const file of files) expect(statSync(join(dir, "keys", file)).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, "keys")).mode & 0o777).toBe(0o700);
  const before = await publicKeys(join(dir, "keys"), origin);
  expect(before.map(({ role, type }) => `${role} ${type}`)).toEqual([
    "checkpoint Ed25519",
    "checkpoint ML-DSA-44",
    "seal Ed25519",
    "receipt Ed25519",
  ]);
  expect(new Set(before.map(({ vkey }) => vkey.split("+").at(-1))).size).toBe(4);
  await open();
  expect(await publicKeys(join(dir, "keys"), origin)).toEqual(before);
});

test("the ML-DSA-44 key is PKCS#8 with the seed alone", async () => {
  await open();
  const pem = readFileSync(join(dir, "keys", "checkpoint-mldsa44.pem"), "utf8");
  expect(pem).toMatch(
    /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=]{64}\n[A-Za-z0-9+/=]+\n-----END PRIVATE KEY-----\n$/,
  );
  const der = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64");
  expect(der).toHaveLength(54);
  expect(der.toString("hex", 0, 22)).toBe("3034020100300b060960864801650304031104228020");
});

test.each(["checkpoint-ed25519.pem", "checkpoint-mldsa44.pem", "seal-ed25519.pem"])(
  "a damaged %s is an error and not replaced",
  async (file) => {
    await open();
    const path = join(dir, "keys", file);
    const other = file.includes("mldsa44") ? "seal-ed25519.pem" : "checkpoint-mldsa44.pem";
    for (const content of ["", "no key", readFileSync(join(dir, "keys", other))]) {
      writeFileSync(path, content);
      await expect(open()).rejects.toMatchObject({ code: "SIGNING_KEY_INVALID" });
      expect(readFileSync(path, "utf8")).toBe(content.toString());
    }
  },
);

test("a checkpoint carries both lines, and whoever has the public keys demands both", async () => {
  const { checkpointSigners } = await open();
  const note = await signCheckpoint(checkpoint, checkpointSigners);
  expect(note.length).toBeLessThan(3_700);
  const verifiers = (await publicKeys(join(dir, "keys"), origin)).slice(0, 2).map(({ vkey }) => {
    const verifier = checkpointVerifier(vkey);
    if (!verifier.ok) throw new Error(verifier.detail);
    return verifier.value;
  });
  expect(openCheckpoint(note, origin, verifiers)).toMatchObject({ ok: true, value: { size: 7 } });

  const lines = note.split("\n");
  for (const line of [4, 5]) {
    const stripped = lines.filter((_, index) => index !== line).join("\n");
    expect(openCheckpoint(stripped, origin, verifiers)).toMatchObject({ ok: false, reject: "SIGNATURE_MISSING" });
  }
  const strangers = mkdtempSync(join(dir, "other-"));
  const others = await openSigningKeys({ keysDir: strangers, ledgerDir: strangers, origin, nowUs: () => 0 });
  opened.push(others);
  for (const which of [0, 1]) {
    const [own, forged] = [checkpointSigners[which]!, others.checkpointSigners[which]!];
    const mixed = checkpointSigners.map((signer, index) => (index === which ? forged : signer));
    // Under its own key id it is no signature of ours; under ours it does not verify.
    expect(openCheckpoint(await signCheckpoint(checkpoint, mixed), origin, verifiers)).toMatchObject({
      reject: "SIGNATURE_MISSING",
    });
    const posing: CheckpointSigner = { ...forged, keyId: own.keyId };
    const posed = checkpointSigners.map((signer, index) => (index === which ? posing : signer));
    expect(openCheckpoint(await signCheckpoint(checkpoint, posed), origin, verifiers)).toMatchObject({
      reject: "SIGNATURE_INVALID",
    });
  }
});

test("the signed time follows the clock, but never back, not even over a restart", async () => {
  let now = start;
  const first = (await open(() => now)).checkpointSigners[1]!;
  const timeNow = async (signer: CheckpointSigner) => timeOf(await signer.sign(checkpoint));
  expect(await timeNow(first)).toBe(start);
  now += 5;
  expect(await timeNow(first)).toBe(start + 5);
  now -= 3_600;
  expect(await timeNow(first)).toBe(start + 5);

  now = start + 10;
  const keys = await open(() => now);
  const ledger = await openLedger(keys);
  await ledger.close();
  const stored = parseNote(readFileSync(join(dir, "ledger", "checkpoint"), "utf8"));
  if (!stored.ok) throw new Error(stored.detail);
  expect(timeOf(stored.value.signatures[1]!.signature)).toBe(start + 10);
  now = 0; // A board without a battery for its clock.
  expect(await timeNow((await open(() => now)).checkpointSigners[1]!)).toBe(start + 10);
});

function openLedger({ checkpointSigners: signers, seals }: SigningKeys): Promise<Ledger> {
  return Ledger.open({
    dir: join(dir, "ledger"),
    origin,
    signers,
    seals,
    nowUs: () => start * 1_000_000,
    log: silent,
    onFatal: (error) => {
      throw error;
    },
  });
}

test("a ledger whose checkpoint has only the Ed25519 line is refused with the reason", async () => {
  const keys = await open();
  const ledger = await openLedger(keys);
  await new Promise<void>((resolve) => {
    ledger.append(entryBatch([Buffer.from("one")], false), () => resolve());
  });
  await ledger.close();
  const path = join(dir, "ledger", "checkpoint");
  writeFileSync(path, readFileSync(path, "utf8").split("\n").slice(0, 5).join("\n").concat("\n"));
  await expect(openLedger(keys)).rejects.toMatchObject({
    code: "CHECKPOINT_INVALID",
    message: expect.stringContaining("not signed by"),
    details: { reject: "SIGNATURE_MISSING" },
  });
  const report = await verifyLog({ dir: join(dir, "ledger"), verifiers: keys.checkpointSigners });
  expect(report).toMatchObject({ ok: false, problem: { file: "checkpoint" } });
});

test("an origin that the signed structure has no room for is refused", async () => {
  await expect(open(() => start, "ü".repeat(128))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("signing while the keys are closed fails instead of waiting for ever", async () => {
  const keys = await open();
  const [, signer] = keys.checkpointSigners;
  const waiting = Promise.resolve(signer!.sign(checkpoint)).catch((error: Error) => error);
  await keys.close();
  await waiting;
  // Node's own implementation needs no thread, and goes on.
  const after = await Promise.resolve(signer!.sign(checkpoint)).catch((error: Error) => error);
  if (after instanceof Error) expect(after.message).toContain("thread has ended");
});
