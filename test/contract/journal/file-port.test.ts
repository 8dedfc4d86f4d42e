import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { diskFiles } from "../../../gateway/journal/disk-files.ts";
import { type FilePort, isDiskFull, isMissing } from "../../../gateway/journal/file-port.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";

const scratch = mkdtempSync(join(tmpdir(), "mycogate-files-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const ports: [name: string, files: FilePort, dir: string][] = [
  ["the disk", diskFiles, join(scratch, "a", "b")],
  ["the files that fail on request", new FaultyFiles(), "/a/b"],
];

const text = (value: string) => new TextEncoder().encode(value);

describe.each(ports)("%s", (_, files, dir) => {
  const path = join(dir, "file");

  async function content(of = path): Promise<string> {
    const file = await files.open(of, "read");
    const bytes = new Uint8Array(await file.size());
    expect(await file.read(bytes, 0)).toBe(bytes.length);
    await file.close();
    return new TextDecoder().decode(bytes);
  }

  test("lists nothing in a directory that is missing, and makes it", async () => {
    expect(await files.list(dir)).toEqual([]);
    await files.makeDirectory(dir);
    await files.makeDirectory(dir);
    expect(await files.list(dir)).toEqual([]);
  });

  test("says when a file to read is missing", async () => {
    const error = await files.open(path, "read").catch((error) => error);
    expect(isMissing(error)).toBe(true);
    expect(isDiskFull(error)).toBe(false);
    expect(isMissing(await files.unlink(path).catch((error) => error))).toBe(true);
  });

  test("writes pieces at a position, reads them back, and comes up short only at the end", async () => {
    const file = await files.open(path, "update");
    await file.write([text("one"), text(""), text("two")], 0);
    await file.write([text("X")], 2);
    await file.datasync();
    const bytes = new Uint8Array(4);
    expect(await file.read(bytes, 1)).toBe(4);
    expect(new TextDecoder().decode(bytes)).toBe("nXtw");
    expect(await file.read(bytes, 4)).toBe(2);
    expect(await file.read(bytes, 6)).toBe(0);
    expect(await file.read(bytes, 100)).toBe(0);
    await file.close();
    expect(await content()).toBe("onXtwo");
  });

  test("keeps what an updated file holds, and empties one that is replaced", async () => {
    await (await files.open(path, "update")).close();
    expect(await content()).toBe("onXtwo");
    const file = await files.open(path, "replace");
    expect(await file.size()).toBe(0);
    await file.write([text("new")], 0);
    await file.close();
    expect(await content()).toBe("new");
  });

  test("cuts a file, and fills a gap with zeros", async () => {
    const file = await files.open(path, "update");
    await file.truncate(1);
    await file.write([text("z")], 3);
    await file.close();
    expect(await content()).toBe("n\0\0z");
  });

  test("renames over another file, and lists what there is", async () => {
    const other = join(dir, "other");
    const file = await files.open(other, "replace");
    await file.write([text("other")], 0);
    await file.close();
    await files.rename(other, path);
    await files.syncDirectory(dir);
    expect(await content()).toBe("other");
    expect(await files.list(dir)).toEqual(["file"]);
    await files.unlink(path);
    expect(await files.list(dir)).toEqual([]);
  });

  test("writes more pieces than one system call takes", async () => {
    const pieces = Array.from({ length: 3_000 }, (_, index) => text(`${index} `));
    const file = await files.open(path, "replace");
    await file.write(pieces, 0);
    await file.close();
    expect(await content()).toBe(pieces.map((piece) => new TextDecoder().decode(piece)).join(""));
  });
});
