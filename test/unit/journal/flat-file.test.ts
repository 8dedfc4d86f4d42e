import { describe, expect, test } from "vitest";
import { FlatFile } from "../../../gateway/journal/flat-file.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";

const path = "/data/flat";
const record = (value: number) => Uint8Array.of(value, value);

async function opened(files: FaultyFiles): Promise<FlatFile> {
  return FlatFile.open(files, path, 2);
}

describe("a flat file", () => {
  test("reads records from memory, from the disk, and across both", async () => {
    const files = new FaultyFiles();
    const file = await opened(files);
    for (let value = 0; value < 3; value++) file.append(record(value));
    await file.flush();
    files.setFreeBytes(0);
    for (let value = 3; value < 6; value++) file.append(record(value));
    await file.flush();
    expect(file.length).toBe(6);
    expect(files.bytes(path).length).toBe(6);
    for (let from = 0; from <= 6; from++) {
      for (let to = from; to <= 8; to++) {
        const expected = Array.from({ length: Math.min(6, to) - from }, (_, index) => [
          from + index,
          from + index,
        ]).flat();
        expect([...(await file.read(from, to))]).toEqual(expected);
      }
    }
  });

  test("says why it is blocked, keeps what waits, and writes it once there is space", async () => {
    const files = new FaultyFiles();
    const file = await opened(files);
    files.setFreeBytes(3);
    file.append(record(1));
    file.append(record(2));
    await file.flush();
    expect(file.blocked).toMatchObject({ code: "ENOSPC" });
    file.append(record(3));
    files.setFreeBytes(100);
    await file.flush();
    expect(file.blocked).toBeUndefined();
    await file.close();
    expect([...files.bytes(path)]).toEqual([1, 1, 2, 2, 3, 3]);
  });

  test("forgets half a record at the end, and what it is truncated to", async () => {
    const files = new FaultyFiles();
    files.put(path, Uint8Array.of(1, 1, 2, 2, 3));
    const file = await opened(files);
    expect(file.length).toBe(2);
    await file.truncate(1);
    file.append(record(9));
    await file.close();
    expect([...files.bytes(path)]).toEqual([1, 1, 9, 9]);
  });
});
