import { describe, expect, test, vi } from "vitest";
import type { FilePort, OpenFile } from "../../../gateway/journal/file-port.ts";
import { encodeFrameHeader } from "../../../gateway/journal/frame.ts";
import type { LogBatch, LogFollower } from "../../../gateway/journal/log-batch.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { appendAll, batch, entriesOf, logDir, logOf, numbers, openLog } from "../../support/log-support.ts";
import { seeded } from "../../support/seeded.ts";

/** Files whose syncs wait until they are let go, one by one. */
function withHeldSyncs(files: FaultyFiles): { files: FilePort; started: () => number; release: () => void } {
  const held: (() => void)[] = [];
  let started = 0;
  const hold = (file: OpenFile): OpenFile => ({
    ...file,
    datasync: async () => {
      started++;
      await new Promise<void>((resolve) => held.push(resolve));
      await file.datasync();
    },
  });
  const port: FilePort = {
    open: async (path, mode) => hold(await files.open(path, mode)),
    rename: (from, to) => files.rename(from, to),
    unlink: (path) => files.unlink(path),
    list: (dir) => files.list(dir),
    makeDirectory: () => files.makeDirectory(),
    syncDirectory: (dir) => files.syncDirectory(dir),
  };
  return { files: port, started: () => started, release: () => held.shift()?.() };
}

const segmentsOf = (files: FaultyFiles) => files.paths().filter((path) => path.endsWith(".wal"));

describe("appending", () => {
  test("gives indexes at once and acknowledges in their order, each batch once", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files);
    const acknowledged: number[] = [];
    const firsts = [["a", "b"], ["c"], ["d", "e", "f"]].map((entries) => {
      const first = log.append(batch(entries), (error) => {
        expect(error).toBeUndefined();
        acknowledged.push(first);
      });
      return first;
    });
    expect(firsts).toEqual([0, 2, 3]);
    expect([log.size, log.durableSize]).toEqual([6, 0]);
    expect(log.pendingBytes).toBe(18);
    await log.close();
    expect(acknowledged).toEqual([0, 2, 3]);
    expect([log.durableSize, log.pendingBytes]).toEqual([6, 0]);
  });

  test("has one sync in flight, and what arrives meanwhile is one frame", async () => {
    const held = withHeldSyncs(new FaultyFiles());
    const opening = openLog(held.files, { segmentBytes: 10_000 });
    await vi.waitUntil(() => held.started() === 1);
    held.release();
    const log = await opening;
    const first = appendAll(log, ["0"]);
    await vi.waitUntil(() => held.started() === 2);
    const later = [appendAll(log, ["1"]), appendAll(log, ["2", "3"]), appendAll(log, ["4"])];
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(held.started()).toBe(2);
    expect(log.durableSize).toBe(0);
    held.release();
    await first;
    await vi.waitUntil(() => held.started() === 3);
    expect([log.size, log.durableSize]).toEqual([5, 1]);
    held.release();
    expect(await Promise.all(later)).toEqual([1, 2, 4]);
    expect(held.started()).toBe(3);
    const frames: number[] = [];
    for await (const { count } of log.frames(0, 5)) frames.push(count);
    expect(frames).toEqual([1, 4]);
    await log.close();
  });

  test("refuses a batch that is empty, too short for its count, or larger than any frame", async () => {
    const log = await openLog(new FaultyFiles());
    const never = () => expect.fail("not appended, not told");
    expect(() => log.append({ count: 0, bundle: [], control: false }, never)).toThrow(RangeError);
    expect(() => log.append({ count: 2, bundle: [Uint8Array.of(0, 1, 7)], control: false }, never)).toThrow(RangeError);
    expect(() => log.append({ count: 1, bundle: [new Uint8Array(33 * 2 ** 20)], control: false }, never)).toThrow(
      RangeError,
    );
    expect(log.size).toBe(0);
    await log.close();
  });

  test("is refused once the log is closed, and closing waits for what was appended", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files);
    const durable = appendAll(log, ["0"]);
    const closed = log.close();
    expect(() => log.append(batch(["1"]), () => {})).toThrow(expect.objectContaining({ code: "SHUTTING_DOWN" }));
    expect(await durable).toBe(0);
    await closed;
    await log.close();
    expect(log.state).toBe("closed");
  });
});

