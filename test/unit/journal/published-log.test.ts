import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashFilePath } from "../../../gateway/journal/hash-files.ts";
import { journalDir, type Ledger } from "../../../gateway/journal/ledger.ts";
import { offsetsPath } from "../../../gateway/journal/offset-index.ts";
import { PublishedLog, witnessedPath } from "../../../gateway/journal/published-log.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { formatSignature } from "../../../src/ledger/note.ts";
import { verifyConsistency, verifyInclusion } from "../../../src/ledger/proof.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, openLedger } from "../../support/ledger-workload.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";

const text = (index: number) => Buffer.from(`entry ${index}`);
const tree = new RecursiveTree(Array.from({ length: 1000 }, (_, index) => leafHash(text(index))));
const bundled = (from: number, to: number) =>
  Buffer.concat(
    Array.from({ length: to - from }, (_, index) => {
      const entry = text(from + index);
      return Buffer.concat([Uint8Array.of(0, entry.length), entry]);
    }),
  );

let files: FaultyFiles;
let ledger: Ledger;
let log: PublishedLog;
beforeEach(async () => {
  files = new FaultyFiles();
  ledger = await openLedger(files, { segmentBytes: 20_000 });
  log = new PublishedLog({ dir: ledgerDir, files });
});
afterEach(async () => {
  await log.close();
  await ledger.close();
});

/** Appends up to `size` in frames that do not end where tiles do. @returns when they are durable */
async function growTo(size: number): Promise<void> {
  while (ledger.size < size) {
    const count = Math.min(37, size - ledger.size);
    const entries = Array.from({ length: count }, (_, index) => text(ledger.size + index));
    await new Promise<void>((resolve, reject) =>
      ledger.append(entryBatch(entries, false), (error) => (error ? reject(error) : resolve())),
    );
  }
}

/** As `growTo`, and until a checkpoint covers it. */
async function signedAt(size: number): Promise<void> {
  const signed = new Promise<void>((resolve) => {
    const stop = ledger.onCheckpoint(({ checkpoint }) => {
      if (checkpoint.size < size) return;
      stop();
      resolve();
    });
  });
  await growTo(size);
  await signed;
}

describe("beside a ledger that grows", () => {
  test("tiles and bundles are the exact bytes of the checkpoint's tree", async () => {
    await signedAt(700);
    const tile = (level: number | "entries", index: number, width: number) => log.tile({ level, index, width });
    const hashes = (from: number, to: number) =>
      Buffer.concat(Array.from({ length: to - from }, (_, at) => leafHash(text(from + at))));
    expect(await tile(0, 0, 256)).toEqual(hashes(0, 256));
    expect(await tile(0, 2, 188)).toEqual(hashes(512, 700));
    expect(await tile(0, 2, 100)).toEqual(hashes(512, 612));
    expect(await tile(1, 0, 2)).toEqual(Buffer.concat([tree.root(0, 256), tree.root(256, 512)]));
    expect(await tile("entries", 1, 256)).toEqual(bundled(256, 512));
    expect(await tile("entries", 2, 188)).toEqual(bundled(512, 700));
  });

  test("nothing beyond the checkpoint is shown, though it is on the disk", async () => {
    await signedAt(300);
    const signed = ledger.checkpoint;
    const behind = new PublishedLog({ dir: ledgerDir, files, newest: () => signed });
    await signedAt(600);
    for (const level of [0, "entries"] as const) {
      expect(await behind.tile({ level, index: 1, width: 45 })).toBeUndefined();
      expect(await behind.tile({ level, index: 1, width: 256 })).toBeUndefined();
      expect(await behind.tile({ level, index: 2, width: 1 })).toBeUndefined();
      expect(await behind.tile({ level, index: 1, width: 44 })).toBeDefined();
    }
    expect(await behind.tile({ level: 1, index: 0, width: 2 })).toBeUndefined();
    expect(await behind.tile({ level: 63, index: 0, width: 1 })).toBeUndefined();
    expect(await behind.inclusion(300)).toBeUndefined();
    expect(await behind.consistency(300, 301)).toBeUndefined();
    await behind.close();
  });

  test("every leaf has its proof in the newest checkpoint", async () => {
    for (const size of [1, 2, 255, 256, 257, 600]) {
      await signedAt(size);
      for (let leaf = 0; leaf < size; leaf += 1 + Math.floor(size / 40)) {
        const proof = (await log.inclusion(leaf))!;
        expect(Buffer.from(proof.leaf!)).toEqual(text(leaf));
        expect(proof.checkpoint).toBe(ledger.checkpoint);
        expect(verifyInclusion(leaf, size, leafHash(text(leaf)), proof.hashes, tree.root(0, size))).toBe(true);
      }
      const { hashes, newSize } = (await log.consistency(1))!;
      expect(newSize).toBe(size);
      expect(verifyConsistency(1, size, tree.root(0, 1), tree.root(0, size), hashes)).toBe(true);
    }
  });
});

