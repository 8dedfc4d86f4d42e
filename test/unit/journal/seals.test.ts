import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { forEachEntry } from "../../../gateway/journal/frame.ts";
import type { Ledger, LedgerOptions } from "../../../gateway/journal/ledger.ts";
import { sealSigner } from "../../../gateway/journal/seal-key.ts";
import { SealKeyChain } from "../../../gateway/journal/seal-key-chain.ts";
import { type VerifyReport, verifyLog } from "../../../gateway/journal/verify-log.ts";
import { LedgerView } from "../../../gateway/services/ledger-service.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { decodeSeal, looksLikeSeal, type Seal } from "../../../src/ledger/seal.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { forgeEntry } from "../../support/forge-entry.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { ledgerDir, openLedger, seals, sealVkey, signer } from "../../support/ledger-workload.ts";
import { verifyEveryWay } from "../../support/verify-every-way.ts";

const startUs = 1_790_000_000_000_000;
const tens = { block: { leaves: 10, ms: 60_000 } };

/** Only timers: the files of these tests need the rest of the event loop. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
}
afterEach(() => {
  vi.useRealTimers();
});

function append(ledger: Ledger, texts: readonly (string | Uint8Array)[]): Promise<number> {
  const batch = entryBatch(
    texts.map((text) => Buffer.from(text)),
    false,
  );
  return new Promise((resolve, reject) => {
    const first = ledger.append(batch, (error) => (error ? reject(error) : resolve(first)));
  });
}

const some = (count: number) => Array.from({ length: count }, (_, index) => `entry ${index}`);

async function sealsOf(ledger: Ledger): Promise<Map<number, Seal>> {
  const found = new Map<number, Seal>();
  for await (const { firstLeaf, bundle } of ledger.frames(0, ledger.durableSize)) {
    forEachEntry(bundle, (entry, index) => {
      if (!looksLikeSeal(entry)) return;
      const decoded = decodeSeal(Uint8Array.from(entry));
      if (decoded.ok) found.set(firstLeaf + index, decoded.value.seal);
    });
  }
  return found;
}

const verify = (files: FaultyFiles): Promise<VerifyReport> =>
  verifyEveryWay({
    dir: ledgerDir,
    verifiers: [signer],
    seals: () => new SealKeyChain([sealVkey]),
    sealVkeys: [sealVkey],
    files,
  });

/** A closed ledger of three blocks of ten, and five leaves more. */
async function ledgerOfThree(options: Partial<LedgerOptions> = {}): Promise<FaultyFiles> {
  const files = new FaultyFiles();
  const ledger = await openLedger(files, { segmentBytes: 100_000, ...tens, ...options });
  for (let batch = 0; batch < 7; batch++) await append(ledger, some(5));
  await ledger.close();
  return files;
}

describe("a block", () => {
  test("is closed behind the batch that fills it, which takes consecutive leaves", async () => {
    const ledger = await openLedger(new FaultyFiles(), { ...tens, nowUs: () => startUs });
    expect(await Promise.all([append(ledger, some(9)), append(ledger, some(4)), append(ledger, some(10))])).toEqual([
      0, 9, 14,
    ]);
    expect(await append(ledger, some(1))).toBe(25);
    const found = await sealsOf(ledger);
    expect([...found.keys()]).toEqual([13, 24]);
    expect([...found.values()]).toMatchObject([
      { number: 0, startLeaf: 0, count: 13, previousHash: new Uint8Array(32), openedUs: startUs, sealedUs: startUs },
      { number: 1, startLeaf: 14, count: 10, previousHash: new Uint8Array(leafHash((await ledger.readEntry(13))!)) },
    ]);
    await ledger.close();
  });

  test("is closed when it has been open for its time, and an empty one never is", async () => {
    stopTime();
    let us = startUs;
    const files = new FaultyFiles();
    const ledger = await openLedger(files, { ...tens, nowUs: () => us, checkpointIntervalMs: 3_600_000 });
    const pass = async (ms: number) => {
      us += ms * 1000;
      await vi.advanceTimersByTimeAsync(ms);
    };
    await pass(200_000);
    expect(ledger.size).toBe(0);
    await append(ledger, ["0"]);
    await pass(30_000);
    await append(ledger, ["1"]);
    await pass(29_999);
    expect(ledger.size).toBe(2);
    await pass(1);
    expect(ledger.size).toBe(3);
    await pass(200_000);
    expect(ledger.size).toBe(3);
    await vi.waitUntil(() => ledger.durableSize === 3);
    expect([...(await sealsOf(ledger)).values()]).toMatchObject([
      { count: 2, openedUs: startUs + 200_000_000, sealedUs: startUs + 260_000_000 },
    ]);
    // A full block takes its timer along.
    await append(ledger, some(10));
    expect(ledger.size).toBe(14);
    await pass(200_000);
    expect(ledger.size).toBe(14);
    await ledger.close();
  });

  test("is not held open by a clock that was set back", async () => {
    stopTime();
    let us = startUs;
    const ledger = await openLedger(new FaultyFiles(), { ...tens, nowUs: () => us });
    await append(ledger, ["0"]);
    us -= 3_600_000_000;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ledger.size).toBe(2);
    await ledger.close();
  });

  test("has its number and its seal in the API, from the moment the seal is durable", async () => {
    const ledger = await openLedger(new FaultyFiles(), { ...tens, checkpointIntervalMs: 3_600_000 });
    const view = new LedgerView(ledger, { checkpoint: undefined, witnessedSize: 0 });
    await append(ledger, [entryOf("alice", 1), entryOf("alice", 2)]);
    expect(await view.entry(1)).toMatchObject({ kind: "reading", block: null, state: "durable" });
    await append(ledger, some(8));
    await append(ledger, some(3));
    expect(await view.entry(1)).toMatchObject({ kind: "reading", block: 0, state: "sealed" });
    expect(await view.entry(10)).toMatchObject({ kind: "seal", block: 0, state: "sealed", deviceId: null });
    expect(await view.entry(11)).toMatchObject({ block: null, state: "durable" });
    await append(ledger, some(8));
    expect(await ledger.blockOf(11)).toBe(1);
    expect(await ledger.blockOf(10)).toBe(0);
    await ledger.close();
  });
});

