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

/**
 * As `leafHashInto`, of an entry within a buffer.
 * @param scratch from `start` to `end` the entry; the byte in front of it is overwritten with the prefix
 */
export function leafHashWithin(scratch: Buffer, start: number, end: number, target: Buffer, offset: number): void {
  scratch[start - 1] = 0x00;
  target.write(digest(scratch.subarray(start - 1, end)), offset, hashBytes, "latin1");
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeScratch.set(left, 1);
  nodeScratch.set(right, 1 + hashBytes);
  return Buffer.from(digest(nodeScratch), "latin1");
}

/** Of each pair of nodes their parent; a last one without a partner has none yet. @param nodes 32 bytes each */
export function parentHashes(nodes: Uint8Array): Buffer {
  const parents = Buffer.allocUnsafe(Math.floor(nodes.length / (2 * hashBytes)) * hashBytes);
  for (let to = 0; to < parents.length; to += hashBytes) {
    copyBytes(nodes, 2 * to, nodeScratch, 1, 2 * hashBytes);
    parents.write(digest(nodeScratch), to, hashBytes, "latin1");
  }
  return parents;
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

  /** The tree that had these `peaks` at that size. @throws RangeError when their number is not that of its set bits */
  static fromPeaks(size: number, peaks: Uint8Array): MerkleTree {
    const tree = new MerkleTree();
    tree.#size = size;
    tree.#reserve(size);
    let at = 0;
    for (const height of setBits(size)) {
      tree.#peaks.set(peaks.subarray(at, at + hashBytes), height * hashBytes);
      at += hashBytes;
    }
    if (at !== peaks.length) throw new RangeError(`${peaks.length} bytes are not the peaks of ${size} leaves`);
    return tree;
  }

  get size(): number {
    return this.#size;
  }

  /** The peaks from the lowest up, 32 bytes each. */
  get peaks(): Uint8Array {
    const peaks = setBits(this.#size).map((height) => this.#peak(height));
    return Buffer.concat(peaks);
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
    const gained = [leafHashes];
    let nodes = leafHashes;
    let before = this.#size;
    // Adding to a binary counter, all leaves at once: every carry joins two complete subtrees of equal height.
    for (let height = 0; nodes.length > 0; height++) {
      if (height > 0 && height % tileHeight === 0) gained.push(nodes);
      nodes = this.#join(nodes, before % 2 === 1, height);
      before = Math.floor(before / 2);
    }
    this.#size += count;
    return gained;
  }

  /**
   * Joins new subtrees of one height in pairs. The last without a partner becomes the peak there.
   * @param waits whether a peak waits for the first of them @returns the new subtrees of the next height
   */
  #join(nodes: Uint8Array, waits: boolean, height: number): Uint8Array {
    const peak = height * hashBytes;
    const pairs = Math.floor((nodes.length / hashBytes + (waits ? 1 : 0)) / 2);
    const joined = pairs === 0 ? noHashes : Buffer.allocUnsafe(pairs * hashBytes);
    let at = 0;
    for (let to = 0; to < joined.length; to += hashBytes) {
      if (waits && to === 0) {
        copyBytes(this.#peaks, peak, nodeScratch, 1, hashBytes);
        copyBytes(nodes, 0, nodeScratch, 1 + hashBytes, hashBytes);
        at = hashBytes;
      } else {
        copyBytes(nodes, at, nodeScratch, 1, 2 * hashBytes);
        at += 2 * hashBytes;
      }
      joined.write(digest(nodeScratch), to, hashBytes, "latin1");
    }
    if (at < nodes.length) copyBytes(nodes, at, this.#peaks, peak, hashBytes);
    return joined;
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
    for (const height of setBits(this.#size)) {
      const peak = this.#peak(height);
      root = root === undefined ? Uint8Array.from(peak) : nodeHash(peak, root);
    }
    return root ?? emptyRoot();
  }

  #peak(height: number): Uint8Array {
    return this.#peaks.subarray(height * hashBytes, (height + 1) * hashBytes);
  }
}

/** Heights of the complete subtrees of a tree of `size` leaves, lowest first. */
function setBits(size: number): number[] {
  const heights: number[] = [];
  let height = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2), height++) if (rest % 2 === 1) heights.push(height);
  return heights;
}

/** Byte by byte: for so few, making the view that `set` needs takes longer. */
function copyBytes(source: Uint8Array, from: number, target: Uint8Array, to: number, count: number): void {
  for (let byte = 0; byte < count; byte++) target[to + byte] = source[from + byte]!;
}

const noHashes = Buffer.alloc(0);

/** Root over a power of two of hashes. */
function perfectRoot(hashes: Uint8Array): Uint8Array {
  if (hashes.length === hashBytes) return hashes;
  const half = hashes.length / 2;
  return nodeHash(perfectRoot(hashes.subarray(0, half)), perfectRoot(hashes.subarray(half)));
}
