import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { type VerifyReport, verifyLog } from "../../../gateway/journal/verify-log.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { ed25519Signer } from "../../../src/ledger/ed25519-line.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { forgeEntry } from "../../support/forge-entry.ts";
import { ledgerDir, openLedger, origin, signer } from "../../support/ledger-workload.ts";
import { ChecksHere, verifyEveryWay } from "../../support/verify-every-way.ts";

const verify = (files: FaultyFiles): Promise<VerifyReport> =>
  verifyEveryWay({ dir: ledgerDir, verifiers: [signer], files });
const isSegment = (path: string) => path.endsWith(".wal");
const nameOf = (path: string) => path.slice(ledgerDir.length + 1);

/** A ledger of `count` entries, three to a frame, and where its frames begin. */
async function ledgerOf(count: number, options = {}): Promise<{ files: FaultyFiles; frames: Map<string, number[]> }> {
  const files = new FaultyFiles();
  const ledger = await openLedger(files, { segmentBytes: 500, ...options });
  const frames = new Map<string, number[]>();
  for (let first = 0; first < count; first += 3) {
    const texts = Array.from({ length: 3 }, (_, index) => Buffer.from(`entry ${first + index}`));
    await new Promise<void>((resolve, reject) => {
      ledger.append(entryBatch(texts, false), (error) => (error ? reject(error) : resolve()));
    });
    const newest = files.paths().filter(isSegment).at(-1)!;
    const offset = files.bytes(newest).length - 40 - texts.reduce((sum, text) => sum + 2 + text.length, 0);
    frames.set(newest, [...(frames.get(newest) ?? [0]), offset]);
  }
  await ledger.close();
  return { files, frames };
}