describe("a restart", () => {
  test("goes on with the open block, wherever the checkpoint stands", async () => {
    for (let stop = 1; stop <= 35; stop++) {
      const files = new FaultyFiles();
      const slow = { ...tens, checkpointIntervalMs: 3_600_000 };
      const ledger = await openLedger(files, slow);
      for (let leaf = 0; leaf < stop; leaf++) await append(ledger, [`entry ${leaf}`]);
      // With nothing signed yet, and with everything signed.
      const crashed = files.copy();
      await ledger.close();
      for (const disk of [crashed, files]) {
        const again = await openLedger(disk, slow);
        for (let leaf = stop; leaf < 35; leaf++) await append(again, [`entry ${leaf}`]);
        expect([...(await sealsOf(again)).keys()], `stopped after ${stop}`).toEqual([10, 21, 32]);
        await again.close();
        expect(await verify(disk)).toMatchObject({ ok: true, entries: 38, blocks: 3 });
      }
    }
  });

  test("closes a block that is overdue before it signs, dated by its first reading", async () => {
    const files = new FaultyFiles();
    const first = entryOf("alice", 1); // Received at 1 760 000 000 000 001.
    const before = await openLedger(files, { ...tens, nowUs: () => 1_760_000_000_000_000 });
    await append(before, [first, "x"]);
    await before.close();
    const after = await openLedger(files, { ...tens, nowUs: () => startUs });
    expect(after.durableSize).toBe(3);
    expect(after.checkpointSize).toBe(3);
    expect([...(await sealsOf(after)).values()]).toMatchObject([
      { count: 2, openedUs: 1_760_000_000_000_001, sealedUs: startUs },
    ]);
    await after.close();
  });

  test("closes a block that is full already, as after a limit was lowered", async () => {
    const files = new FaultyFiles();
    const before = await openLedger(files, { block: { leaves: 100, ms: 60_000 } });
    await append(before, some(3_000).slice(0, 90));
    await before.close();
    const after = await openLedger(files, tens);
    expect(after.checkpointSize).toBe(91);
    await after.close();
    expect(await verify(files)).toMatchObject({ ok: true, blocks: 1 });
  });

  test("waits for the rest of the block's time only", async () => {
    const files = new FaultyFiles();
    const receivedUs = 1_760_000_000_000_001;
    const before = await openLedger(files, { ...tens, nowUs: () => receivedUs });
    await append(before, [entryOf("alice", 1)]);
    await before.close();
    stopTime();
    const after = await openLedger(files, { ...tens, nowUs: () => receivedUs + 50_000_000 });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(after.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(after.size).toBe(2);
    await after.close();
  });

  test("finds the last seal however far back it is", async () => {
    const files = new FaultyFiles();
    const wide = { block: { leaves: 20_000, ms: 86_400_000 }, segmentBytes: 1_000_000 };
    const before = await openLedger(files, { ...wide, ...tens });
    await append(before, some(10));
    await before.close();
    const between = await openLedger(files, wide);
    for (let batch = 0; batch < 12; batch++) await append(between, some(500));
    await between.close();
    const after = await openLedger(files, { ...wide, ...tens });
    expect([...(await sealsOf(after)).values()]).toMatchObject([{ number: 0 }, { number: 1, count: 6_000 }]);
    await after.close();
    expect(await verify(files)).toMatchObject({ ok: true, blocks: 2 });
  });
});

test("a seal that finds no space is given back with its block, which is closed later under the same number", async () => {
  const files = new FaultyFiles();
  const ledger = await openLedger(files, { ...tens, segmentBytes: 100_000 });
  await append(ledger, some(9));
  files.setFreeBytes(100);
  await expect(append(ledger, some(5))).rejects.toMatchObject({ code: "DISK_FULL" });
  files.setFreeBytes(Number.POSITIVE_INFINITY);
  await vi.waitUntil(() => ledger.state === "open");
  expect(await append(ledger, some(2))).toBe(9);
  expect([...(await sealsOf(ledger)).entries()]).toMatchObject([[11, { number: 0, count: 11 }]]);
  await ledger.close();
  expect(await verify(files)).toMatchObject({ ok: true, blocks: 1 });
});

describe("verifying", () => {
  const lies: [string, (seal: Seal) => Partial<Seal>][] = [
    ["number", ({ number }) => ({ number: number + 1 })],
    ["start", ({ startLeaf }) => ({ startLeaf: startLeaf + 1 })],
    ["count", ({ count }) => ({ count: count - 1 })],
    ["previous hash", () => ({ previousHash: new Uint8Array(32).fill(1) })],
    ["Merkle root", () => ({ merkleRoot: new Uint8Array(32).fill(1) })],
    ["root before", () => ({ treeRootBefore: new Uint8Array(32).fill(1) })],
  ];

  test.each(lies)("names a seal with a wrong %s, although the checkpoint covers it", async (_, lie) => {
    const liar = {
      ...seals,
      sign: (seal: Seal) => seals.sign(seal.number === 1 ? { ...seal, ...lie(seal) } : seal),
    };
    const { ok, problem } = await verify(await ledgerOfThree({ seals: liar }));
    expect(ok).toBe(false);
    expect(problem).toMatchObject({ leafIndex: 21, file: expect.stringContaining(".wal"), offset: expect.any(Number) });
    expect(problem!.what).toContain("the seal of block 1 ");
  });

  test.each(lies)("is done by a start too, for what no checkpoint covers: a wrong %s is refused", async (_, lie) => {
    const liar = { ...seals, sign: (seal: Seal) => seals.sign({ ...seal, ...lie(seal) }) };
    const files = new FaultyFiles();
    const ledger = await openLedger(files, { ...tens, seals: liar, checkpointIntervalMs: 3_600_000 });
    await append(ledger, some(10));
    const crashed = files.copy();
    await ledger.close();
    await expect(openLedger(crashed, tens)).rejects.toMatchObject({
      code: "JOURNAL_CORRUPT",
      details: { leafIndex: 10 },
    });
  });

  test("names a seal by another key, and so does a start", async () => {
    const stranger = sealSigner(generateKeyPairSync("ed25519").privateKey);
    const files = await ledgerOfThree({ seals: { ...seals, sign: stranger.sign } });
    expect((await verify(files)).problem).toMatchObject({
      what: "the seal of block 0 has a signature that does not verify",
      leafIndex: 10,
    });
    await expect(openLedger(files, tens)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
    const unkeyed = await verifyLog({ dir: ledgerDir, verifiers: [signer], files });
    expect(unkeyed).toMatchObject({ ok: true, sealSignatures: false, blocks: 3 });
  });

  test("names the block of an exchanged entry even when every hash file was forged to match", async () => {
    const files = await ledgerOfThree();
    const forged = Buffer.from("entry 9");
    const segment = files.paths().find((path) => path.endsWith(".wal"))!;
    forgeEntry(files.bytes(segment), 13, forged);
    leafHash(forged).forEach((byte, index) => {
      files.bytes(`${ledgerDir}/hash.0`)[13 * 32 + index] = byte;
    });
    expect((await verify(files)).problem).toMatchObject({
      what: "the seal of block 1 has another root than the entries of its block",
      leafIndex: 21,
    });
  });

  test("holds the HMAC of seals against the gateway's key, where there is one", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = (fill: number) => createSecretKey(Buffer.alloc(32, fill));
    const files = await ledgerOfThree({ seals: sealSigner(privateKey, key(1)) });
    const check = (hmacKey?: ReturnType<typeof key>) =>
      verifyLog({ dir: ledgerDir, verifiers: [signer], seals: sealSigner(privateKey, hmacKey), files });
    expect((await check(key(1))).ok).toBe(true);
    expect((await check()).ok).toBe(true);
    expect((await check(key(2))).problem!.what).toContain("the seal of block 0 has an HMAC");
  });
});
