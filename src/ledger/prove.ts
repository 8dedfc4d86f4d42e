/**
 * Making inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2) from tiles. A proof is a list of subtree roots;
 * all but the one at the right edge are of complete subtrees, which lie in one tile each.
 */
import { hashBytes, MerkleTree, nodeHash } from "./merkle.ts";
import { type ReadTile, tileOfSubtree, tileWidthAt } from "./tiles.ts";

/** The leaves `from` to `to` (exclusive) below one node of the tree. */
interface Subtree {
  readonly from: number;
  readonly to: number;
}

/** That a log of some size begins with an earlier one. */
export interface ConsistencyProof {
  readonly oldSize: number;
  readonly newSize: number;
  /** 32 bytes each, as RFC 6962 §2.1.2 orders them. */
  readonly hashes: readonly Uint8Array[];
}

/**
 * Roots of the subtrees that end where the tree ends, by their first leaf. Most proofs in one tree share them, so who
 * makes many hands in the same map; it belongs to one size.
 */
export type RightEdge = Map<number, Uint8Array>;

/**
 * Hashes from the leaf's sibling up, as `verifyInclusion` takes them. Reads at most two tiles on each level.
 * @throws RangeError unless 0 ≤ leafIndex < size
 */
export async function inclusionProof(
  leafIndex: number,
  size: number,
  readTile: ReadTile,
  edge: RightEdge = new Map(),
): Promise<Uint8Array[]> {
  if (!isIndex(leafIndex) || !isIndex(size) || leafIndex >= size) throw new RangeError(`leaf ${leafIndex} of ${size}`);
  const siblings: Subtree[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = split({ from, to });
    const isLeft = leafIndex < middle;
    siblings.push(isLeft ? { from: middle, to } : { from, to: middle });
    [from, to] = isLeft ? [from, middle] : [middle, to];
  }
  return new SubtreeRoots(size, readTile, edge).of(siblings.reverse());
}

/**
 * As `verifyConsistency` takes it.
 * @throws RangeError unless 0 < oldSize ≤ newSize
 */
export async function consistencyProof(
  oldSize: number,
  newSize: number,
  readTile: ReadTile,
): Promise<ConsistencyProof> {
  if (!isIndex(oldSize) || !isIndex(newSize) || oldSize === 0 || oldSize > newSize)
    throw new RangeError(`${oldSize} leaves of ${newSize}`);
  const nodes: Subtree[] = [];
  let [from, to] = [0, newSize];
  while (to !== oldSize) {
    const middle = split({ from, to });
    const isLeft = oldSize <= middle;
    nodes.push(isLeft ? { from: middle, to } : { from, to: middle });
    [from, to] = isLeft ? [from, middle] : [middle, to];
  }
  // Where the old tree is one subtree of the new, its root is what the verifier has.
  if (from > 0) nodes.push({ from, to });
  return { oldSize, newSize, hashes: await new SubtreeRoots(newSize, readTile, new Map()).of(nodes.reverse()) };
}

/** Root hash of the first `size` leaves. @param size from 1 */
export async function rootOf(size: number, readTile: ReadTile): Promise<Uint8Array> {
  const [root] = await new SubtreeRoots(size, readTile, new Map()).of([{ from: 0, to: size }]);
  return root!;
}

/** Where a node's left and right subtree meet: the left one has the largest power of two that leaves the right one some. */
function split({ from, to }: Subtree): number {
  let left = 1;
  while (left * 2 < to - from) left *= 2;
  return from + left;
}

/** Roots of subtrees of the tree of some size, each tile read once. */
class SubtreeRoots {
  readonly #size: number;
  readonly #readTile: ReadTile;
  readonly #edge: RightEdge;
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  constructor(size: number, readTile: ReadTile, edge: RightEdge) {
    this.#size = size;
    this.#readTile = readTile;
    this.#edge = edge;
  }

  of(subtrees: readonly Subtree[]): Promise<Uint8Array[]> {
    return Promise.all(subtrees.map((subtree) => this.#root(subtree)));
  }

  async #root({ from, to }: Subtree): Promise<Uint8Array> {
    if (to < this.#size) return this.#peaks({ from, to });
    const root = this.#edge.get(from) ?? (await this.#peaks({ from, to }));
    this.#edge.set(from, root);
    return root;
  }

  async #peaks({ from, to }: Subtree): Promise<Uint8Array> {
    // Complete subtrees from the left, each as large as fits: one, unless this is the right edge.
    const peaks: Promise<Uint8Array>[] = [];
    for (let at = from; at < to; ) {
      let height = 0;
      while (2 ** (height + 1) <= to - at) height++;
      peaks.push(this.#complete(height, at / 2 ** height));
      at += 2 ** height;
    }
    return (await Promise.all(peaks)).reduceRight((right, left) => nodeHash(left, right));
  }

  async #complete(height: number, index: number): Promise<Uint8Array> {
    const { level, index: tile, from, to } = tileOfSubtree(height, index);
    const hashes = (await this.#tile(level, tile)).subarray(from, to);
    if (hashes.length === hashBytes) return Uint8Array.from(hashes);
    const tree = new MerkleTree();
    tree.append(hashes);
    return tree.root();
  }

  #tile(level: number, index: number): Promise<Uint8Array> {
    const key = `${level}/${index}`;
    const known = this.#tiles.get(key);
    if (known !== undefined) return known;
    const tile = this.#readTile(level, index, tileWidthAt(this.#size, level, index));
    this.#tiles.set(key, tile);
    return tile;
  }
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * The way from a leaf up to the root of its block. @param index of the leaf in the block
 * @param leafHashes n × 32 bytes, of all leaves of the block
 */
export function blockPath(index: number, leafHashes: Uint8Array): Uint8Array[] {
  const path: Uint8Array[] = [];
  let [from, to] = [0, leafHashes.length / hashBytes];
  while (to - from > 1) {
    const middle = split({ from, to });
    const isLeft = index < middle;
    path.push(isLeft ? runRoot(leafHashes, middle, to) : runRoot(leafHashes, from, middle));
    [from, to] = isLeft ? [from, middle] : [middle, to];
  }
  return path.reverse();
}

function runRoot(leafHashes: Uint8Array, from: number, to: number): Uint8Array {
  const tree = new MerkleTree();
  tree.append(leafHashes.subarray(from * hashBytes, to * hashBytes));
  return tree.root();
}
