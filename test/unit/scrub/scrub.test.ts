import { describe, expect, test } from "vitest";
import { checkpointPath } from "../../../gateway/journal/checkpoint-file.ts";
import type { FilePort } from "../../../gateway/journal/file-port.ts";
import { hashFilePath } from "../../../gateway/journal/hash-files.ts";
import { journalDir, type Ledger } from "../../../gateway/journal/ledger.ts";
import { offsetsPath } from "../../../gateway/journal/offset-index.ts";
import { listSegments, segmentPath } from "../../../gateway/journal/segment.ts";
import { verifyLog } from "../../../gateway/journal/verify-log.ts";
import { hashBytes, leafHash } from "../../../src/ledger/merkle.ts";
import { encodeTombstone } from "../../../src/ledger/tombstone.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { forgeEntry } from "../../support/forge-entry.ts";
import { ledgerDir, openLedger, seals, signer } from "../../support/ledger-workload.ts";
import { readingLeaf, record } from "../../support/removal-support.ts";
import { ScrubBench } from "../../support/scrub-support.ts";

const block = { leaves: 100, ms: 86_400_000 };
const segmentBytes = 20_000;
const payload = (seq: number) => Buffer.from(`what was measured as number ${String(seq).padStart(6, "0")}`);

/** `count` readings and their seals, in frames of 10. */
async function ledgerOf(files: FaultyFiles, count: number): Promise<Ledger> {
  const ledger = await openLedger(files, { block, segmentBytes });
  for (let seq = 0; seq < count; seq += 10) {
    const leaves = Array.from({ length: 10 }, (_, index) =>
      readingLeaf(`dev-${index % 3}`, seq + index, payload(seq + index)),
    );
    await record(ledger, leaves, false);
  }
  // The checkpoint of a quiet moment covers everything.
  while (ledger.checkpointSize < ledger.durableSize) await new Promise((resolve) => setImmediate(resolve));
  return ledger;
}

async function benchOf(count: number): Promise<{ files: FaultyFiles; bench: ScrubBench; size: number }> {
  const files = new FaultyFiles();
  const ledger = await ledgerOf(files, count);
  return { files, bench: await ScrubBench.open(ledger, files), size: ledger.durableSize };
}

function flip(files: FaultyFiles, path: string, offset: number): void {
  files.bytes(path)[offset]! ^= 0x20;
}

const verify = (files: FaultyFiles) => verifyLog({ dir: ledgerDir, verifiers: [signer], seals, files });
const hashFile = (level: number) => hashFilePath(ledgerDir, level);

async function segmentWith(files: FaultyFiles, payload: Buffer): Promise<string> {
  const dir = journalDir(ledgerDir);
  const paths = (await listSegments(files, dir)).map((first) => segmentPath(dir, first));
  return paths.find((path) => files.bytes(path).includes(payload))!;
}

test("a sound ledger gives no finding and no entry", async () => {
  const { bench, size } = await benchOf(1000);
  expect(await bench.pass()).toMatchObject({ size, position: size, entries: size, findings: [], error: null });
  expect(await bench.events()).toEqual([]);
  expect(bench.scrub.state().status).toBe("ok");
  await bench.close();
});

