import { describe, expect, test } from "vitest";
import type { Ledger } from "../../../gateway/journal/ledger.ts";
import { PayloadRemoval } from "../../../gateway/journal/payload-removal.ts";
import { PublishedLog } from "../../../gateway/journal/published-log.ts";
import { SealKeyChain } from "../../../gateway/journal/seal-key-chain.ts";
import { Turns } from "../../../gateway/journal/turns.ts";
import { parseCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { decodeEntry, encodeEntry } from "../../../src/ledger/entry.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { parseNote } from "../../../src/ledger/note.ts";
import { verifyInclusion } from "../../../src/ledger/proof.ts";
import { encodeTombstone, tombstoneIn } from "../../../src/ledger/tombstone.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { forgeFrames } from "../../support/forge-entry.ts";
import { ledgerDir, openLedger, sealVkey, signer, silent } from "../../support/ledger-workload.ts";
import { readingLeaf, record } from "../../support/removal-support.ts";
import { seeded } from "../../support/seeded.ts";
import { verifyEveryWay } from "../../support/verify-every-way.ts";

const block = { leaves: 7, ms: 86_400_000 };
const secret = (device: string, seq: number) => Buffer.from(`what ${device} measured as its number ${seq}`);

/** A ledger of three devices in turn, in frames of `perFrame`. */
async function ledgerOf(files: FaultyFiles, count: number, perFrame = 3): Promise<Ledger> {
  const ledger = await openLedger(files, { block });
  for (let seq = 0; seq < count; seq += perFrame) {
    const leaves = Array.from({ length: Math.min(perFrame, count - seq) }, (_, index) => {
      const device = `dev-${(seq + index) % 3}`;
      return readingLeaf(device, seq + index, secret(device, seq + index));
    });
    await record(ledger, leaves, false);
  }
  return ledger;
}

async function removalOf(ledger: Ledger): Promise<PayloadRemoval> {
  const write = (event: Parameters<typeof encodeEntry>[0]) => record(ledger, [encodeEntry(event)], true);
  return PayloadRemoval.open({ ledger, record: write, nowUs: () => 9e15, turns: new Turns(), log: silent });
}

async function entriesOf(ledger: Ledger): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (let leaf = 0; leaf < ledger.durableSize; leaf++) entries.push((await ledger.readEntry(leaf))!);
  return entries;
}

const verify = (files: FaultyFiles) =>
  verifyEveryWay({
    dir: ledgerDir,
    verifiers: [signer],
    seals: () => new SealKeyChain([sealVkey]),
    sealVkeys: [sealVkey],
    files,
  });
const onDisk = (files: FaultyFiles, bytes: Buffer) => files.paths().some((path) => files.bytes(path).includes(bytes));

