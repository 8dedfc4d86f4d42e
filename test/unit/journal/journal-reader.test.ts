import { describe, expect, test } from "vitest";
import { JournalReader } from "../../../gateway/journal/journal-reader.ts";
import { leavesPerOffset } from "../../../gateway/journal/offset-index.ts";
import { listSegments } from "../../../gateway/journal/segment.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { appendAll, entriesOf, logDir, logOf, numbers, openLog } from "../../support/log-support.ts";

describe("a reader beside the writer", () => {
  test("follows frame by frame through new segments", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files);
    const reader = new JournalReader(logDir, files);
    let cursor = 0;
    for (let index = 0; index < 60; index++) {
      await appendAll(log, [String(index)]);
      // Every third time it is late, so that it finds several frames and segments at once.
      if (index % 3 !== 0) continue;
      expect(await entriesOf(reader.frames(cursor, log.durableSize))).toEqual(numbers(cursor, index + 1));
      cursor = index + 1;
    }
    expect(files.paths().length).toBeGreaterThan(5);
    await reader.close();
    await log.close();
  });

  test("never looks beyond the size it is told: what is being written there may change", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files, { segmentBytes: 10_000 });
    const reader = new JournalReader(logDir, files);
    await appendAll(log, ["0"]);
    const path = files.paths().find((name) => name.endsWith(".wal"))!;
    const end = files.bytes(path).length;
    // A frame that finds no space leaves garbage for a moment.
    const file = await files.open(path, "update");
    await file.write([Buffer.alloc(100, 0x4d)], end);
    expect(await entriesOf(reader.frames(0, 1))).toEqual(numbers(0, 1));
    await file.truncate(end);
    await appendAll(log, ["1"]);
    expect(await entriesOf(reader.frames(1, 2))).toEqual(new Map([[1, "1"]]));
    await reader.close();
    await log.close();
  });

  test("starts anywhere, again and again, and may stop in the middle", async () => {
    const files = new FaultyFiles();
    await logOf(files, 50);
    const reader = new JournalReader(logDir, files);
    for (const from of [49, 0, 25, 26, 10, 0]) {
      for await (const frame of reader.frames(from, 50)) {
        expect(frame.firstLeaf).toBe(from);
        break;
      }
      expect(await entriesOf(reader.frames(from, 50))).toEqual(numbers(from, 50));
    }
    await reader.close();
  });

  test("reads single entries while it follows", async () => {
    const files = new FaultyFiles();
    await logOf(files, 50);
    const reader = new JournalReader(logDir, files);
    for await (const { firstLeaf } of reader.frames(0, 50)) {
      expect(Buffer.from(await reader.entry(49 - firstLeaf)).toString()).toBe(String(49 - firstLeaf));
    }
    await reader.close();
  });

  test("reads frames larger than its window", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files, { segmentBytes: 5_000_000 });
    const long = Array.from({ length: 40 }, (_, index) => String(index % 10).repeat(60_000));
    await appendAll(log, ["first"]);
    await appendAll(log, long);
    await appendAll(log, ["last"]);
    const entries = await entriesOf(log.frames(0, 42));
    expect([...entries.values()]).toEqual(["first", ...long, "last"]);
    expect(Buffer.from((await log.read(40))!).toString()).toBe(long[39]);
    await log.close();
  });

  test("glimpses an entry between two places that the offset index knows, in one frame, two or many", async () => {
    const files = new FaultyFiles();
    const log = await openLog(files, { segmentBytes: 3_000 });
    const sizes = [1, 40, 3, 16, 1, 1, 100, 7, 15, 17, 32, 2, 60];
    let total = 0;
    for (const size of [...sizes, ...sizes]) {
      await appendAll(
        log,
        Array.from({ length: size }, (_, index) => String(total + index).repeat(1 + ((total + index) % 9))),
      );
      total += size;
    }
    await log.close();
    const reader = new JournalReader(logDir, files);
    expect(await reader.glimpse(0)).toBeUndefined();
    const missed: number[] = [];
    for (let leaf = 0; leaf < total; leaf++) {
      const entry = await reader.entry(leaf);
      const glimpsed = await reader.glimpse(leaf);
      if (glimpsed === undefined || Buffer.compare(glimpsed, entry) !== 0) missed.push(leaf);
    }
    // All but the last of a segment, and the first where one begins between two known places.
    const ends = (await listSegments(files, logDir)).concat(total);
    expect(ends.length).toBeGreaterThan(3);
    const runOf = (leaf: number) => Math.floor(leaf / leavesPerOffset);
    const isAtEnd = (leaf: number) => ends.some((end) => [runOf(end - 1), runOf(end)].includes(runOf(leaf)));
    expect(missed.filter((leaf) => !isAtEnd(leaf))).toEqual([]);
    await reader.close();
  });

  test("names the place where the journal is damaged, and reads what lies before and, given a hint, after", async () => {
    const files = new FaultyFiles();
    await logOf(files, 600, { segmentBytes: 100_000 });
    const path = files.paths().find((name) => name.endsWith(".wal"))!;
    // Frames of "0" to "9" are 43 bytes, those of "10" to "99" 44.
    const offset = 44 + 10 * 43 + 5 * 44;
    files.bytes(path)[offset + 43]! ^= 1;
    const reader = new JournalReader(logDir, files);
    await expect(entriesOf(reader.frames(0, 600))).rejects.toMatchObject({
      code: "JOURNAL_CORRUPT",
      place: { segment: "0000000000000000.wal", offset, leafIndex: 15 },
    });
    expect(await entriesOf(reader.frames(0, 15))).toEqual(numbers(0, 15));
    expect(await entriesOf(reader.frames(512, 600))).toEqual(numbers(512, 600));
    await reader.close();
  });

  test("says that entries are gone once their segments are dropped", async () => {
    const files = new FaultyFiles();
    await logOf(files, 40);
    const reader = new JournalReader(logDir, files);
    await reader.entry(0);
    const log = await openLog(files);
    await log.dropSegmentsBefore(20);
    await expect(reader.entry(0)).rejects.toMatchObject({ code: "ENTRY_NOT_FOUND" });
    await reader.close();
    await log.close();
  });
});
