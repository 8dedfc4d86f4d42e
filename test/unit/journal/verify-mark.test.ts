import { generateKeyPairSync, sign } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { diskFiles } from "../../../gateway/journal/disk-files.ts";
import { SealKeyChain } from "../../../gateway/journal/seal-key-chain.ts";
import { listSegments, segmentPath } from "../../../gateway/journal/segment.ts";
import { type VerifiedPart, verifyLog } from "../../../gateway/journal/verify-log.ts";
import { marksDir, VerifyMark } from "../../../gateway/journal/verify-mark.ts";
import { forgeEntry } from "../../support/forge-entry.ts";
import { scratchDir } from "../../support/scratch-dir.ts";
import { StartedLedger } from "../../support/started-ledger.ts";

let ledgerDir: string;
let dir: string;
let path: string;
let parts: VerifiedPart[];
let verify: (from?: VerifiedPart) => ReturnType<typeof verifyLog>;
const keys = ["one", "two"];
const open = (goesBy = keys) => VerifyMark.open(dir, ledgerDir, goesBy);
const unusable = async (mark?: VerifyMark) => {
  const found = await (mark ?? (await open())).read();
  return "unusable" in found ? found.unusable : "";
};

/** A ledger of some ten segments, verified, and a mark in its middle. */
beforeEach(async () => {
  const cwd = scratchDir("mark");
  ledgerDir = join(cwd, "data", "ledger");
  dir = marksDir({ HOME: cwd })!;
  const started = await StartedLedger.start(cwd, {}, { leaves: 20, segmentBytes: 5_000 });
  await started.readings(600, 20);
  const { checkpointVerifiers: verifiers, roles } = started.keys;
  await started.stop();
  const sealKey = roles.seal.current.vkey;
  parts = [];
  verify = (from) => {
    const onPart = async (part: VerifiedPart) => void parts.push(part);
    return verifyLog({ dir: ledgerDir, verifiers, seals: new SealKeyChain([sealKey]), from, onPart });
  };
  expect(await verify()).toMatchObject({ ok: true });
  expect(parts.length).toBeGreaterThan(8);
  await (await open()).write(parts[5]!);
  path = join(dir, readdirSync(dir).find((name) => name.endsWith(".mark"))!);
});

describe("the mark of a verification", () => {
  test("is taken by the next run, which ends as a whole one does", async () => {
    const found = await (await open()).read();
    expect(found).toEqual({ part: parts[5], time: expect.any(String) });
    if ("part" in found) expect(await verify(found.part)).toEqual(await verify());
    await (await open()).remove();
    expect(await unusable()).toContain("no verification of this ledger was interrupted");
  });

  test("is refused when any byte of it was changed, or it was cut short", async () => {
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length - 1; at += 7) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 0x01;
      writeFileSync(path, changed);
      expect(await unusable(), `byte ${at}`).toContain("is damaged, or is not of your making");
      writeFileSync(path, whole.subarray(0, at));
      expect(await unusable(), `cut at ${at}`).toContain("is damaged, or is not of your making");
    }
  });

  test("that somebody else has made is refused, however well it fits", async () => {
    const [body] = readFileSync(path, "utf8").split("\n");
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(path, `${body}\n${sign(null, Buffer.from(body!), privateKey).toString("base64")}\n`);
    expect(await unusable()).toContain("is damaged, or is not of your making");
    rmSync(join(dir, "verify-ed25519.pem"));
    expect(await unusable()).toContain("is damaged, or is not of your making");
  });

  test("is refused for other keys, and for another ledger or a copy", async () => {
    expect(await unusable(await open(["one"]))).toContain("went by other keys");
    const other = await VerifyMark.open(dir, `${ledgerDir}/..`, keys);
    expect(await unusable(other)).toContain("no verification of this ledger was interrupted");
    await other.write(parts[5]!);
    for (const name of readdirSync(dir)) if (name.endsWith(".mark")) copyFileSync(join(dir, name), path);
    await (await open()).write(parts[5]!);
    const own = readFileSync(path);
    await other.write(parts[5]!);
    for (const name of readdirSync(dir)) if (name.endsWith(".mark")) writeFileSync(join(dir, name), own);
    expect(await unusable(other)).toContain("of another ledger");
  });

  test("is refused when a file before it was written to, in place or as another with its times", async () => {
    const journal = join(ledgerDir, "journal");
    const segment = segmentPath(journal, (await listSegments(diskFiles, journal))[2]!);
    const bytes = readFileSync(segment);
    const { mtime } = await import("node:fs").then((fs) => fs.statSync(segment));
    writeFileSync(segment, bytes);
    utimesSync(segment, mtime, mtime);
    expect(await unusable()).toContain("written to or replaced since");
    await (await open()).write(parts[5]!);
    expect(await unusable()).toBe("");
    copyFileSync(segment, `${segment}.copy`);
    renameSync(`${segment}.copy`, segment);
    expect(await unusable()).toContain("written to or replaced since");
  });

  test("is refused when the run itself had begun before the file was written to", async () => {
    const journal = join(ledgerDir, "journal");
    const running = await open();
    const segment = segmentPath(journal, 0);
    writeFileSync(segment, readFileSync(segment));
    await running.write(parts[5]!);
    expect(await unusable()).toContain("written to or replaced since");
  });

  test("is refused when hash files or the checkpoint are not those of then", async () => {
    const checkpoint = join(ledgerDir, "checkpoint");
    const text = readFileSync(checkpoint, "utf8");
    writeFileSync(checkpoint, text.replace(/\n\d+\n/, "\n17\n"));
    expect(await unusable()).toContain("the checkpoint is older");
    writeFileSync(checkpoint, text);
    const hashes = join(ledgerDir, "hash.0");
    const bytes = readFileSync(hashes);
    bytes[(parts[5]!.state.leaf - 1) * 32]! ^= 1;
    writeFileSync(hashes, bytes);
    expect(await unusable()).toContain("the hash files are not those");
  });

  test("is not believed by a key that others can read, and not kept where nothing can be written", async () => {
    chmodSync(join(dir, "verify-ed25519.pem"), 0o644);
    await expect((await open()).read()).rejects.toMatchObject({ code: "SIGNING_KEY_EXPOSED" });
    const nowhere = await VerifyMark.open(join(path, "below-a-file"), ledgerDir, keys);
    await nowhere.write(parts[5]!);
    expect(nowhere.trouble).toBeDefined();
    expect(marksDir({})).toBeUndefined();
  });

  test("lets the next run find damage behind it where a whole run finds it", async () => {
    const journal = join(ledgerDir, "journal");
    const segments = await listSegments(diskFiles, journal);
    const found = await (await open()).read();
    if (!("part" in found)) expect.fail(found.unusable);
    for (const segment of segments.filter((first) => first >= found.part.state.leaf)) {
      const file = segmentPath(journal, segment);
      const whole = readFileSync(file);
      for (let at = 0; at < whole.length; at += 997) {
        const changed = Buffer.from(whole);
        changed[at]! ^= 0x10;
        writeFileSync(file, changed);
        const report = await verify(found.part);
        expect(report, `${file} byte ${at}`).toEqual(await verify());
        expect(report.ok).toBe(false);
      }
      const forged = Buffer.from(whole);
      forgeEntry(forged, segment, Buffer.from([0x89]));
      writeFileSync(file, forged);
      expect(await verify(found.part)).toEqual(await verify());
      writeFileSync(file, whole);
    }
  });
});
