import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import type { Ledger } from "../../../gateway/journal/ledger.ts";
import { verifyLog } from "../../../gateway/journal/verify-log.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { type CheckpointSigner, openCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { ed25519Signer } from "../../../src/ledger/ed25519-line.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, openLedger, origin, signer } from "../../support/ledger-workload.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";
import { seeded } from "../../support/seeded.ts";

const path = (name: string) => `${ledgerDir}/${name}`;
const hashFiles = Array.from({ length: 7 }, (_, level) => path(`hash.${level}`));

function append(ledger: Ledger, entries: readonly string[], control = false): Promise<number> {
  return new Promise((resolve, reject) => {
    const batch = entryBatch(
      entries.map((text) => Buffer.from(text)),
      control,
    );
    const first = ledger.append(batch, (error) => (error ? reject(error) : resolve(first)));
  });
}

/** A closed ledger of entries "0" to `count - 1`. */
async function ledgerOf(count: number, options = {}): Promise<FaultyFiles> {
  const files = new FaultyFiles();
  const ledger = await openLedger(files, { segmentBytes: 20_000, ...options });
  const texts = Array.from({ length: count }, (_, index) => String(index));
  for (let first = 0; first < count; first += 37) await append(ledger, texts.slice(first, first + 37));
  await ledger.close();
  return files;
}

function rootOf(count: number): string {
  const leaves = Array.from({ length: count }, (_, index) => leafHash(Buffer.from(String(index))));
  return new RecursiveTree(leaves).root(0, count).toString("base64");
}

const checkpointOf = (count: number) => `${origin}\n${count}\n${rootOf(count)}\n\n— `;

describe("the checkpoint", () => {
  test("of an empty ledger is signed at the first start, and covers everything after a clean stop", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files, { checkpointIntervalMs: 3_600_000 });
    expect(ledger.checkpoint).toContain(checkpointOf(0));
    const texts = Array.from({ length: 600 }, (_, index) => String(index));
    await append(ledger, texts);
    expect(ledger.checkpointSize).toBe(0);
    await ledger.close();
    expect(ledger.checkpointSize).toBe(600);
    expect(files.bytes(path("checkpoint")).toString()).toBe(ledger.checkpoint);
    expect(ledger.checkpoint).toContain(checkpointOf(600));
    expect(openCheckpoint(ledger.checkpoint!, origin, [signer]).ok).toBe(true);
  });

  test("follows the growing tree by itself, and is durable before it is published", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files);
    const published: number[] = [];
    ledger.onCheckpoint(({ text, checkpoint }) => {
      published.push(checkpoint.size);
      expect(checkpoint.size).toBeLessThanOrEqual(ledger.durableSize);
      expect(files.copyOfSynced().bytes(path("checkpoint")).toString()).toBe(text);
    });
    for (let index = 0; index < 20; index++) await append(ledger, [String(index)]);
    await vi.waitUntil(() => ledger.checkpointSize === 20);
    expect(published.at(-1)).toBe(20);
    expect(published).toEqual([...new Set(published)].sort((a, b) => a - b));
    await ledger.close();
  });

  test("carries a line per signer, and a start asks for every one of them", async () => {
    const second: CheckpointSigner = {
      name: origin,
      keyId: 0x0600_0001,
      sign: async () => Uint8Array.of(1, 2, 3),
      verify: (_, signature) => signature.length === 3,
    };
    const files = await ledgerOf(5, { signers: [signer, second] });
    expect(files.bytes(path("checkpoint")).toString().split("\n\n")[1]!.match(/— /g)).toHaveLength(2);
    await (await openLedger(files)).close();
    await expect(openLedger(files, { signers: [signer, { ...second, keyId: 7 }] })).rejects.toMatchObject({
      code: "CHECKPOINT_INVALID",
      details: { reject: "SIGNATURE_MISSING" },
    });
  });

  test("that cannot be stored for want of space waits, and ingest goes on", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files);
    // The append is one write and one sync; hash and offset files follow; then comes the checkpoint.
    const failOpen = vi
      .spyOn(files, "rename")
      .mockRejectedValueOnce(Object.assign(new Error("full"), { code: "ENOSPC" }));
    await append(ledger, ["0"]);
    await vi.waitUntil(() => failOpen.mock.calls.length > 0);
    await append(ledger, ["1"]);
    await vi.waitUntil(() => ledger.checkpointSize === 2);
    expect(ledger.state).toBe("open");
    await ledger.close();
  });

  test("that fails to sync ends the ledger", async () => {
    const files = new FaultyFiles();
    const onFatal = vi.fn();
    const ledger = await openLedger(files, { onFatal });
    vi.spyOn(files, "rename").mockRejectedValueOnce(Object.assign(new Error("bad disk"), { code: "EIO" }));
    await append(ledger, ["0"]);
    await vi.waitUntil(() => ledger.state === "failed");
    expect(onFatal).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "JOURNAL_FAILED" }));
    await expect(append(ledger, ["1"])).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    await ledger.close();
    expect(ledger.checkpointSize).toBe(0);
  });
});

