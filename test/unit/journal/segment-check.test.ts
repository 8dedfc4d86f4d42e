/** Segments that are checked ahead of the walk: what they spare it, and that they never decide what is wrong, or where. */
import { generateKeyPairSync } from "node:crypto";
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { forEachEntry } from "../../../gateway/journal/frame.ts";
import { sealSigner } from "../../../gateway/journal/seal-key.ts";
import { SealKeyChain } from "../../../gateway/journal/seal-key-chain.ts";
import { type VerifiedPart, verifyLog } from "../../../gateway/journal/verify-log.ts";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import type { Seal } from "../../../src/ledger/seal.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { forgeFrames } from "../../support/forge-entry.ts";
import { ledgerDir, openLedger, origin, seals, sealVkey, signer } from "../../support/ledger-workload.ts";
import { readingLeaf, record } from "../../support/removal-support.ts";
import { ChecksHere, verifyEveryWay } from "../../support/verify-every-way.ts";

const block = { leaves: 7, ms: 86_400_000 };
const strange = generateKeyPairSync("ed25519").privateKey;
const strangeVkey = ed25519Vkey(`${origin}#seals`, strange);
const segmentsOf = (files: FaultyFiles) => files.paths().filter((path) => path.endsWith(".wal"));
const leafOf = (path: string) => Number(path.slice(-20, -4));

/** Readings in blocks of seven, over some ten segments. */
async function ledgerOf(sealer: typeof seals): Promise<FaultyFiles> {
  const files = new FaultyFiles();
  const ledger = await openLedger(files, { block, segmentBytes: 2_000, seals: sealer });
  for (let seq = 0; seq < 180; seq += 3) {
    const leaves = [0, 1, 2].map((more) => readingLeaf("oak", seq + more, Buffer.from(`reading ${seq + more}`)));
    await record(ledger, leaves, false);
  }
  await ledger.close();
  expect(segmentsOf(files).length).toBeGreaterThan(6);
  return files;
}

/** Exchanges the first byte of an entry and makes all CRCs of the log match. @returns the entry, and where its frame is */
function forgeLog(files: FaultyFiles, leaf: number): { entry: Uint8Array; file: string; offset: number } {
  let forged: { entry: Uint8Array; file: string; offset: number } | undefined;
  let handedOn: number | undefined;
  for (const path of segmentsOf(files)) {
    const segment = files.bytes(path);
    if (handedOn !== undefined) {
      segment.writeUInt32BE(handedOn, 32);
      segment.writeUInt32BE(crc32(segment.subarray(0, 40)), 40);
    }
    let last = 0;
    forgeFrames(segment, ({ firstLeaf }, payload, offset) => {
      last = offset;
      forEachEntry(payload, (entry, index) => {
        if (firstLeaf + index !== leaf) return;
        entry[0]! ^= 0x07;
        forged = { entry: Uint8Array.from(entry), file: path.slice(ledgerDir.length + 1), offset };
      });
      return undefined;
    });
    handedOn = segment.readUInt32BE(last + 36);
  }
  return forged!;
}

let sound: FaultyFiles;
beforeAll(async () => {
  sound = await ledgerOf(seals);
});

const verify = (files: FaultyFiles, vkeys = [sealVkey]) =>
  verifyEveryWay({
    dir: ledgerDir,
    verifiers: [signer],
    seals: () => new SealKeyChain([sealVkey]),
    sealVkeys: vkeys,
    files,
  });

describe("a segment that was checked ahead", () => {
  test("is passed over, all but the first, which tells the seals' key, and the last", async () => {
    const ahead = new ChecksHere(sound, [sealVkey]);
    const walkedThrough: VerifiedPart[] = [];
    const seals = new SealKeyChain([sealVkey]);
    const options = { dir: ledgerDir, verifiers: [signer], seals, files: sound, ahead };
    const report = await verifyLog({ ...options, onPart: async (part) => void walkedThrough.push(part) });
    expect(report).toMatchObject({ ok: true });
    expect(ahead.checked.map(({ from }) => from.leaf)).toEqual(segmentsOf(sound).slice(1, -1).map(leafOf));
    expect(ahead.checked.map(({ to }) => to)).toEqual(walkedThrough.slice(1).map(({ state }) => state));
  });

  test("does not hide an entry exchanged in a segment before it, whatever was made to match", async () => {
    for (let leaf = 0; leaf < 200; leaf += 9) {
      const forged = sound.copy();
      const { entry, file, offset } = forgeLog(forged, leaf);
      if (entry[0] === 0xd5) continue; // A seal.
      const what = "this entry is not the one that was signed";
      expect((await verify(forged)).problem, `leaf ${leaf}`).toEqual({ what, file, offset, leafIndex: leaf });
      forged.bytes(`${ledgerDir}/hash.0`).set(leafHash(entry), leaf * 32);
      // Now only its seal tells.
      expect((await verify(forged)).problem!.what).toMatch(/^the seal of block \d+ has another root than/);
    }
  });

  test("does not hide hash files that are wrong where it begins", async () => {
    for (const path of segmentsOf(sound).slice(1)) {
      for (const before of [1, 2, 5]) {
        const damaged = sound.copy();
        const leaf = leafOf(path) - before;
        damaged.bytes(`${ledgerDir}/hash.0`)[leaf * 32]! ^= 1;
        expect((await verify(damaged)).problem).toMatchObject({ file: "hash.0", offset: leaf * 32, leafIndex: leaf });
      }
    }
  });

  test("with seals of another key counts as little as before, although that key is known", async () => {
    const stranger = sealSigner(strange);
    const sign = (seal: Seal) => (seal.number < 10 ? seals : stranger).sign(seal);
    const files = await ledgerOf({ ...seals, sign });
    const { ok, problem } = await verify(files, [sealVkey, strangeVkey]);
    expect(ok).toBe(false);
    expect(problem!.what).toMatch(/^the seal of block \d+ has a signature that does not verify$/);
    // Nor does one that nobody has looked at for want of a key.
    expect((await verify(files, [])).problem).toEqual(problem);
  });

  test("does not lead past a segment that is missing, doubled or in the place of another", async () => {
    const segments = segmentsOf(sound);
    for (const [index, path] of segments.entries()) {
      const missing = sound.copy();
      missing.remove(path);
      expect((await verify(missing)).ok).toBe(false);
      const exchanged = sound.copy();
      exchanged.put(path, sound.bytes(segments[(index + 1) % segments.length]!));
      expect((await verify(exchanged)).ok).toBe(false);
      const longer = sound.copy();
      longer.put(path, Buffer.concat([sound.bytes(path), sound.bytes(path).subarray(44)]));
      expect((await verify(longer)).ok).toBe(false);
    }
  });
});