describe("verifying a log", () => {
  test("that is as it was written finds nothing, counts everything and reports how far it is", async () => {
    const { files } = await ledgerOf(900, { segmentBytes: 5_000 });
    const onProgress = vi.fn();
    const report = await verifyLog({ dir: ledgerDir, verifiers: [signer], files, onProgress });
    const root = files.bytes(`${ledgerDir}/checkpoint`).toString().split("\n")[2];
    expect(report).toEqual({
      ok: true,
      entries: 900,
      checkpointed: 900,
      notYetCheckpointed: 0,
      blocks: 0,
      sealSignatures: false,
      pruned: 0,
      erased: 0,
      tornBytes: 0,
      root,
      problem: undefined,
    });
    expect(onProgress).toHaveBeenLastCalledWith(900, 900);
  });

  test("notices every single changed byte of every file, and names the frame it is in", async () => {
    const { files, frames } = await ledgerOf(24);
    expect(files.paths().filter(isSegment)).toHaveLength(2);
    for (const path of files.paths()) {
      // A hint, checked wherever it is used.
      if (path.endsWith("/offsets")) continue;
      for (let at = 0; at < files.bytes(path).length; at++) {
        const damaged = files.copy();
        damaged.bytes(path)[at]! ^= 0x04;
        const { ok, problem } = await verify(damaged);
        expect(ok, `${path} byte ${at}`).toBe(false);
        expect(problem!.file, `${path} byte ${at}`).toBe(nameOf(path));
        const offset = frames.get(path)?.findLast((start) => start <= at) ?? at - (at % 32);
        if (path !== `${ledgerDir}/checkpoint`) expect(problem!.offset, `${path} byte ${at}`).toBe(offset);
      }
    }
  });

  test("notices a log that ends too early, wherever it is cut", async () => {
    const { files } = await ledgerOf(24);
    const [, newest] = files.paths().filter(isSegment);
    for (let length = 0; length < files.bytes(newest!).length; length += 7) {
      const cut = files.copy();
      cut.put(newest!, files.bytes(newest!).subarray(0, length));
      expect(await verify(cut)).toMatchObject({ ok: false, problem: { file: nameOf(newest!) } });
    }
    const gone = files.copy();
    gone.remove(newest!);
    expect((await verify(gone)).problem!.what).toContain("24 entries are signed");
  });

  test("notices an entry that was exchanged, frame CRC, offsets and all", async () => {
    // The same salt and chain, as one who can write the files would have them.
    const { files } = await ledgerOf(24, { segmentBytes: 100_000 });
    const forged = files.copy();
    const segment = forged.paths().find(isSegment)!;
    const offset = forgeEntry(forged.bytes(segment), 13, Buffer.from("entry 99"));
    expect((await verify(forged)).problem).toEqual({
      what: "this entry is not the one that was signed",
      file: nameOf(segment),
      offset,
      leafIndex: 13,
    });
    // Also when the leaf hash is forged to match: then no single place can be named.
    leafHash(Buffer.from("entry 99")).forEach((byte, index) => {
      forged.bytes(`${ledgerDir}/hash.0`)[13 * 32 + index] = byte;
    });
    const { ok, problem } = await verify(forged);
    expect(ok).toBe(false);
    expect(problem!.what).toContain("not what was signed");
  });

  test("notices segments that are missing", async () => {
    const { files } = await ledgerOf(60);
    const segments = files.paths().filter(isSegment);
    for (const missing of segments.slice(0, -1)) {
      const damaged = files.copy();
      damaged.remove(missing);
      expect((await verify(damaged)).ok).toBe(false);
    }
  });

  test("notices a checkpoint that is missing, or by another key", async () => {
    const { files } = await ledgerOf(24);
    const stranger = ed25519Signer(origin, generateKeyPairSync("ed25519").privateKey);
    expect((await verifyLog({ dir: ledgerDir, verifiers: [stranger], files })).problem!.what).toContain(
      "not signed by",
    );
    files.remove(`${ledgerDir}/checkpoint`);
    expect((await verify(files)).problem).toEqual({ what: "there is no signed checkpoint", file: "checkpoint" });
    expect((await verify(new FaultyFiles())).ok).toBe(false);
  });

  test("counts what is not yet checkpointed, and tells a torn end from damage", async () => {
    const { files: old } = await ledgerOf(24);
    const { files } = { files: old.copy() };
    const ledger = await openLedger(files, { checkpointIntervalMs: 3_600_000 });
    for (let index = 0; index < 10; index++) {
      const batch = entryBatch([Buffer.from(`later ${index}`)], false);
      await new Promise<void>((resolve) => void ledger.append(batch, () => resolve()));
    }
    expect(await verify(files.copy())).toMatchObject({
      ok: true,
      entries: 34,
      checkpointed: 24,
      notYetCheckpointed: 10,
    });
    const newest = files.paths().filter(isSegment).at(-1)!;
    const whole = Buffer.from(files.bytes(newest));
    const torn = files.copy();
    torn.put(newest, whole.subarray(0, -5));
    expect(await verify(torn)).toMatchObject({ ok: true, entries: 33, tornBytes: 49 - 5 });
    const damaged = files.copy();
    damaged.bytes(newest)[whole.length - 2 * 49 - 5]! ^= 1;
    expect(await verify(damaged)).toMatchObject({ ok: false, problem: { file: nameOf(newest) } });
    await ledger.close();
  });

  test("finds nothing wrong with a gateway that is writing at the same time", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files, { segmentBytes: 10_000 });
    let running = true;
    const writing = (async () => {
      for (let index = 0; running; index++) {
        const batch = entryBatch([Buffer.from(`entry ${index}`)], false);
        await new Promise<void>((resolve) => void ledger.append(batch, () => resolve()));
        if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let round = 0; round < 40; round++) {
      const ahead = round % 8 === 0 ? new ChecksHere(files) : undefined;
      const report = await verifyLog({ dir: ledgerDir, verifiers: [signer], files, ahead });
      if (!report.ok) expect.fail(JSON.stringify(report));
    }
    running = false;
    await writing;
    await ledger.close();
    expect((await verify(files)).notYetCheckpointed).toBe(0);
  });

  test("reports, whatever bytes the files hold", async () => {
    const { files } = await ledgerOf(24);
    const change = fc.record({
      path: fc.constantFrom(...files.paths()),
      at: fc.nat(400),
      bytes: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(Buffer.from("MYCFMYCOWAL1"))),
      cut: fc.option(fc.nat(400)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = files.copy();
        for (const { path, at, bytes, cut } of changes) {
          const content = Buffer.from(damaged.bytes(path));
          content.set(bytes.subarray(0, Math.max(0, content.length - at)), Math.min(at, content.length));
          damaged.put(path, cut === null ? content : content.subarray(0, cut));
        }
        await verify(damaged);
      }),
      { numRuns: 300 },
    );
  });
});
