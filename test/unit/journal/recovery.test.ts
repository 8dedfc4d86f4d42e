import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../src/errors.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { forgeFrames } from "../../support/forge-entry.ts";
import { appendAll, entriesOf, logDir, logOf, numbers, openLog } from "../../support/log-support.ts";

const oneSegment = { segmentBytes: 100_000 };
const segmentsOf = (files: FaultyFiles) => files.paths().filter((path) => path.endsWith(".wal"));
const headerBytes = 44;
/** A frame of one entry of one digit: 40 header, 2 length, 1 digit. */
const frameBytes = 43;

describe("a torn tail", () => {
  test("of any length is removed, and only it", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const path = segmentsOf(files)[0]!;
    const whole = Buffer.from(files.bytes(path));
    for (let length = headerBytes; length <= whole.length; length++) {
      const cut = files.copy();
      cut.put(path, whole.subarray(0, length));
      const log = await openLog(cut, oneSegment);
      const left = Math.floor((length - headerBytes) / frameBytes);
      expect(log.size).toBe(left);
      expect(cut.bytes(path).length).toBe(headerBytes + left * frameBytes);
      expect(await appendAll(log, [String(left)])).toBe(left);
      await log.close();
      const again = await openLog(cut, oneSegment);
      expect(await entriesOf(again.frames(0, 9))).toEqual(numbers(0, left + 1));
      await again.close();
    }
  });

  test("of zeros, of garbage, or of the last frame with lost sectors is removed", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const path = segmentsOf(files)[0]!;
    const whole = Buffer.from(files.bytes(path));
    const lost = Buffer.from(whole).fill(0, whole.length - 30, whole.length - 10);
    for (const [tail, left] of [
      [Buffer.concat([whole, Buffer.alloc(5_000)]), 5],
      [Buffer.concat([whole, Buffer.alloc(5_000, "MYCF")]), 5],
      [lost, 4],
    ] as const) {
      const torn = files.copy();
      torn.put(path, tail);
      const log = await openLog(torn, oneSegment);
      expect(await entriesOf(log.frames(0, 9))).toEqual(numbers(0, left));
      await log.close();
    }
  });

  test("of a payload that contains a whole frame of the same log is still only torn", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const path = segmentsOf(files)[0]!;
    const whole = Buffer.from(files.bytes(path));
    // What a device could send that knows everything but the salt.
    const foreign = new FaultyFiles();
    await logOf(foreign, 7, oneSegment);
    const frame = foreign.bytes(segmentsOf(foreign)[0]!).subarray(headerBytes + 6 * frameBytes);
    files.put(path, Buffer.concat([whole, Buffer.alloc(60, 1), frame, Buffer.alloc(10)]));
    const log = await openLog(files, oneSegment);
    expect(log.size).toBe(5);
    await log.close();
  });

  test("of a segment that was just being created is removed", async () => {
    for (const header of [Buffer.alloc(0), Buffer.alloc(20, 7), Buffer.alloc(44)]) {
      const files = new FaultyFiles();
      await logOf(files, 5, oneSegment);
      files.put(`${logDir}/0000000000000005.wal`, header);
      const log = await openLog(files, oneSegment);
      expect(await appendAll(log, ["5"])).toBe(5);
      await log.close();
      expect(segmentsOf(files)).toHaveLength(1);

      const first = new FaultyFiles();
      first.put(`${logDir}/0000000000000000.wal`, header);
      const empty = await openLog(first);
      expect(await appendAll(empty, ["0"])).toBe(0);
      await empty.close();
    }
  });
});