describe("what is derived is written anew from the journal, and an entry tells it", () => {
  test.each([
    ["a leaf hash", 0, 300],
    ["a leaf hash of the last tile", 0, 1005],
    ["a hash of a tile", 1, 2],
  ])("%s", async (_, level, hash) => {
    const { files, bench } = await benchOf(1000);
    const before = Buffer.from(files.bytes(hashFile(level)));
    flip(files, hashFile(level), hash * hashBytes + 7);
    const { findings } = await bench.pass();
    const what = `hash.${level} was not what the entries hash to`;
    expect(findings).toEqual([{ part: "hashes", what, leafIndex: hash * 256 ** level, count: 1, repaired: true }]);
    expect(files.bytes(hashFile(level)).subarray(0, before.length)).toEqual(before);
    const [event] = await bench.events();
    expect(event).toMatchObject({ type: "ledger.repaired" });
    expect(event?.body.get("part")).toBe("hashes");
    expect((await bench.pass()).findings).toEqual([]);
    expect(bench.scrub.counters.map(({ read }) => read().hashes)).toEqual([undefined, 1, 1]);
    await bench.close();
    expect(await verify(files)).toMatchObject({ ok: true });
  });

  test("all hash files at once", async () => {
    const { files, bench, size } = await benchOf(1000);
    const levels = [0, 1];
    const before = levels.map((level) => Buffer.from(files.bytes(hashFile(level))));
    for (const level of levels) files.bytes(hashFile(level)).fill(0);
    const { findings } = await bench.pass();
    expect(findings.every(({ part, repaired }) => part === "hashes" && repaired)).toBe(true);
    expect(findings.reduce((sum, { count }) => sum + count, 0)).toBe(size + Math.floor(size / 256));
    for (const level of levels)
      expect(files.bytes(hashFile(level)).subarray(0, before[level]!.length), `hash.${level}`).toEqual(before[level]);
    // One entry for the first of each kind, one for the others.
    expect((await bench.events()).map(({ type, body }) => [type, body.get("count")])).toEqual([
      ["ledger.repaired", 3],
      ["ledger.repaired", 256],
      ["ledger.repaired", size - 256],
    ]);
    await bench.close();
  });

  test("a hash file that somebody put in the place of the gateway's", async () => {
    const { files, bench } = await benchOf(1000);
    const before = Buffer.from(files.bytes(hashFile(0)));
    files.put(hashFile(0), before.fill(1, 0, hashBytes));
    expect((await bench.pass()).findings).toMatchObject([{ part: "hashes", leafIndex: 0, count: 1, repaired: true }]);
    await bench.close();
    expect(files.bytes(hashFile(0)).subarray(0, hashBytes)).not.toEqual(before.subarray(0, hashBytes));
  });

  test("the offset index", async () => {
    const { files, bench } = await benchOf(1000);
    flip(files, offsetsPath(journalDir(ledgerDir)), 8 * 32 + 7);
    const { findings } = await bench.pass();
    expect(findings).toMatchObject([{ part: "offsets", leafIndex: 512, count: 1, repaired: true }]);
    expect((await bench.pass()).findings).toEqual([]);
    await bench.close();
  });

  test("the checkpoint file", async () => {
    const { files, bench } = await benchOf(100);
    const text = Buffer.from(files.bytes(checkpointPath(ledgerDir)));
    files.put(checkpointPath(ledgerDir), Buffer.from("gw.test/ledger/1\n1\n\n"));
    const { findings } = await bench.pass();
    expect(findings).toMatchObject([{ part: "checkpoint", repaired: true }]);
    expect(files.bytes(checkpointPath(ledgerDir)).length).toBeGreaterThanOrEqual(text.length);
    expect((await bench.pass()).findings).toEqual([]);
    await bench.close();
    expect(await verify(files)).toMatchObject({ ok: true });
  });
});

describe("damage of the journal is told and never repaired", () => {
  test("a flipped byte in a closed segment: once, until it is gone, and the rest is checked", async () => {
    const { files, bench, size } = await benchOf(1500);
    const path = await segmentWith(files, payload(900));
    const sound = Buffer.from(files.bytes(path));
    flip(files, path, sound.indexOf(payload(900)));
    const damaged = Buffer.from(files.bytes(path));
    const first = await bench.pass();
    expect(first).toMatchObject({ size, position: size, error: null });
    expect(first.findings).toMatchObject([{ part: "journal", repaired: false, what: expect.stringContaining("CRC") }]);
    expect(first.findings[0]!.leafIndex).toBeLessThanOrEqual(909);
    expect(first.findings[0]!.what).toContain(path.slice(-20));
    expect(bench.scrub.state()).toMatchObject({ status: "degraded", detail: expect.stringContaining("CRC") });
    await bench.pass();
    expect(files.bytes(path)).toEqual(damaged);
    expect((await bench.events()).map(({ type }) => type)).toEqual(["ledger.finding"]);
    // Behind the damage the scrub still sees: a hash file is repaired there.
    flip(files, hashFile(0), 1400 * hashBytes);
    expect((await bench.pass()).findings).toMatchObject([{ part: "journal" }, { part: "hashes", leafIndex: 1400 }]);
    // Somebody puts a backup of the segment back.
    files.put(path, sound);
    expect((await bench.pass()).findings).toEqual([]);
    expect((await bench.events()).map(({ type }) => type)).toEqual([
      "ledger.finding",
      "ledger.repaired",
      "ledger.finding_closed",
    ]);
    expect(bench.scrub.state().status).toBe("ok");
    await bench.close();
  });

  test("it stays told over a restart", async () => {
    const { files, bench } = await benchOf(2500);
    const path = await segmentWith(files, payload(10));
    flip(files, path, files.bytes(path).indexOf(payload(10)));
    await bench.pass();
    await bench.close();
    const again = await ScrubBench.open(await openLedger(files, { block, segmentBytes }), files);
    expect(again.scrub.view().open).toMatchObject([{ part: "journal", repaired: false }]);
    expect(again.scrub.state().status).toBe("degraded");
    await again.pass();
    expect((await again.events()).filter(({ type }) => type === "ledger.finding").length).toBe(1);
    await again.close();
  });

  test("an entry exchanged for another with every CRC right, and its hash with it", async () => {
    const { files, bench } = await benchOf(1000);
    const path = await segmentWith(files, payload(900));
    const segment = Buffer.from(files.bytes(path));
    const leaf = await leafOf(bench.ledger, payload(900));
    forgeEntry(segment, leaf, readingLeaf("dev-0", 900, payload(999_999)));
    files.put(path, segment);
    flip(files, hashFile(0), leaf * hashBytes);
    const { findings } = await bench.pass();
    expect(findings).toMatchObject([{ part: "journal", repaired: false, what: expect.stringContaining("signed") }]);
    expect(files.bytes(path)).toEqual(segment);
    flip(files, hashFile(0), leaf * hashBytes);
    expect((await bench.pass()).findings).toMatchObject([
      { part: "journal", leafIndex: leaf, count: 1, what: "an entry is not the one that was signed" },
    ]);
    await bench.close();
  });

  test("an entry exchanged, and nothing left that could tell which", async () => {
    const { files, bench } = await benchOf(1000);
    const path = await segmentWith(files, payload(900));
    const segment = Buffer.from(files.bytes(path));
    forgeEntry(segment, await leafOf(bench.ledger, payload(900)), readingLeaf("dev-0", 900, payload(999_999)));
    files.put(path, segment);
    for (const level of [0, 1]) files.bytes(hashFile(level)).fill(0);
    const { findings } = await bench.pass();
    expect(findings).toMatchObject([{ part: "journal", repaired: false, what: expect.stringContaining("neither") }]);
    expect(files.bytes(hashFile(1)).every((byte) => byte === 0)).toBe(true);
    await bench.close();
  });

  test("a reading taken out that no entry has ordered away", async () => {
    const { bench } = await benchOf(600);
    const leaf = await leafOf(bench.ledger, payload(20));
    const { upkeep } = bench.ledger;
    const replace = (entry: Uint8Array, at: number) =>
      at === leaf ? encodeTombstone({ leafHash: leafHash(entry), order: 5 }) : undefined;
    expect(await upkeep.rewrite({ firstLeaf: 0, prunedBefore: 0, replace, breathe: async () => undefined })).toBe(1);
    const what = "the content of an entry is gone, and no entry has ordered that";
    expect((await bench.pass()).findings).toEqual([
      { part: "journal", what, leafIndex: leaf, count: 1, repaired: false },
    ]);
    await bench.close();
  });
});