describe("a start", () => {
  test("refuses a checkpoint that is damaged, of another origin, or of another key", async () => {
    const files = await ledgerOf(5);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(70_000, "x"), files.bytes(path("checkpoint")).subarray(1)]) {
      const damaged = files.copy();
      damaged.put(path("checkpoint"), bytes);
      await expect(openLedger(damaged)).rejects.toMatchObject({ code: "CHECKPOINT_INVALID" });
    }
    const stranger = ed25519Signer(origin, generateKeyPairSync("ed25519").privateKey);
    await expect(openLedger(files, { signers: [stranger] })).rejects.toMatchObject({ code: "CHECKPOINT_INVALID" });
    await expect(openLedger(files, { origin: "gw.test/ledger/2" })).rejects.toMatchObject({
      code: "CHECKPOINT_INVALID",
    });
  });

  test("refuses a journal shorter than the checkpoint", async () => {
    const old = await ledgerOf(300);
    const files = old.copy();
    const ledger = await openLedger(files, { segmentBytes: 20_000 });
    await append(ledger, ["one more"]);
    await ledger.close();
    old.put(path("checkpoint"), files.bytes(path("checkpoint")));
    await expect(openLedger(old)).rejects.toMatchObject({
      code: "JOURNAL_ROLLED_BACK",
      details: { size: 300, signed: 301 },
    });
  });

  test("refuses a journal as long as the checkpoint that holds something else", async () => {
    const files = await ledgerOf(300);
    const other = new FaultyFiles();
    const ledger = await openLedger(other, { segmentBytes: 20_000 });
    await append(
      ledger,
      Array.from({ length: 300 }, (_, index) => String(index === 150 ? "forged" : index)),
    );
    await ledger.close();
    other.put(path("checkpoint"), files.bytes(path("checkpoint")));
    await expect(openLedger(other)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
  });

  test.each([
    ["missing", (files: FaultyFiles) => hashFiles.map((file) => files.remove(file))],
    ["empty", (files: FaultyFiles) => hashFiles.map((file) => files.put(file, Buffer.alloc(0)))],
    ["wrong at the right edge", (files: FaultyFiles) => files.bytes(hashFiles[0]!).fill(7, 599 * 32)],
    ["wrong above", (files: FaultyFiles) => files.bytes(hashFiles[1]!).fill(7)],
    ["missing above", (files: FaultyFiles) => files.remove(hashFiles[1]!)],
    ["too long", (files: FaultyFiles) => files.put(hashFiles[0]!, Buffer.alloc(900 * 32, files.bytes(hashFiles[0]!)))],
  ])("makes the same hash files again when they are %s", async (_, damage) => {
    const files = await ledgerOf(600);
    const before = hashFiles.map((file) => Buffer.from(files.bytes(file)));
    damage(files);
    const ledger = await openLedger(files);
    expect(ledger.checkpoint).toContain(checkpointOf(600));
    await append(ledger, ["600"]);
    expect(Buffer.from((await ledger.readEntry(10))!).toString()).toBe("10");
    await ledger.close();
    for (const [level, bytes] of before.entries()) {
      expect(files.bytes(hashFiles[level]!).subarray(0, bytes.length).equals(bytes)).toBe(true);
    }
    expect(ledger.checkpoint).toContain(checkpointOf(601));
  });

  test("covers the entries that were durable but not yet signed, whatever the hash files say of them", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files, { checkpointIntervalMs: 3_600_000 });
    await append(
      ledger,
      Array.from({ length: 600 }, (_, index) => String(index)),
    );
    const atPowerCut = files.copy();
    await ledger.close();
    atPowerCut.put(hashFiles[0]!, Buffer.alloc(700 * 32, 1));
    const again = await openLedger(atPowerCut);
    expect(again.checkpoint).toContain(checkpointOf(600));
    await again.close();
    expect(atPowerCut.bytes(hashFiles[0]!).equals(files.bytes(hashFiles[0]!))).toBe(true);
  });
});