describe("damage", () => {
  test("with a valid frame after it is refused, named, and left as it is", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const path = segmentsOf(files)[0]!;
    for (let at = headerBytes; at < headerBytes + 4 * frameBytes; at++) {
      const damaged = files.copy();
      damaged.bytes(path)[at]! ^= 0x10;
      const before = Buffer.from(damaged.bytes(path));
      const leafIndex = Math.floor((at - headerBytes) / frameBytes);
      await expect(openLog(damaged, oneSegment)).rejects.toMatchObject({
        code: "JOURNAL_CORRUPT",
        place: { segment: "0000000000000000.wal", offset: headerBytes + leafIndex * frameBytes, leafIndex },
      });
      expect(damaged.bytes(path).equals(before)).toBe(true);
    }
  });

  test("a frame left out, doubled, or exchanged with another is refused", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const path = segmentsOf(files)[0]!;
    const whole = Buffer.from(files.bytes(path));
    const frame = (index: number) =>
      whole.subarray(headerBytes + index * frameBytes, headerBytes + (index + 1) * frameBytes);
    const order = (...indexes: number[]) => Buffer.concat([whole.subarray(0, headerBytes), ...indexes.map(frame)]);
    for (const [frames, leafIndex] of [
      [order(0, 1, 3, 4), 2],
      [order(0, 1, 1, 2, 3, 4), 2],
      [order(0, 2, 1, 3, 4), 1],
      [order(1, 2), 0],
    ] as const) {
      files.put(path, frames);
      await expect(openLog(files, oneSegment)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT", place: { leafIndex } });
    }
  });

  test("a frame with another payload and its CRC made to match is refused where the next one follows it", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const change = ({ firstLeaf }: { firstLeaf: number }, payload: Buffer) => {
      if (firstLeaf === 2) payload.write("x", 2);
      return undefined;
    };
    forgeFrames(files.bytes(segmentsOf(files)[0]!), change, false);
    await expect(openLog(files, oneSegment)).rejects.toMatchObject({
      code: "JOURNAL_CORRUPT",
      place: { leafIndex: 3 },
    });
  });

  test("a frame that passes over a leaf index is refused, though every CRC holds", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    forgeFrames(files.bytes(segmentsOf(files)[0]!), ({ firstLeaf }) =>
      firstLeaf >= 2 ? { firstLeaf: firstLeaf + 1 } : undefined,
    );
    await expect(openLog(files, oneSegment)).rejects.toMatchObject({
      code: "JOURNAL_CORRUPT",
      place: { leafIndex: 2 },
    });
  });

  test("a segment missing in the middle, or one of another log, is refused", async () => {
    const files = new FaultyFiles();
    await logOf(files, 40);
    const segments = segmentsOf(files);
    const missing = files.copy();
    missing.remove(segments[1]!);
    await expect(openLog(missing)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });

    const other = new FaultyFiles();
    await logOf(other, 40);
    const foreign = files.copy();
    foreign.put(segments[1]!, other.bytes(segments[1]!));
    // Its header fits: only reading across the seam can tell, which is what `ledger verify` does.
    const log = await openLog(foreign);
    await expect(entriesOf(log.frames(0, 40))).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
    await log.close();

    const renamed = files.copy();
    renamed.put(`${logDir}/0000000000009999.wal`, files.bytes(segments[0]!));
    await expect(openLog(renamed)).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
  });

  test("of a segment's header is refused", async () => {
    const files = new FaultyFiles();
    await logOf(files, 40);
    for (const path of segmentsOf(files)) {
      for (let at = 0; at < headerBytes; at++) {
        const damaged = files.copy();
        damaged.bytes(path)[at]! ^= 1;
        await expect(openLog(damaged), `${path} byte ${at}`).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
      }
    }
  });
});

describe("fewer entries than were promised", () => {
  test("are refused as a rollback, and nothing is touched", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const path = segmentsOf(files)[0]!;
    const whole = Buffer.from(files.bytes(path));
    for (let length = 0; length < whole.length; length++) {
      files.put(path, whole.subarray(0, length));
      await expect(openLog(files, { ...oneSegment, atLeast: 5 })).rejects.toMatchObject({
        code: "JOURNAL_ROLLED_BACK",
      });
      expect(files.bytes(path).length).toBe(length);
    }
    files.remove(path);
    await expect(openLog(files, { atLeast: 1 })).rejects.toMatchObject({ code: "JOURNAL_ROLLED_BACK" });
    files.put(path, whole);
    const log = await openLog(files, { ...oneSegment, atLeast: 5 });
    expect(log.size).toBe(5);
    await log.close();
  });

  test("are damage when their bytes are there but cannot be read", async () => {
    const files = new FaultyFiles();
    await logOf(files, 5, oneSegment);
    const bytes = files.bytes(segmentsOf(files)[0]!);
    bytes[bytes.length - 1]! ^= 1;
    await expect(openLog(files, { ...oneSegment, atLeast: 5 })).rejects.toMatchObject({
      code: "JOURNAL_CORRUPT",
      place: { leafIndex: 4, offset: headerBytes + 4 * frameBytes },
    });
  });
});

test("a directory that the file system refuses is named", async () => {
  const files = new FaultyFiles();
  files.setFreeBytes(10);
  await expect(openLog(files)).rejects.toMatchObject({ code: "DATA_DIR_UNUSABLE", details: { dir: logDir } });
});

test("whatever bytes the files hold, opening gives a log or a typed error", async () => {
  const files = new FaultyFiles();
  await logOf(files, 40);
  const paths = files.paths();
  const change = fc.record({
    path: fc.constantFrom(...paths),
    at: fc.nat(500),
    bytes: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(Buffer.from("MYCFMYCOWAL1"))),
    cut: fc.option(fc.nat(500)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const damaged = files.copy();
      for (const { path, at, bytes, cut } of changes) {
        const content = Buffer.from(damaged.bytes(path));
        content.set(bytes.subarray(0, Math.max(0, content.length - at)), Math.min(at, content.length));
        damaged.put(path, cut === null ? content : content.subarray(0, cut));
      }
      try {
        const log = await openLog(damaged);
        await entriesOf(log.frames(log.firstIndex, log.size)).catch(expectTyped);
        await entriesOf(log.controlFrames(log.firstIndex, log.size)).catch(expectTyped);
        await log.close();
      } catch (error) {
        expectTyped(error);
      }
    }),
    { numRuns: 300 },
  );
});

function expectTyped(error: unknown): void {
  if (!(error instanceof GatewayError)) throw error;
}