test("what was erased by order is no finding, before and while and after", async () => {
  const { bench } = await benchOf(1200);
  const { done } = await bench.removal.erase("dev-1");
  expect((await bench.pass()).findings).toEqual([]);
  await done;
  expect((await bench.pass()).findings).toEqual([]);
  expect((await bench.events()).map(({ type }) => type)).toEqual(["device.erasure_ordered", "device.payloads_erased"]);
  await bench.close();
});

test("a pass that was cut short goes on where it was", async () => {
  const files = new FaultyFiles();
  const ledger = await ledgerOf(files, 6000);
  const bench = await ScrubBench.open(ledger, files, { intervalMinutes: 0 });
  await bench.scrub.stop();
  files.put(`${ledgerDir}/scrub`, Buffer.from("4096\n"));
  const again = await ScrubBench.open(ledger, files, { intervalMinutes: 1 / 60_000 });
  while (again.scrub.view().last === null) await new Promise((resolve) => setImmediate(resolve));
  expect(again.scrub.view().last).toMatchObject({ number: 1, entries: ledger.checkpointSize - 4096, findings: [] });
  await again.close();
});

test("a stop does not wait for a database that never answers", async () => {
  const files = new FaultyFiles();
  const ledger = await ledgerOf(files, 100);
  let giveUp: ((error: Error) => void) | undefined;
  const openPass = () => ({
    step: () => new Promise<never>((_, reject) => (giveUp = reject)),
    close: async () => giveUp?.(new Error("closed")),
  });
  const bench = await ScrubBench.open(ledger, files, { openPass, stopPatienceMs: 0 });
  bench.scrub.begin();
  while (giveUp === undefined) await new Promise((resolve) => setImmediate(resolve));
  await bench.close();
});

test("whoever asks while a pass begins is told the number of the next", async () => {
  const files = new FaultyFiles();
  const ledger = await ledgerOf(files, 1000);
  const asked: number[] = [];
  const watched: FilePort = Object.create(files, {
    open: {
      value: (path: string, mode: "read" | "update" | "replace") => {
        if (path.endsWith("/scrub") && asked.length === 0) asked.push(bench.scrub.begin());
        return files.open(path, mode);
      },
    },
  });
  const bench: ScrubBench = await ScrubBench.open(ledger, files, { intervalMinutes: 1 / 60_000, files: watched });
  while (bench.scrub.view().last === null) await new Promise((resolve) => setImmediate(resolve));
  expect(bench.scrub.view().last).toMatchObject({ number: 2, entries: ledger.checkpointSize });
  expect(asked[0]).toBe(2);
  await bench.close();
});

async function leafOf(ledger: Ledger, payload: Buffer): Promise<number> {
  for (let leaf = 0; ; leaf++) if (Buffer.from((await ledger.readEntry(leaf))!).includes(payload)) return leaf;
}
