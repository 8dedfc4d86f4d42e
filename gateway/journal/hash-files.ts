import { join } from "node:path";
import { hashBytes, MerkleTree, tileWidth } from "../../src/ledger/merkle.ts";
import type { FilePort } from "./file-port.ts";
import { FlatFile } from "./flat-file.ts";

/** Enough for 2^53 leaves. */
const levels = 7;

export function hashFilePath(dir: string, level: number): string {
  return join(dir, `hash.${level}`);
}

/**
 * The tree of the first `size` leaves, from its partial tiles.
 * @param read hashes of a tile level, fewer where there are no more @returns undefined when they are not all there
 */
export async function treeOf(
  size: number,
  read: (level: number, from: number, to: number) => Promise<Uint8Array>,
): Promise<MerkleTree | undefined> {
  const edge: Uint8Array[] = [];
  for (let level = 0; level < levels; level++) {
    const end = Math.floor(size / tileWidth ** level);
    const hashes = await read(level, end - (end % tileWidth), end);
    if (hashes.length < (end % tileWidth) * hashBytes) return undefined;
    edge.push(hashes);
  }
  return MerkleTree.fromRightEdge(size, edge);
}

/**
 * The hashes of the tree as flat files `hash.<L>`: tile (L, N) of tlog-tiles is bytes [8192 N, 8192 N + 8192) of
 * `hash.<L>`, a partial tile a prefix of that. Derived from the journal, which syncs them long after itself.
 */
export class HashFiles {
  readonly #levels: readonly FlatFile[];

  private constructor(files: readonly FlatFile[]) {
    this.#levels = files;
  }

  static async open(files: FilePort, dir: string): Promise<HashFiles> {
    const paths = Array.from({ length: levels }, (_, level) => hashFilePath(dir, level));
    return new HashFiles(await Promise.all(paths.map((path) => FlatFile.open(files, path, hashBytes))));
  }

  /** Why hashes cannot be written, undefined while they can. */
  get blocked(): unknown {
    return this.#levels.find(({ blocked }) => blocked !== undefined)?.blocked;
  }

  /** @param gained per tile level, as MerkleTree.append returns it */
  append(gained: readonly Uint8Array[]): void {
    gained.forEach((hashes, level) => {
      this.#levels[level]!.append(hashes);
    });
  }

  async flush(): Promise<void> {
    await Promise.all(this.#levels.map((file) => file.flush()));
  }

  async sync(): Promise<void> {
    await Promise.all(this.#levels.map((file) => file.sync()));
  }

  /** Hashes `from` to `to` (exclusive) of a tile level, fewer where they end. */
  read(level: number, from: number, to: number): Promise<Buffer> {
    return this.#levels[level]!.read(from, to);
  }

  /** The tree of the first `size` leaves, from its partial tiles, or undefined when they are not all there. */
  async treeOf(size: number): Promise<MerkleTree | undefined> {
    const reach = this.#levels.every(({ length }, level) => length >= Math.floor(size / tileWidth ** level));
    return reach ? treeOf(size, (level, from, to) => this.read(level, from, to)) : undefined;
  }

  /** Keeps what belongs to the first `size` leaves. */
  async truncate(size: number): Promise<void> {
    for (const [level, file] of this.#levels.entries()) await file.truncate(Math.floor(size / tileWidth ** level));
  }

  async close(): Promise<void> {
    await Promise.all(this.#levels.map((file) => file.close()));
  }
}