describe("reading", () => {
  test("finds every entry and every range, before and after a restart", async () => {
    const files = new FaultyFiles();
    await logOf(files, 40);
    expect(segmentsOf(files).length).toBeGreaterThan(3);
    const log = await openLog(files);
    expect(log.size).toBe(40);
    for (let index = 0; index < 40; index++)
      expect(Buffer.from((await log.read(index))!).toString()).toBe(String(index));
    expect(await log.read(40)).toBeUndefined();
    expect(await log.read(-1)).toBeUndefined();
    for (const [from, to] of [
      [0, 40],
      [0, 1],
      [17, 17],
      [39, 40],
      [5, 31],
      [30, 99],
      [50, 60],
    ] as const) {
      expect(await entriesOf(log.frames(from, to))).toEqual(numbers(from, Math.max(from, Math.min(to, 40))));
    }
    await log.close();
  });

  test("cuts the first and the last frame to the range", async () => {
    const log = await openLog(new FaultyFiles());
    await appendAll(log, ["0", "1", "2", "3", "4"]);
    await appendAll(log, ["5", "6", "7"]);
    for (let from = 0; from < 8; from++) {
      for (let to = from; to <= 8; to++) expect(await entriesOf(log.frames(from, to))).toEqual(numbers(from, to));
    }
    await log.close();
  });

  test("finds marked frames by their links, through every segment and restart", async () => {
    const files = new FaultyFiles();
    await logOf(files, 30);
    const log = await openLog(files);
    for (let index = 30; index < 45; index++) await appendAll(log, [String(index)], index % 10 === 3);
    const marked = async (from: number, to: number) => [...(await entriesOf(log.controlFrames(from, to))).keys()];
    expect(await marked(0, 45)).toEqual([3, 13, 23, 33, 43]);
    expect(await marked(4, 43)).toEqual([13, 23, 33]);
    expect(await marked(13, 14)).toEqual([13]);
    expect(await marked(14, 14)).toEqual([]);
    expect(await marked(24, 33)).toEqual([]);
    await log.close();
  });

  test.each([
    ["missing", (files: FaultyFiles) => files.remove(`${logDir}/offsets`)],
    [
      "cut short",
      (files: FaultyFiles) => files.put(`${logDir}/offsets`, files.bytes(`${logDir}/offsets`).subarray(0, 13)),
    ],
    ["all zeros", (files: FaultyFiles) => files.bytes(`${logDir}/offsets`).fill(0)],
    ["nonsense", (files: FaultyFiles) => files.bytes(`${logDir}/offsets`).fill(0xff)],
    ["a little off", (files: FaultyFiles) => files.bytes(`${logDir}/offsets`).fill(45)],
    ["too long", (files: FaultyFiles) => files.put(`${logDir}/offsets`, Buffer.alloc(8_000, 7))],
  ])("does not depend on the offset index: %s", async (_, damage) => {
    const files = new FaultyFiles();
    await logOf(files, 700, { segmentBytes: 9_000 });
    damage(files);
    const log = await openLog(files, { segmentBytes: 9_000 });
    for (const index of [0, 1, 255, 256, 257, 300, 511, 512, 698, 699]) {
      expect(Buffer.from((await log.read(index))!).toString()).toBe(String(index));
    }
    expect(await appendAll(log, ["700"])).toBe(700);
    expect(await entriesOf(log.frames(0, 701))).toEqual(numbers(0, 701));
    await log.close();
  });

  test("does not depend on an offset index that goes bad while the log is open", async () => {
    const files = new FaultyFiles();
    await logOf(files, 700, { segmentBytes: 9_000 });
    const log = await openLog(files, { segmentBytes: 9_000 });
    for (const garbage of [0, 45, 0xff]) {
      files.bytes(`${logDir}/offsets`).fill(garbage);
      for (const index of [0, 300, 512, 699])
        expect(Buffer.from((await log.read(index))!).toString()).toBe(String(index));
    }
    await log.close();
  });
});