describe("damage is not published", () => {
  test.each([
    // A proof of leaf 4 is made of the hash of 5, one of leaf 5 of its entry.
    ["a hash file with a changed byte", "hash.0", 5 * 32, 4],
    ["a journal with a changed entry", "journal/0000000000000000.wal", "entry 5", 5],
  ])("%s gives no proof and no bundle", async (_name, file, place, leaf) => {
    await signedAt(40);
    const bytes = files.bytes(`${ledgerDir}/${file}`);
    const at = typeof place === "number" ? place : bytes.indexOf(place);
    bytes[at]! ^= 1;
    await expect(log.inclusion(leaf)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
    await expect(log.tile({ level: "entries", index: 0, width: 40 })).rejects.toMatchObject({
      code: "JOURNAL_CORRUPT",
    });
  });

  test("hashes that were wrong are forgotten with the proof that shows it", async () => {
    await signedAt(700);
    const hashes = files.bytes(hashFilePath(ledgerDir, 0));
    hashes[600 * 32]! ^= 1;
    await expect(log.inclusion(0)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
    hashes[600 * 32]! ^= 1;
    expect((await log.inclusion(0))?.leafIndex).toBe(0);
  });

  test.each([0, 1, 45, 0xff])("an offset index full of %i makes no proof fail", async (garbage) => {
    await signedAt(300);
    files.bytes(offsetsPath(journalDir(ledgerDir))).fill(garbage);
    for (let leaf = 0; leaf < 300; leaf += 7)
      expect(Buffer.from((await log.inclusion(leaf))!.leaf!)).toEqual(text(leaf));
  });

  test("an offset index that leads to the neighbour of a leaf does not make a proof of it", async () => {
    await signedAt(40);
    await log.inclusion(0);
    const offsets = files.bytes(offsetsPath(journalDir(ledgerDir)));
    offsets.writeUInt32BE(offsets.readUInt32BE(0) + 2 + text(0).length, 0);
    expect(Buffer.from((await log.inclusion(3))!.leaf!)).toEqual(text(3));
  });

  test("hashes that are not there are missed, by name", async () => {
    await signedAt(40);
    files.put(`${ledgerDir}/hash.0`, Buffer.alloc(0));
    await expect(log.inclusion(5)).rejects.toThrow(/hash\.0 does not reach/);
  });
});

test("a checkpoint with the lines of fifty witnesses is read whole", async () => {
  await growTo(10);
  await expect.poll(() => ledger.checkpointSize, { timeout: 30_000 }).toBe(10);
  const signature = new Uint8Array(2428).fill(7);
  const lines = Array.from({ length: 50 }, (_, keyId) => formatSignature({ name: `w${keyId}`, keyId, signature }));
  const cosigned = ledger.checkpoint + lines.join("");
  files.put(witnessedPath(ledgerDir), Buffer.from(cosigned));
  expect((await log.checkpoint())?.text).toBe(cosigned);
});
