/**
 * The journal and the hash files against the root that was signed. First the tree above the leaves: `hash.1` leads to the
 * root, or it is made anew from the entries. Then tile by tile: what the entries hash to is what was signed, or the journal
 * is damaged, and what the files have is what the entries hash to, or they are repaired. docs/adr/0072-scrub.md
 */
import { join } from "node:path";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import { hashBytes, tileWidth } from "../../src/ledger/merkle.ts";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import type { FilePort } from "../journal/file-port.ts";
import { hashFilePath } from "../journal/hash-files.ts";
import { leavesPerOffset, offsetRecordBytes, offsetsPath } from "../journal/offset-index.ts";
import { HashReader } from "./hash-reader.ts";
import { type OffsetRecords, readRun } from "./read-run.ts";
import { rootOf, UpperLevels } from "./upper-levels.ts";

/** Hashes that belong into a hash file in the place of others. */
interface HashRepair {
  readonly level: number;
  readonly from: number;
  readonly hashes: Uint8Array;
  /** Of them, how many the file has otherwise. */
  readonly count: number;
}

/** Entries of which it is known what was signed. */
export interface SignedRun {
  readonly firstLeaf: number;
  /** Undefined where the journal does not have what was signed. */
  readonly entries: readonly (Uint8Array | undefined)[];
  /** Leaf hashes as signed, 32 bytes each. */
  readonly hashes: Buffer;
}

export interface JournalStep {
  /** Entries read and hashed. */
  readonly entries: number;
  readonly findings: readonly ScrubFinding[];
  readonly runs: readonly SignedRun[];
}

interface Results {
  entries: number;
  readonly findings: ScrubFinding[];
  readonly runs: SignedRun[];
}

/** Level-1 hashes looked at in one step. */
const upperStep = 4096;
const entriesStep = 2048;
/** Level-1 hashes that differ and are kept while the tree is made anew; a second pass finds the others. */
const maxPending = 65_536;

export class JournalCheck {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #journalDir: string;
  readonly #hashes: HashReader;
  readonly #signed: Checkpoint;
  #phase: "upper" | "rebuild" | "entries" | "done" = "upper";
  #upper = new UpperLevels();
  #pending: HashRepair[] = [];
  /** Signed hashes of the leaves behind the last full tile. */
  #edge: Buffer = Buffer.alloc(0);
  /** Tile of level 1, its hashes where they are as signed. */
  #tile: { readonly index: number; readonly hashes: Buffer | undefined } | undefined;
  #position: number;

  /** @param dir `<data>/ledger` @param from a multiple of 256 where another check of the same log had come to, or 0 */
  constructor(files: FilePort, dir: string, signed: Checkpoint, from = 0) {
    this.#files = files;
    this.#dir = dir;
    this.#journalDir = join(dir, "journal");
    this.#hashes = new HashReader(files, dir);
    this.#signed = signed;
    this.#position = from < signed.size ? from - (from % tileWidth) : 0;
  }

  /** The first entry not checked yet. */
  get position(): number {
    return this.#position;
  }

  get done(): boolean {
    return this.#phase === "done";
  }

