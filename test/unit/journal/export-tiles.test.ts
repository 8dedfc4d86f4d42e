import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportTiles } from "../../../gateway/journal/export-tiles.ts";
import { PublishedLog } from "../../../gateway/journal/published-log.ts";
import { entryBatch } from "../../../src/ledger/bundle.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, openLedger, origin } from "../../support/ledger-workload.ts";
import { readTileDirectory } from "../../support/tile-directory.ts";

let dir: string;
let files: FaultyFiles;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mycogate-export-"));
  files = new FaultyFiles();
});
afterEach(() => rmSync(dir, { recursive: true }));

const text = (index: number) => `entry ${index} ${"x".repeat(index % 50)}`;

/** Appends up to `size` entries, and signs them: a ledger signs what it has when it closes. */
async function growTo(size: number, options = {}): Promise<void> {
  const ledger = await openLedger(files, { segmentBytes: 100_000, ...options });
  const entries = Array.from({ length: size - ledger.size }, (_, index) => Buffer.from(text(ledger.size + index)));
  await new Promise<void>((resolve, reject) =>
    ledger.append(entryBatch(entries, false), (error) => (error ? reject(error) : resolve())),
  );
  await ledger.close();
}

async function exported() {
  const log = new PublishedLog({ dir: ledgerDir, files });
  try {
    return await exportTiles(log, dir);
  } finally {
    await log.close();
  }
}

const allFiles = () =>
  readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(dir, name)).isFile());

test.each([1, 255, 256, 257, 700])(
  "another reader finds every one of %i entries and recomputes the root",
  async (size) => {
    await growTo(size);
    expect(await exported()).toMatchObject({ origin, size, filesKept: 0 });
    const log = readTileDirectory(dir);
    expect([log.origin, log.size]).toEqual([origin, size]);
    expect(log.entries.map(String)).toEqual(Array.from({ length: size }, (_, index) => text(index)));
  },
);

test("of 70 000 entries, the files are those of the specification's example", async () => {
  await growTo(70_000, { segmentBytes: 2 ** 24 });
  expect(await exported()).toMatchObject({ size: 70_000, filesWritten: 2 * 274 + 2 + 1 + 1 });
  for (const name of ["0/272", "0/273.p/112", "1/000", "1/001.p/17", "2/000.p/1", "entries/273.p/112"]) {
    expect(existsSync(join(dir, "tile", name)), name).toBe(true);
  }
  expect(statSync(join(dir, "tile/0/272")).size).toBe(8192);
  expect(readTileDirectory(dir).size).toBe(70_000);
  expect(allFiles().filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a log that has grown goes on where it ended", async () => {
  await growTo(600);
  await exported();
  await growTo(900);
  expect(await exported()).toMatchObject({ size: 900, filesKept: 2 });
  expect(readTileDirectory(dir).size).toBe(900);
  expect(await exported()).toMatchObject({ size: 900, filesWritten: 1 });
});

test("an interrupted export is finished by the next: what is half there is written again", async () => {
  await growTo(600);
  await exported();
  rmSync(join(dir, "checkpoint"));
  rmSync(join(dir, "tile/0/001"));
  rmSync(join(dir, "tile/entries/001"));
  writeFileSync(join(dir, "tile/0/002.p/88"), readFileSync(join(dir, "tile/0/002.p/88")).subarray(0, 100));
  expect(await exported()).toMatchObject({ size: 600 });
  expect(readTileDirectory(dir).size).toBe(600);
});

test("the directory of another log is left as it is", async () => {
  await growTo(600);
  await exported();
  const before = readFileSync(join(dir, "checkpoint"), "utf8");
  for (const [there, message] of [
    [before.replace(origin, "elsewhere.test/log"), /holds the log elsewhere\.test\/log/],
    [before.replace("\n600\n", "\n601\n"), /holds 601 entries, this log has 600/],
    ["nothing like it", /cannot be read/],
  ] as const) {
    writeFileSync(join(dir, "checkpoint"), there);
    await expect(exported()).rejects.toMatchObject({
      code: "EXPORT_MISMATCH",
      message: expect.stringMatching(message),
    });
    expect(readFileSync(join(dir, "checkpoint"), "utf8")).toBe(there);
  }
  writeFileSync(join(dir, "checkpoint"), before);
  writeFileSync(join(dir, "tile/0/000"), Buffer.alloc(8192));
  await expect(exported()).rejects.toThrow(/tile\/0\/000 is a tile of another log/);
});

test.each(["hash.0", "hash.1"])("a byte of %s changed: no checkpoint is put over what is wrong", async (file) => {
  await growTo(600);
  files.bytes(`${ledgerDir}/${file}`)[40]! ^= 1;
  await expect(exported()).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
  expect(existsSync(join(dir, "checkpoint"))).toBe(false);
});

test("leaf hashes that are not those that were signed are refused, entries or not", async () => {
  await growTo(600);
  await exported();
  rmSync(join(dir, "checkpoint"));
  files.bytes(`${ledgerDir}/checkpoint`).write("601", files.bytes(`${ledgerDir}/checkpoint`).indexOf("600"));
  await expect(exported()).rejects.toMatchObject({ code: expect.stringMatching(/JOURNAL_/) });
  expect(existsSync(join(dir, "checkpoint"))).toBe(false);
});