test("an offset that points into a payload made to look like a frame only costs time", async () => {
  const files = new FaultyFiles();
  const log = await openLog(files, { segmentBytes: 100_000 });
  const fields = { firstLeaf: 256, count: 100, control: false, previousControl: undefined, previousCrc: 0 };
  const fake = encodeFrameHeader({ ...fields, payloadBytes: 200 }, [], 0).toString("latin1") + "\0".repeat(300);
  for (let index = 0; index < 300; index++) {
    const text = index === 20 ? Buffer.from(fake, "latin1") : Buffer.from(String(index));
    await new Promise((resolve) => log.append(entryBatch([text], false), resolve));
  }
  const segment = files.bytes(segmentsOf(files)[0]!);
  files.bytes(`${logDir}/offsets`).writeUInt32BE(segment.indexOf(Buffer.from(fake, "latin1")), 12);
  expect(Buffer.from((await log.read(299))!).toString()).toBe("299");
  await log.close();
});

test("what is derived from all but the two newest segments is durable, however slow its syncs and however often it is killed", async () => {
  let files = new FaultyFiles();
  const random = seeded(1);
  let derivedDurable = 0;
  for (let life = 0; life < 12; life++) {
    let committed = 0;
    const alive = files;
    const follower: LogFollower<LogBatch> = {
      blocked: undefined,
      giveBack: () => {},
      commit: () => {
        committed = log.durableSize;
      },
      flush: async () => {},
      sync: async () => {
        const covers = committed;
        await new Promise((resolve) => setTimeout(resolve, random() * 4));
        if (!alive.hasEnded) derivedDurable = covers;
      },
    };
    const log = await openLog(files, { follower, segmentBytes: 120 });
    committed = log.durableSize;
    const segmentsBefore = segmentsOf(files).length;
    for (let index = 0; index < 4 + life; index++) {
      expect(log.settledIndex).toBeLessThanOrEqual(derivedDurable);
      await appendAll(log, [String(log.size)]);
    }
    expect(segmentsOf(files).length).toBeGreaterThan(segmentsBefore);
    files = files.afterKill();
  }
});

describe("dropping", () => {
  test("removes only segments that lie wholly before the index, and the log goes on", async () => {
    const files = new FaultyFiles();
    await logOf(files, 40);
    const log = await openLog(files);
    const before = segmentsOf(files).length;
    await log.dropSegmentsBefore(20);
    expect(segmentsOf(files).length).toBeLessThan(before);
    expect(log.firstIndex).toBeGreaterThan(0);
    expect(log.firstIndex).toBeLessThanOrEqual(20);
    expect(await log.read(log.firstIndex - 1)).toBeUndefined();
    expect(await entriesOf(log.frames(0, 40))).toEqual(numbers(log.firstIndex, 40));
    expect([...(await entriesOf(log.controlFrames(0, 40))).keys()]).toEqual([23, 33]);
    await log.dropSegmentsBefore(1_000);
    expect(segmentsOf(files)).toHaveLength(1);
    expect(await appendAll(log, ["40"])).toBe(40);
    await log.close();

    const again = await openLog(files);
    expect(await entriesOf(again.frames(0, 41))).toEqual(numbers(again.firstIndex, 41));
    await again.close();
  });

  test("leaves the offset index rebuildable", async () => {
    const files = new FaultyFiles();
    await logOf(files, 700, { segmentBytes: 9_000 });
    const log = await openLog(files, { segmentBytes: 9_000 });
    await log.dropSegmentsBefore(600);
    const { firstIndex } = log;
    expect(firstIndex).toBeGreaterThan(300);
    await log.close();
    files.remove(`${logDir}/offsets`);
    const again = await openLog(files, { segmentBytes: 9_000 });
    expect(await entriesOf(again.frames(0, 700))).toEqual(numbers(firstIndex, 700));
    expect(Buffer.from((await again.read(699))!).toString()).toBe("699");
    await again.close();
  });
});