  /** Some thousand entries further. @throws what the file system says, a bad sector excepted */
  async step(): Promise<JournalStep> {
    const results: Results = { entries: 0, findings: [], runs: [] };
    if (this.#phase === "upper") await this.#stepUpper(results);
    else if (this.#phase === "rebuild") await this.#stepRebuild(results);
    else if (this.#phase === "entries") await this.#stepEntries(results);
    return results;
  }

  close(): Promise<void> {
    return this.#hashes.close();
  }

  get #tiles(): number {
    return Math.floor(this.#signed.size / tileWidth);
  }

  async #stepUpper(results: Results): Promise<void> {
    const from = this.#upper.count;
    const to = Math.min(from + upperStep, this.#tiles);
    this.#upper.add(await this.#hashes.read(1, from, to));
    if (to < this.#tiles) return;
    if (await this.#leadsToRoot()) return this.#beginEntries(results);
    this.#phase = "rebuild";
    this.#upper = new UpperLevels();
  }

  /** The tree above the leaves from the entries: one tile after the other, those of `hash.1` where entries cannot be read. */
  async #stepRebuild(results: Results): Promise<void> {
    const first = this.#upper.count;
    const from = first * tileWidth;
    const to = Math.min(from + entriesStep, this.#tiles * tileWidth);
    const run = await readRun(this.#files, this.#journalDir, from, to);
    results.entries = run.entries.length;
    const stored = await this.#hashes.read(1, first, first + run.entries.length / tileWidth);
    const hashes = Buffer.from(stored);
    for (let tile = 0; tile < hashes.length / hashBytes; tile++) {
      const [begin, end] = [tile * tileWidth, (tile + 1) * tileWidth];
      if (run.entries.slice(begin, end).includes(undefined)) continue;
      hashes.set(rootOf(run.hashes.subarray(begin * hashBytes, end * hashBytes)), tile * hashBytes);
    }
    this.#upper.add(hashes);
    const repair = difference(1, first, hashes, stored);
    if (repair !== undefined && this.#pending.length < maxPending) this.#pending.push(repair);
    if (this.#upper.count < this.#tiles) return;
    if (await this.#leadsToRoot()) {
      for (const repair of this.#pending.splice(0)) await this.#repair(results, repair);
      return this.#beginEntries(results);
    }
    const what = `neither the first ${this.#signed.size} entries nor the hash files have the root that was signed`;
    results.findings.push(...run.unreadable.map(journalFinding), journalFinding({ what, leafIndex: 0, count: 1 }));
    this.#phase = "done";
  }

  /** Of the leaves at the right edge it takes what the journal has, or else what the file has. */
  async #leadsToRoot(): Promise<boolean> {
    const { size, root } = this.#signed;
    const from = this.#tiles * tileWidth;
    const { entries, hashes } = await readRun(this.#files, this.#journalDir, from, size);
    const stored = await this.#hashes.read(0, from, size);
    const mixed = withStored(entries, hashes, stored);
    const edge = [hashes, stored, mixed].find((edge) => Buffer.compare(this.#upper.root(size, edge), root) === 0);
    if (edge !== undefined) this.#edge = edge;
    return edge !== undefined;
  }

  async #beginEntries(results: Results): Promise<void> {
    for (const [index, expected] of this.#upper.levels.entries()) {
      const level = index + 2;
      const repair = difference(level, 0, expected, await this.#hashes.read(level, 0, expected.length / hashBytes));
      if (repair !== undefined) await this.#repair(results, repair);
    }
    this.#phase = this.#position < this.#signed.size ? "entries" : "done";
  }

  async #stepEntries(results: Results): Promise<void> {
    const from = this.#position;
    const run = await readRun(this.#files, this.#journalDir, from, Math.min(from + entriesStep, this.#signed.size));
    results.entries = run.entries.length;
    results.findings.push(...run.unreadable.map(journalFinding));
    for (const records of run.offsets) await this.#checkOffsets(results, records);
    const stored = await this.#hashes.read(0, from, from + run.entries.length);
    for (let at = 0; at < run.entries.length; at += tileWidth) {
      const end = Math.min(at + tileWidth, run.entries.length);
      const part = (bytes: Buffer) => bytes.subarray(at * hashBytes, end * hashBytes);
      await this.#checkTile(results, from + at, run.entries.slice(at, end), part(run.hashes), part(stored));
    }
    this.#position += run.entries.length;
    if (this.#position === this.#signed.size) this.#phase = "done";
  }

  async #checkTile(
    results: Results,
    leaf: number,
    entries: readonly (Uint8Array | undefined)[],
    hashes: Buffer,
    stored: Buffer,
  ): Promise<void> {
    const holds = await this.#signedTile(leaf, entries.length);
    const mixed = withStored(entries, hashes, stored);
    const signed = holds && [hashes, stored, mixed].find(holds);
    if (signed === undefined) {
      if (holds === undefined || entries.includes(undefined)) return;
      const what = "entries are not those that were signed, nor are their hashes";
      results.findings.push(journalFinding({ what, leafIndex: leaf, count: entries.length }));
      return;
    }
    const repair = difference(0, leaf, signed, stored);
    if (repair !== undefined) await this.#repair(results, repair);
    const kept = entries.map((entry, index) => (sameHash(hashes, signed, index) ? entry : undefined));
    const others = kept.flatMap((entry, index) => (entry === undefined && entries[index] !== undefined ? [index] : []));
    if (others.length > 0) {
      const what = "an entry is not the one that was signed";
      results.findings.push(journalFinding({ what, leafIndex: leaf + others[0]!, count: others.length }));
    }
    results.runs.push({ firstLeaf: leaf, entries: kept, hashes: signed });
  }

  async #checkOffsets(results: Results, { record, expected }: OffsetRecords): Promise<void> {
    const path = offsetsPath(this.#journalDir);
    const stored = Buffer.alloc(expected.length);
    await this.#files
      .open(path, "update")
      .then((file) => file.read(stored, record * offsetRecordBytes).finally(() => file.close()));
    if (stored.equals(expected)) return;
    await this.#write(path, record * offsetRecordBytes, expected);
    const what = "the offset index did not lead to the entries";
    const count = expected.length / offsetRecordBytes;
    results.findings.push({ part: "offsets", what, leafIndex: record * leavesPerOffset, count, repaired: true });
  }

  async #repair(results: Results, { level, from, hashes, count }: HashRepair): Promise<void> {
    await this.#write(hashFilePath(this.#dir, level), from * hashBytes, hashes);
    const what = `hash.${level} was not what the entries hash to`;
    results.findings.push({ part: "hashes", what, leafIndex: from * tileWidth ** level, count, repaired: true });
  }

  /** Only where the gateway has been and does not come again: it appends. Whatever file has the name now gets it. */
  async #write(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    const file = await this.#files.open(path, "update");
    await file.write([bytes], offset).finally(() => file.close());
  }

  /** What tells the signed leaf hashes of a tile from others; undefined where that is not known. */
  async #signedTile(leaf: number, count: number): Promise<((hashes: Buffer) => boolean) | undefined> {
    if (count < tileWidth) return (hashes) => hashes.equals(this.#edge);
    const tile = leaf / tileWidth;
    const index = Math.floor(tile / tileWidth);
    if (this.#tile?.index !== index) {
      const first = index * tileWidth;
      const read = await this.#hashes.read(1, first, Math.min(first + tileWidth, this.#tiles));
      this.#tile = { index, hashes: this.#upper.holdsTile(index, read) ? read : undefined };
    }
    const at = (tile % tileWidth) * hashBytes;
    const root = this.#tile.hashes?.subarray(at, at + hashBytes);
    return root && ((hashes) => root.equals(rootOf(hashes)));
  }
}

function journalFinding(found: Pick<ScrubFinding, "what" | "leafIndex" | "count">): ScrubFinding {
  return { part: "journal", ...found, repaired: false };
}

/** @returns undefined where there is none; else from the first that differs to the last */
function difference(level: number, first: number, expected: Buffer, stored: Buffer): HashRepair | undefined {
  const differing = Array.from({ length: expected.length / hashBytes }, (_, index) => index).filter(
    (index) => !sameHash(expected, stored, index),
  );
  if (differing.length === 0) return undefined;
  const [from, to] = [differing[0]!, differing.at(-1)! + 1];
  const hashes = expected.subarray(from * hashBytes, to * hashBytes);
  return { level, from: first + from, hashes, count: differing.length };
}

function withStored(entries: readonly (Uint8Array | undefined)[], hashes: Buffer, stored: Buffer): Buffer {
  const mixed = Buffer.from(stored);
  for (const [index, entry] of entries.entries()) {
    if (entry !== undefined) hashes.copy(mixed, index * hashBytes, index * hashBytes, (index + 1) * hashBytes);
  }
  return mixed;
}

function sameHash(a: Buffer, b: Buffer, index: number): boolean {
  const [from, to] = [index * hashBytes, (index + 1) * hashBytes];
  return a.compare(b, from, to, from, to) === 0;
}
