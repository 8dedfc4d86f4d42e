/** Writes the log as the static directory of C2SP tlog-tiles, for any web server or for the shelf. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { type Checkpoint, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { hashBytes, MerkleTree, tileWidth } from "../../src/ledger/merkle.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { formatTilePath, hashesOnLevel, type TilePath, tileLevels, tileWidthAt } from "../../src/ledger/tiles.ts";
import { isMissing } from "./file-port.ts";
import type { PublishedLog } from "./published-log.ts";

export interface ExportReport {
  readonly origin: string;
  /** Entries in the directory now. */
  readonly size: number;
  readonly filesWritten: number;
  /** Tiles that were there from an export before. */
  readonly filesKept: number;
}

/**
 * Everything that the newest checkpoint covers, the checkpoint last: whoever reads the directory at any moment finds all
 * that its checkpoint speaks of. An interrupted export, or one of a log that has grown since, goes on where it ended.
 * @throws GatewayError EXPORT_MISMATCH when the directory holds another log, JOURNAL_CORRUPT when the hashes do not
 * lead to the signed root
 */
export async function exportTiles(
  log: PublishedLog,
  dir: string,
  onProgress: (entries: number, of: number) => void = () => {},
): Promise<ExportReport> {
  const stored = await log.checkpoint();
  if (stored === undefined) throw new GatewayError("NOT_FOUND", "the ledger has no checkpoint yet");
  const { origin, size, root } = stored.checkpoint;
  await refuseOtherLog(dir, stored.checkpoint);
  const directory = new TileDirectory(log, dir, await log.rewritten());
  const levels = tileLevels(size).map((level) => tilesOfLevel(size, level));
  const tree = new MerkleTree();
  const upper: Uint8Array[][] = levels.map(() => []);
  for (const tile of levels[0] ?? []) {
    const gained = tree.append(await directory.write(tile));
    for (const [level, hashes] of gained.entries()) if (level > 0) upper[level]!.push(hashes);
    onProgress(tree.size, size);
  }
  if (Buffer.compare(tree.root(), root) !== 0)
    throw new GatewayError(
      "JOURNAL_CORRUPT",
      `the leaf hashes do not have the root that was signed for ${size} entries`,
    );
  for (const [level, tiles] of levels.entries()) {
    if (level === 0) continue;
    const expected = Buffer.concat(upper[level]!);
    for (const tile of tiles) {
      const at = tile.index * tileWidth * hashBytes;
      if (!expected.subarray(at, at + tile.width * hashBytes).equals(await directory.write(tile)))
        throw new GatewayError(
          "JOURNAL_CORRUPT",
          `hash.${level} differs from the leaf hashes below ${formatTilePath(tile)}`,
        );
    }
  }
  await replaceFile(join(dir, "checkpoint"), Buffer.from(stored.text));
  return { origin, size, filesWritten: directory.written + 1, filesKept: directory.kept };
}

function tilesOfLevel(size: number, level: number): TilePath[] {
  const count = Math.ceil(hashesOnLevel(size, level) / tileWidth);
  return Array.from({ length: count }, (_, index) => ({ level, index, width: tileWidthAt(size, level, index) }));
}

interface Range {
  readonly from: number;
  readonly to: number;
}

class TileDirectory {
  readonly #log: PublishedLog;
  readonly #dir: string;
  readonly #rewritten: readonly Range[];
  written = 0;
  kept = 0;

  constructor(log: PublishedLog, dir: string, rewritten: readonly Range[]) {
    this.#log = log;
    this.#dir = dir;
    this.#rewritten = rewritten;
  }

  /** @returns the tile's hashes */
  async write(tile: TilePath): Promise<Uint8Array> {
    const path = join(this.#dir, formatTilePath(tile));
    const hashes = await this.#read(tile);
    const found = await readIfThere(path);
    if (found?.length === tile.width * hashBytes) {
      if (Buffer.compare(found, hashes) !== 0) throw mismatch(`${path} is a tile of another log`);
      this.kept++;
      if (tile.level === 0 && this.#mayHaveLost(tile)) await this.#bundle(tile);
      return hashes;
    }
    // Before its hashes: where these are, the entries are too.
    if (tile.level === 0) await this.#bundle(tile);
    await this.#put(path, hashes);
    return hashes;
  }

  /** Whether entries of the tile may have been taken out since an export before. */
  #mayHaveLost({ index, width }: TilePath): boolean {
    const from = index * tileWidth;
    return this.#rewritten.some((range) => from < range.to && range.from < from + width);
  }

  /** As the log has it now: what is gone from the log goes from the directory too. */
  async #bundle(tile: TilePath): Promise<void> {
    const path = join(this.#dir, formatTilePath({ ...tile, level: "entries" }));
    const bundle = await this.#read({ ...tile, level: "entries" }).catch((error) => {
      if (error instanceof GatewayError && error.code === "ENTRIES_PRUNED") return undefined;
      throw error;
    });
    if (this.#mayHaveLost(tile)) await this.#removeNarrower(tile);
    if (bundle === undefined) return rm(path, { force: true });
    if ((await readIfThere(path))?.equals(bundle) !== true) await this.#put(path, bundle);
  }

  /** Bundles of these entries that were written when the log was smaller. */
  async #removeNarrower({ index, width }: TilePath): Promise<void> {
    const dir = dirname(join(this.#dir, formatTilePath({ level: "entries", index, width: 1 })));
    const names = await readdir(dir).catch((error) => (isMissing(error) ? [] : Promise.reject(error)));
    for (const name of names) if (name !== String(width)) await rm(join(dir, name), { force: true });
  }

  async #put(path: string, bytes: Uint8Array): Promise<void> {
    await replaceFile(path, bytes);
    this.written++;
  }

  async #read(tile: TilePath): Promise<Uint8Array> {
    const bytes = await this.#log.tile(tile);
    if (bytes !== undefined) return bytes;
    throw new GatewayError("JOURNAL_ROLLED_BACK", `${formatTilePath(tile)} was signed, and is gone`);
  }
}

async function refuseOtherLog(dir: string, { origin, size }: Checkpoint): Promise<void> {
  const text = (await readIfThere(join(dir, "checkpoint")))?.toString("utf8");
  if (text === undefined) return;
  const note = parseNote(text);
  const there = note.ok ? parseCheckpoint(note.value.text) : note;
  if (!there.ok) throw mismatch(`${dir} has a checkpoint that cannot be read: ${there.detail}`);
  if (there.value.origin !== origin) throw mismatch(`${dir} holds the log ${there.value.origin}, not ${origin}`);
  if (there.value.size > size) throw mismatch(`${dir} holds ${there.value.size} entries, this log has ${size}`);
}

/** Whole or not at all, as far as other processes can see. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.tmp`, bytes);
  await rename(`${path}.tmp`, path);
}

function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error) => (isMissing(error) ? undefined : Promise.reject(error)));
}

function mismatch(message: string): GatewayError {
  return new GatewayError("EXPORT_MISMATCH", message);
}
