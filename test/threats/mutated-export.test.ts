/** Every byte of an exported log, changed one at a time: each change is detected, and its place is named. */
import { expect, test } from "vitest";
import { forEachEntry } from "../../src/ledger/bundle-entries.ts";
import { verifyDirectory } from "../../src/ledger/verify-directory.ts";
import { type ExportedLog, exportOf, ledgerOfReadings, rememberingPolicy } from "../support/exported-log.ts";

const policy = rememberingPolicy();

/** Per byte of a bundle, which of its entries the byte is of; its length is of the entry too. */
function entryOfByte(bundle: Uint8Array): number[] {
  const owners: number[] = [];
  forEachEntry(bundle, (entry, index) => owners.push(...new Array<number>(2 + entry.length).fill(index)));
  return owners;
}

/** The leaf that a change of this byte touches. */
function leavesOf(log: ExportedLog, path: string): number[] | undefined {
  const [, level, first] = /^tile\/(\w+)\/(\d{3})/.exec(path) ?? [];
  if (level === undefined) return undefined;
  const from = Number(first) * 256;
  const bytes = log.bytes(path);
  if (level === "entries") return entryOfByte(bytes).map((index) => from + index);
  return Array.from(bytes, (_, at) => (from + Math.floor(at / 32)) * 256 ** Number(level));
}

/** @returns the changes that were made */
async function mutate(log: ExportedLog, path: string, step = 1): Promise<number> {
  const leaves = leavesOf(log, path);
  let changes = 0;
  for (let at = 0; at < log.bytes(path).length; at += step, changes++) {
    const bytes = Buffer.from(log.bytes(path));
    bytes[at]! ^= 1 << (at % 8);
    const { problem, signed } = await verifyDirectory(log.with(path, bytes), policy);
    const place = `${path} byte ${at}`;
    expect(problem, place).toBeDefined();
    expect(problem!.file, place).toBe(path);
    if (leaves === undefined) expect(signed, place).toBeUndefined();
    else expect([problem!.leafIndex, problem!.what], place).toEqual([leaves[at], expect.any(String)]);
  }
  return changes;
}

test("a log of readings, seals, events and what is left of an erased device, every byte of every file", async () => {
  const log = await exportOf(await ledgerOfReadings(12, { erase: true }));
  expect(await verifyDirectory(log, policy)).toMatchObject({ problem: undefined, blocks: 1, erased: 4 });
  expect(log.paths).toEqual(["checkpoint", "tile/0/000.p/15", "tile/entries/000.p/15"]);
  for (const path of log.paths) expect(await mutate(log, path), path).toBe(log.bytes(path).length);
});

test("a log of several tiles on two levels, every byte of the upper one, and bytes of all the others", async () => {
  const log = await exportOf(await ledgerOfReadings(250));
  expect(log.paths).toEqual(expect.arrayContaining(["tile/0/001.p/22", "tile/1/000.p/1", "tile/entries/001.p/22"]));
  for (const path of log.paths) await mutate(log, path, path.startsWith("tile/1/") ? 1 : 463);
});
