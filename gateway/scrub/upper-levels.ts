import { hashBytes, MerkleTree, tileWidth } from "../../src/ledger/merkle.ts";

/**
 * The tree above tile level 0, from the hashes of level 1 on: what a tree of so many leaves has on every level, and its root
 * with the leaves at its right edge. All of it stays in memory: half a megabyte for a thousand million leaves.
 */
export class UpperLevels {
  readonly #tree = new MerkleTree();
  /** Of level 1 the hashes behind the last full tile, of the levels above it all. */
  #edge = Buffer.alloc(0);
  readonly #levels: Buffer[][] = [];
  #joined: Buffer[] | undefined;

  /** Hashes of level 1, in their order. */
  add(hashes: Uint8Array): void {
    for (const [level, gained] of this.#tree.append(hashes).slice(1).entries()) {
      this.#levels[level] ??= [];
      this.#levels[level].push(Buffer.from(gained));
    }
    const whole = Buffer.concat([this.#edge, hashes]);
    this.#edge = Buffer.from(whole.subarray(whole.length - (whole.length % (tileWidth * hashBytes))));
    this.#joined = undefined;
  }

  /** Hashes of level 1 added so far. */
  get count(): number {
    return this.#tree.size;
  }

  /** Levels 2 and higher, in this order: all their hashes. */
  get levels(): readonly Buffer[] {
    this.#joined ??= this.#levels.map((pieces) => Buffer.concat(pieces));
    return this.#joined;
  }

  /** Root of `size` leaves. @param edge hashes of the leaves behind the last full tile */
  root(size: number, edge: Uint8Array): Uint8Array {
    return MerkleTree.fromRightEdge(size, [edge, this.#edge, ...this.levels.map(lastPartialTile)]).root();
  }

  /** Whether these are the hashes of tile `index` of level 1. */
  holdsTile(index: number, hashes: Uint8Array): boolean {
    const full = hashes.length === tileWidth * hashBytes;
    const expected = full ? this.levels[0]?.subarray(index * hashBytes, (index + 1) * hashBytes) : this.#edge;
    return expected !== undefined && Buffer.compare(full ? rootOf(hashes) : hashes, expected) === 0;
  }
}

/** Root over up to 256 hashes. */
export function rootOf(hashes: Uint8Array): Uint8Array {
  const tree = new MerkleTree();
  tree.append(hashes);
  return tree.root();
}

function lastPartialTile(hashes: Buffer): Buffer {
  return hashes.subarray(hashes.length - (hashes.length % (tileWidth * hashBytes)));
}