describe("a full disk", () => {
  test("fails the batch and all behind it, takes their indexes back, and lets reading go on", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files);
    await appendAll(log, ["0", "1"]);
    const segment = segmentsOf(files)[0]!;
    const bytesBefore = files.bytes(segment).length;
    files.setFreeBytes(20);
    const failed = [appendAll(log, ["lost"]), appendAll(log, ["lost too"])];
    expect(log.size).toBe(4);
    for (const { status, reason } of (await Promise.allSettled(failed)) as PromiseRejectedResult[]) {
      expect(status).toBe("rejected");
      expect(reason.code).toBe("DISK_FULL");
    }
    expect([log.state, log.size, log.durableSize, log.pendingBytes]).toEqual(["full", 2, 2, 0]);
    expect(files.bytes(segment)).toHaveLength(bytesBefore);
    expect(() => log.append(batch(["2"]), () => {})).toThrow(expect.objectContaining({ code: "DISK_FULL" }));
    expect(await entriesOf(log.frames(0, 2))).toEqual(numbers(0, 2));

    files.setFreeBytes(Number.POSITIVE_INFINITY);
    await vi.waitUntil(() => log.state === "open");
    expect(await appendAll(log, ["2"])).toBe(2);
    await log.close();
    const again = await openLog(files);
    expect(await entriesOf(again.frames(0, 3))).toEqual(numbers(0, 3));
    await again.close();
  });

  test("met while a new segment is begun leaves a log that goes on, and that can be opened again", async () => {
    for (const freeBytes of [0, 10, 43, 44]) {
      const files = new FaultyFiles();
      const log = await openLog(files, { segmentBytes: 60 });
      await appendAll(log, ["0"]);
      files.setFreeBytes(freeBytes);
      await expect(appendAll(log, ["lost"])).rejects.toMatchObject({ code: "DISK_FULL" });
      const meanwhile = await openLog(files.copy(), { segmentBytes: 60 });
      expect(meanwhile.size).toBe(1);
      await meanwhile.close();
      files.setFreeBytes(Number.POSITIVE_INFINITY);
      await vi.waitUntil(() => log.state === "open");
      expect(await appendAll(log, ["1"])).toBe(1);
      expect(await entriesOf(log.frames(0, 2))).toEqual(numbers(0, 2));
      await log.close();
    }
  });

  test("can be closed", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files);
    files.setFreeBytes(0);
    await expect(appendAll(log, ["lost"])).rejects.toMatchObject({ code: "DISK_FULL" });
    await log.close();
    expect(() => log.append(batch(["0"]), () => {})).toThrow(expect.objectContaining({ code: "SHUTTING_DOWN" }));
  });
});

describe("a disk that fails a sync", () => {
  test("ends the log: nothing is retried or acknowledged, the owner is told once, reading goes on", async () => {
    const files = new FaultyFiles();
    const onFatal = vi.fn();
    const log = await openLog(files, { onFatal, segmentBytes: 10_000 });
    await appendAll(log, ["0"]);
    // The write is the first call, its sync the second.
    files.failCall(2, "EIO");
    const failed = await Promise.allSettled([appendAll(log, ["1"]), appendAll(log, ["2"])]);
    for (const { reason } of failed as PromiseRejectedResult[])
      expect(reason).toMatchObject({ code: "JOURNAL_FAILED" });
    expect(onFatal).toHaveBeenCalledOnce();
    expect(log.state).toBe("failed");
    expect(() => log.append(batch(["1"]), () => {})).toThrow(expect.objectContaining({ code: "JOURNAL_FAILED" }));
    expect(await entriesOf(log.frames(0, 9))).toEqual(numbers(0, 1));
    await log.close();
    expect(onFatal).toHaveBeenCalledOnce();
  });
});