describe("erasing a device", () => {
  test("takes its readings off the disk and nothing else, and the log verifies, before a restart and after it", async () => {
    const files = new FaultyFiles();
    const ledger = await ledgerOf(files, 120);
    const before = await entriesOf(ledger);
    const root = ledger.checkpoint;
    const removal = await removalOf(ledger);
    const { order, done } = await removal.erase("dev-1");
    expect(await done).toBe(40);
    expect(removal.erasureOf("dev-1")).toEqual({ order, count: 40 });
    expect(removal.erasureOf("dev-2")).toBeUndefined();
    for (let seq = 0; seq < 120; seq++) {
      const device = `dev-${seq % 3}`;
      expect(onDisk(files, secret(device, seq)), `${device} ${seq}`).toBe(device !== "dev-1");
    }
    const check = async (ledger: Ledger) => {
      for (const [leaf, entry] of (await entriesOf(ledger)).slice(0, before.length).entries()) {
        const was = decodeEntry(before[leaf]!);
        if (was.ok && was.value.kind === "reading" && was.value.deviceId === "dev-1")
          expect(tombstoneIn(entry)).toEqual({ leafHash: Uint8Array.from(leafHash(before[leaf]!)), order });
        else expect(entry).toEqual(before[leaf]);
      }
    };
    await check(ledger);
    await ledger.close();
    expect(await verify(files)).toMatchObject({ ok: true, erased: 40, pruned: 0 });
    expect(files.paths().filter((path) => path.endsWith(".new"))).toEqual([]);
    const again = await openLedger(files, { block });
    await check(again);
    expect((await removalOf(again)).erasureOf("dev-1")).toEqual({ order, count: 40 });
    // What was signed before still holds of the tree.
    expect(again.checkpoint).not.toBe(root);
    await again.close();
  });

  test("leaves every proof as it was: by the leaf that somebody kept, and by its hash alone", async () => {
    const files = new FaultyFiles();
    const ledger = await ledgerOf(files, 60);
    const kept = (await ledger.readEntry(1))!;
    const { done } = await (await removalOf(ledger)).erase("dev-1");
    await done;
    await ledger.close();
    const log = new PublishedLog({ dir: ledgerDir, files });
    const proof = (await log.inclusion(1))!;
    const note = parseNote(proof.checkpoint);
    const signed = note.ok ? parseCheckpoint(note.value.text) : note;
    if (!signed.ok) throw new Error(signed.detail);
    const { size, root } = signed.value;
    expect(tombstoneIn(proof.leaf!)!.leafHash).toEqual(Uint8Array.from(leafHash(kept)));
    expect(verifyInclusion(1, size, leafHash(kept), proof.hashes, root)).toBe(true);
    await log.close();
  });

  test("takes no proof away while it is under way", async () => {
    const files = new FaultyFiles();
    const ledger = await ledgerOf(files, 60);
    const log = new PublishedLog({ dir: ledgerDir, files });
    const size = (await log.checkpoint())!.checkpoint.size;
    const { done } = await (await removalOf(ledger)).erase("dev-1");
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    let proofs = 0;
    // A proof that does not lead to the signed root is thrown, not returned.
    for (; !isDone; proofs++) expect((await log.inclusion(proofs % size))!.leafIndex).toBe(proofs % size);
    expect(proofs).toBeGreaterThan(10);
    for (let leaf = 0; leaf < size; leaf++) expect((await log.inclusion(leaf))!.leafIndex).toBe(leaf);
    await log.close();
    await ledger.close();
  });

  test("is refused by the verifier where no order explains it, where the order is another's, and where one more is gone", async () => {
    const files = new FaultyFiles();
    const ledger = await ledgerOf(files, 60);
    const { order, done } = await (await removalOf(ledger)).erase("dev-1");
    await done;
    await ledger.close();
    const segment = files.paths().filter((path) => path.endsWith(".wal"))[0]!;
    const forged = (tombstone: { order: number }) => {
      const copy = files.copy();
      const bytes = Buffer.from(copy.bytes(segment));
      // The first reading of dev-0 becomes a tombstone too, in a frame whose length stays: only the entry's bytes change.
      const leaf = Buffer.from(readingLeaf("dev-0", 0, secret("dev-0", 0)));
      const replacement = encodeTombstone({ leafHash: leafHash(leaf), order: tombstone.order });
      copy.put(segment, replaceEntry(bytes, leaf, replacement));
      return copy;
    };
    expect((await verify(forged({ order: 3 }))).problem!.what).toContain("no entry of the log has ordered that");
    expect((await verify(forged({ order }))).problem!.what).toMatch(/took out 20 entries, but 21 are gone/);
  });
});

