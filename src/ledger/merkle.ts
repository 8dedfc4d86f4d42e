/** RFC 6962 §2.1 hashing as hash.ts defines it, but on node:crypto, and the tree that grows by appending: the hot path. */
import { hash } from "node:crypto";
import { hashBytes } from "./hash.ts";
import { tileHeight, tileWidth } from "./tiles.ts";

export { hashBytes, tileHeight, tileWidth };

// RFC 6962 §2.1: 0x00 before leaves and 0x01 before nodes, so that no node can pose as a leaf.
const leafScratch = Buffer.alloc(1 + 65_535);
const nodeScratch = Buffer.alloc(1 + 2 * hashBytes, 0x01);

/** The digest as a latin1 string: three times faster to obtain from node:crypto than a Buffer. */
function digest(bytes: Uint8Array): string {
  return hash("sha256", bytes, "binary");
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return Buffer.from(digest(bytes), "latin1");
}

/** Root hash of the tree without leaves: SHA-256 of nothing. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  const target = Buffer.allocUnsafe(hashBytes);
  leafHashInto(entry, target, 0);
  return target;
}

/** As `leafHash`, written to `target` at `offset`. */
export function leafHashInto(entry: Uint8Array, target: Buffer, offset: number): void {
  const scratch = entry.length < leafScratch.length ? leafScratch : Buffer.alloc(1 + entry.length);
  scratch.set(entry, 1);
  target.write(digest(scratch.subarray(0, 1 + entry.length)), offset, hashBytes, "latin1");
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeScratch.set(left, 1);
  nodeScratch.set(right, 1 + hashBytes);
  return Buffer.from(digest(nodeScratch), "latin1");
}

/**
 * The right edge of an append-only tree: for every set bit h of the size, the root of the complete subtree of 2^h
 * leaves that stands there ("compact range"). Enough to append and to compute the root; below 1.7 KB at any size.
 */
export class MerkleTree {
  #size = 0;
  /** By height. Only as many as the size asks for: trees are cloned often. */
  #peaks = Buffer.alloc(0);

  /**
   * The tree of `size` leaves from its partial tiles.
   * @param edge per tile level L the last floor(size / 256^L) mod 256 hashes of that level, 32 bytes each
   */
  static fromRightEdge(size: number, edge: readonly Uint8Array[]): MerkleTree {
    const tree = new MerkleTree();
    tree.#size = size;
    tree.#reserve(size);
    edge.forEach((tile, level) => {
      let at = 0;
      for (let bit = tileHeight - 1; bit >= 0; bit--) {
        if ((((tile.length / hashBytes) >> bit) & 1) === 0) continue;
        const end = at + hashBytes * 2 ** bit;
        tree.#peaks.set(perfectRoot(tile.subarray(at, end)), (level * tileHeight + bit) * hashBytes);
        at = end;
      }
    });
    return tree;
  }

  get size(): number {
    return this.#size;
  }

  clone(): MerkleTree {
    const copy = new MerkleTree();
    copy.#size = this.#size;
    copy.#peaks = Buffer.from(this.#peaks);
    return copy;
  }

  /**
   * @param leafHashes n × 32 bytes
   * @returns what each tile level gains, 32 bytes a hash: [0] is `leafHashes`, [1] the roots of newly completed runs of
   * 256 leaves, [2] of 65 536, … up to the highest level that gained any
   */
  append(leafHashes: Uint8Array): Uint8Array[] {
    const count = leafHashes.length / hashBytes;
    this.#reserve(this.#size + count);
    const gained = newTileHashes(this.#size, count);
    const written = gained.map(() => 0);
    for (let leaf = 0; leaf < count; leaf++) {
      copyHash(leafHashes, leaf * hashBytes, nodeScratch, 1 + hashBytes);
      let height = 0;
      // Adding one leaf to a binary counter: every carry joins two complete subtrees of equal height.
      for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
        copyHash(this.#peaks, height * hashBytes, nodeScratch, 1);
        nodeScratch.write(digest(nodeScratch), 1 + hashBytes, hashBytes, "latin1");
        height++;
        if (height % tileHeight === 0) {
          const level = height / tileHeight;
          written[level]! += nodeScratch.copy(gained[level]!, written[level]!, 1 + hashBytes);
        }
      }
      copyHash(nodeScratch, 1 + hashBytes, this.#peaks, height * hashBytes);
      this.#size++;
    }
    return [leafHashes, ...gained.slice(1)];
  }

  #reserve(size: number): void {
    let heights = 0;
    for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) heights++;
    if (heights * hashBytes <= this.#peaks.length) return;
    const roomier = Buffer.allocUnsafe(heights * hashBytes);
    this.#peaks.copy(roomier);
    this.#peaks = roomier;
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined;
    let height = 0;
    for (let rest = this.#size; rest > 0; rest = Math.floor(rest / 2), height++) {
      if (rest % 2 === 0) continue;
      const peak = this.#peaks.subarray(height * hashBytes, (height + 1) * hashBytes);
      root = root === undefined ? Uint8Array.from(peak) : nodeHash(peak, root);
    }
    return root ?? emptyRoot();
  }
}

/** Byte by byte: for so few, making the view that `set` needs takes longer. */
function copyHash(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let byte = 0; byte < hashBytes; byte++) target[to + byte] = source[from + byte]!;
}

/** Of level 0 nothing is computed. */
const noHashes = Buffer.alloc(0);

/** Room for the hashes that each tile level gains when a tree of `size` leaves gets `count` more. */
function newTileHashes(size: number, count: number): Buffer[] {
  const levels: Buffer[] = [];
  for (let span = 1; ; span *= tileWidth) {
    const gained = Math.floor((size + count) / span) - Math.floor(size / span);
    if (gained === 0) return levels;
    levels.push(span === 1 ? noHashes : Buffer.allocUnsafe(gained * hashBytes));
  }
}

/** Root over a power of two of hashes. */
function perfectRoot(hashes: Uint8Array): Uint8Array {
  if (hashes.length === hashBytes) return hashes;
  const half = hashes.length / 2;
  return nodeHash(perfectRoot(hashes.subarray(0, half)), perfectRoot(hashes.subarray(half)));
}
