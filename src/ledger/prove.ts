/**
 * Making inclusion and consistency proofs (RFC 6962 §2.1.1 and §2.1.2) from tiles. A proof is a list of subtree roots;
 * all but the one at the right edge are of complete subtrees, which lie in one tile each.
 */
import { hashBytes, MerkleTree, nodeHash, parentHashes } from "./merkle.ts";
import { type ReadTile, type TileNode, tileHeight, tileOfSubtree, tileWidth, tileWidthAt } from "./tiles.ts";

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

/** Complete tiles above the leaves' own that a cache holds: 4 MiB, and all there are of the first 16 million leaves. */
const cachedTiles = 256;

/**
 * What most inclusion proofs in one log share, for who makes many. Complete tiles never change; the roots at the right
 * edge belong to one size.
 */
export class ProofCache {
  readonly #tiles = new Map<string, TileTree>();
  #edge: { readonly size: number; readonly roots: Map<number, Uint8Array> } = { size: 0, roots: new Map() };

  /** Roots of the subtrees that end where a tree of this size ends, by their first leaf. */
  edgeOf(size: number): Map<number, Uint8Array> {
    if (this.#edge.size !== size) this.#edge = { size, roots: new Map() };
    return this.#edge.roots;
  }

  find(name: string): TileTree | undefined {
    const tile = this.#tiles.get(name);
    if (tile) this.keep(name, tile);
    return tile;
  }

  keep(name: string, tile: TileTree): void {
    this.#tiles.delete(name);
    this.#tiles.set(name, tile);
    const [oldest] = this.#tiles.keys();
    if (this.#tiles.size > cachedTiles) this.#tiles.delete(oldest!);
  }
}

/**
 * Hashes from the leaf's sibling up, as `verifyInclusion` takes them. Reads at most two tiles on each level.
 * @throws RangeError unless 0 ≤ leafIndex < size
 */
export async function inclusionProof(
  leafIndex: number,
  size: number,
  readTile: ReadTile,
  cache = new ProofCache(),
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
  return new SubtreeRoots(size, readTile, cache).of(siblings.reverse());
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
  return { oldSize, newSize, hashes: await new SubtreeRoots(newSize, readTile, new ProofCache()).of(nodes.reverse()) };
}

/** Root hash of the first `size` leaves. @param size from 1 */
export async function rootOf(size: number, readTile: ReadTile): Promise<Uint8Array> {
  const [root] = await new SubtreeRoots(size, readTile, new ProofCache()).of([{ from: 0, to: size }]);
  return root!;
}

/** Where a node's left and right subtree meet: the left one has the largest power of two that leaves the right one some. */
function split({ from, to }: Subtree): number {
  let left = 1;
  while (left * 2 < to - from) left *= 2;
  return from + left;
}

/** The hashes of a tile, and the roots of all complete subtrees in it. */
class TileTree {
  /** By height in the tile, from the hashes themselves. */
  readonly #rows: readonly Uint8Array[];

  constructor(hashes: Uint8Array) {
    const rows = [hashes];
    while (rows.length < tileHeight) rows.push(parentHashes(rows.at(-1)!));
    this.#rows = rows;
  }

  /** @throws RangeError where the tile does not have the hashes below */
  root({ row, place }: TileNode): Uint8Array {
    const root = Uint8Array.prototype.slice.call(this.#rows[row]!, place * hashBytes, (place + 1) * hashBytes);
    if (root.length !== hashBytes) throw new RangeError(`a tile of ${this.#rows[0]!.length} bytes is too short`);
    return root;
  }
}

/** Roots of subtrees of the tree of some size. First all their tiles are read, each once; then nothing is waited for. */
class SubtreeRoots {
  readonly #size: number;
  readonly #readTile: ReadTile;
  readonly #cache: ProofCache;
  readonly #tiles = new Map<string, TileTree>();

  constructor(size: number, readTile: ReadTile, cache: ProofCache) {
    this.#size = size;
    this.#readTile = readTile;
    this.#cache = cache;
  }

  async of(subtrees: readonly Subtree[]): Promise<Uint8Array[]> {
    const edge = this.#cache.edgeOf(this.#size);
    const unknown = subtrees.filter(({ from, to }) => to < this.#size || !edge.has(from));
    const tiles = new Map(unknown.flatMap(completeSubtrees).map((node) => [tileName(node), node]));
    await Promise.all([...tiles.values()].map((node) => this.#load(node)));
    return subtrees.map((subtree) => {
      if (subtree.to < this.#size) return this.#root(subtree);
      const root = edge.get(subtree.from) ?? this.#root(subtree);
      edge.set(subtree.from, root);
      return root;
    });
  }

  #root(subtree: Subtree): Uint8Array {
    const peaks = completeSubtrees(subtree).map((node) => this.#tiles.get(tileName(node))!.root(node));
    return peaks.reduceRight((right, left) => nodeHash(left, right));
  }

  async #load(node: TileNode): Promise<void> {
    const name = tileName(node);
    const { level, index } = node;
    let tile = this.#cache.find(name);
    if (tile === undefined) {
      const width = tileWidthAt(this.#size, level, index);
      tile = new TileTree(await this.#readTile(level, index, width));
      if (level > 0 && width === tileWidth) this.#cache.keep(name, tile);
    }
    this.#tiles.set(name, tile);
  }
}

/** Complete subtrees from the left, each as large as fits: one, unless this is the right edge. */
function completeSubtrees({ from, to }: Subtree): TileNode[] {
  const nodes: TileNode[] = [];
  for (let at = from; at < to; ) {
    let height = 0;
    while (2 ** (height + 1) <= to - at) height++;
    nodes.push(tileOfSubtree(height, at / 2 ** height));
    at += 2 ** height;
  }
  return nodes;
}

function tileName({ level, index }: TileNode): string {
  return `${level}/${index}`;
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