describe("retention", () => {
  test("takes out what is older, in whole bundles, and says in words what a verifier could not check", async () => {
    const files = new FaultyFiles();
    const ledger = await ledgerOf(files, 900, 20);
    const removal = await removalOf(ledger);
    expect(await removal.prune(1_760_000_000_000_000 + 700 * 1000, 100)).toBe(0);
    const pruned = await removal.prune(1_760_000_000_000_000 + 700 * 1000, 10_000);
    expect(await ledger.upkeep.minimumIndex()).toBe(512);
    expect(pruned).toBeGreaterThan(450);
    // Nothing more is due.
    expect(await removal.prune(1_760_000_000_000_000 + 700 * 1000, 10_000)).toBe(0);
    expect(await removal.prune(1_760_000_000_000_000 + 880 * 1000, 10_000)).toBeGreaterThan(0);
    await ledger.close();
    const report = await verify(files);
    expect(report).toMatchObject({ ok: true, erased: 0 });
    expect(report.pruned).toBeGreaterThan(pruned);
    const log = new PublishedLog({ dir: ledgerDir, files });
    await expect(log.tile({ level: "entries", index: 0, width: 256 })).rejects.toMatchObject({
      code: "ENTRIES_PRUNED",
    });
    expect(await log.tile({ level: 0, index: 0, width: 256 })).toHaveLength(8192);
    await log.close();
    const again = await openLedger(files, { block });
    // Hash files are still derived: they are made anew from what is left.
    await again.close();
    for (const path of files.paths().filter((path) => /hash\.\d$/.test(path))) files.put(path, Buffer.alloc(0));
    files.put(`${ledgerDir}/journal/offsets`, Buffer.alloc(0));
    await (await openLedger(files, { block })).close();
    expect(await verify(files)).toMatchObject({ ok: true });
  });
});

describe("a crash anywhere", () => {
  test.each(["end", "EIO", "ENOSPC"] as const)(
    "%s at the n-th call: erased in the end, nothing else lost, every published checkpoint holds",
    async (fault) => {
      const pristine = new FaultyFiles();
      const first = await ledgerOf(pristine, 24);
      const before = await entriesOf(first);
      await first.close();
      for (let n = 1; ; n += fault === "end" ? 1 : 2) {
        const files = pristine.copy();
        files.failCall(n, fault);
        const order = await eraseWith(files).catch(() => undefined);
        const failed = files.hasFailed;
        const after = n % 2 === 0 ? files.afterKill() : files.afterPowerCut(seeded(n));
        const ledger = await openLedger(after, { block });
        const removal = await removalOf(ledger);
        await removal.resume();
        if (order !== undefined) expect(removal.erasureOf("dev-1"), `call ${n}`).toBeDefined();
        if (removal.erasureOf("dev-1") === undefined) await (await removal.erase("dev-1")).done;
        expect(removal.erasureOf("dev-1")!.count, `call ${n}`).toBe(8);
        const now = await entriesOf(ledger);
        for (const [leaf, entry] of before.entries()) {
          const was = decodeEntry(entry);
          const gone = was.ok && was.value.kind === "reading" && was.value.deviceId === "dev-1";
          if (gone) expect(tombstoneIn(now[leaf]!)!.leafHash, `call ${n}`).toEqual(Uint8Array.from(leafHash(entry)));
          else expect(now[leaf], `call ${n}, leaf ${leaf}`).toEqual(entry);
        }
        await ledger.close();
        const report = await verify(after);
        expect(report.problem, `call ${n}`).toBeUndefined();
        expect(report.erased).toBe(8);
        if (!failed) return expect(n).toBeGreaterThan(100);
      }
    },
    60_000,
  );
});

/** @returns the order's leaf once it is durable */
async function eraseWith(files: FaultyFiles): Promise<number> {
  const ledger = await openLedger(files, { block });
  const removal = await removalOf(ledger);
  const { order, done } = await removal.erase("dev-1");
  await done.catch(() => undefined);
  await ledger.close().catch(() => undefined);
  return order;
}

/** A segment with one entry exchanged for another of any length, every CRC right. */
function replaceEntry(segment: Buffer, entry: Uint8Array, replacement: Uint8Array): Buffer {
  const at = segment.indexOf(entry);
  if (at < 0) throw new Error("no such entry");
  const grown = Buffer.concat([
    segment.subarray(0, at - 2),
    Uint8Array.of(replacement.length >> 8, replacement.length & 0xff),
    replacement,
    segment.subarray(at + entry.length),
  ]);
  // Lengths of the frame that holds it, then all CRCs.
  const frame = grown.lastIndexOf("MYCF", at);
  grown.writeUInt32BE(grown.readUInt32BE(frame + 4) + replacement.length - entry.length, frame + 4);
  forgeFrames(grown, () => undefined);
  return grown;
}