describe("the hash files", () => {
  // Segments of exactly one tile: nothing at the right edge shows what is missing further left.
  const tiled = { segmentBytes: 1_700 };
  const texts = Array.from({ length: 3_072 }, (_, index) => String(index).padStart(4));
  const appendTiled = async (ledger: Ledger, from: number, to: number) => {
    for (let first = from; first < to; first += 64) await append(ledger, texts.slice(first, first + 64));
  };

  test("are whole again after a power cut that took any part of them", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seeded(seed);
      let files = new FaultyFiles();
      // Two lives, so that what the first leaves unsynced may be old by the time the power goes.
      await appendTiled(await openLedger(files, tiled), 0, 1_024);
      files = files.afterKill();
      files.failCall(60 + Math.floor(random() * 150), "end");
      await openLedger(files, tiled)
        .then((ledger) => appendTiled(ledger, 1_024, 2_048))
        .catch(() => expect(files.hasEnded).toBe(true));
      const after = files.afterPowerCut(random);
      await (await openLedger(after)).close();
      expect(await verifyLog({ dir: ledgerDir, verifiers: [signer], files: after })).toMatchObject({
        problem: undefined,
      });
    }
  });

  test("are made anew when they end too early", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files, tiled);
    await appendTiled(ledger, 0, 1_024);
    await ledger.close();
    for (const length of [0, 256 * 32, 767 * 32]) {
      const short = files.copy();
      short.put(hashFiles[0]!, files.bytes(hashFiles[0]!).subarray(0, length));
      await (await openLedger(short)).close();
      expect(short.bytes(hashFiles[0]!).equals(files.bytes(hashFiles[0]!))).toBe(true);
    }
  });

  test("hold every tile hash at its place", async () => {
    const files = await ledgerOf(66_000, { segmentBytes: 1_000_000 });
    const leaves = Array.from({ length: 66_000 }, (_, index) => leafHash(Buffer.from(String(index))));
    const tree = new RecursiveTree(leaves);
    expect(files.bytes(hashFiles[0]!).equals(Buffer.concat(leaves))).toBe(true);
    const tiles = Array.from({ length: 257 }, (_, index) => tree.root(index * 256, index * 256 + 256));
    expect(files.bytes(hashFiles[1]!).equals(Buffer.concat(tiles))).toBe(true);
    expect(files.bytes(hashFiles[2]!).equals(tree.root(0, 65_536))).toBe(true);
    expect(files.bytes(hashFiles[3]!)).toHaveLength(0);
  });

  test("that a full disk holds back stop appends until they are written, and nothing is lost", async () => {
    const files = new FaultyFiles();
    const ledger = await openLedger(files, { segmentBytes: 100_000 });
    // Room for the frame (40 + 8 bytes), not for the hash.
    files.setFreeBytes(60);
    await append(ledger, ["entry 0"]);
    await vi.waitUntil(async () => (await append(ledger, ["entry x"]).catch((error) => error))?.code === "DISK_FULL");
    expect(ledger.state).toBe("full");
    files.setFreeBytes(Number.POSITIVE_INFINITY);
    await vi.waitUntil(() => ledger.state === "open");
    const size = ledger.size;
    expect(await append(ledger, ["after"])).toBe(size);
    await ledger.close();
    expect(files.bytes(hashFiles[0]!)).toHaveLength((size + 1) * 32);
  });
});

describe("entries", () => {
  test("are read hash-checked", async () => {
    const files = await ledgerOf(300);
    const ledger = await openLedger(files);
    expect(Buffer.from((await ledger.readEntry(299))!).toString()).toBe("299");
    expect(await ledger.readEntry(300)).toBeUndefined();
    files.bytes(hashFiles[0]!)[32 * 7]! ^= 1;
    await expect(ledger.readEntry(7)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
    await ledger.close();
  });

  test("are announced with the durable size, in order, before they are acknowledged", async () => {
    const ledger = await openLedger(new FaultyFiles());
    const sizes: number[] = [];
    const stop = ledger.onDurable((size) => sizes.push(size));
    for (let index = 0; index < 5; index++) {
      const first = await append(ledger, [String(index)]);
      expect(sizes.at(-1)).toBe(first + 1);
    }
    stop();
    await append(ledger, ["5"]);
    expect(sizes).toEqual([1, 2, 3, 4, 5]);
    await ledger.close();
  });

  test("need as many leaf hashes as there are entries", async () => {
    const ledger = await openLedger(new FaultyFiles());
    const batch = { ...entryBatch([Buffer.from("0")], false), leafHashes: new Uint8Array(64) };
    expect(() => ledger.append(batch, () => expect.fail())).toThrow(RangeError);
    await ledger.close();
  });
});
