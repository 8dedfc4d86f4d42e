/**
 * The block that is being filled, and what its seal must say. Values that are not changed once made: a group commit that
 * fails goes back to the block before it.
 */
import { hashBytes, leafHash, MerkleTree } from "./merkle.ts";
import type { Seal } from "./seal.ts";

export class OpenBlock {
  readonly number: number;
  readonly startLeaf: number;
  readonly previousHash: Uint8Array;
  /** Gateway clock, microseconds since 1970, at its first leaf. */
  readonly openedUs: number | undefined;
  readonly #leaves: MerkleTree;

  private constructor(
    place: { readonly number: number; readonly startLeaf: number; readonly previousHash: Uint8Array },
    openedUs: number | undefined,
    leaves: MerkleTree,
  ) {
    this.number = place.number;
    this.startLeaf = place.startLeaf;
    this.previousHash = place.previousHash;
    this.openedUs = openedUs;
    this.#leaves = leaves;
  }

  /** Block 0 of a log. */
  static first(): OpenBlock {
    const place = { number: 0, startLeaf: 0, previousHash: new Uint8Array(hashBytes) };
    return new OpenBlock(place, undefined, new MerkleTree());
  }

  /** The block behind a seal. @param leaf the seal's bytes */
  static behind({ number, startLeaf, count }: Seal, leaf: Uint8Array): OpenBlock {
    const place = { number: number + 1, startLeaf: startLeaf + count + 1, previousHash: leafHash(leaf) };
    return new OpenBlock(place, undefined, new MerkleTree());
  }

  /** Leaves so far. */
  get count(): number {
    return this.#leaves.size;
  }

  /** With more leaves. @param leafHashes n × 32 bytes */
  with(leafHashes: Uint8Array): OpenBlock {
    const leaves = this.#leaves.clone();
    leaves.append(leafHashes);
    return new OpenBlock(this, this.openedUs, leaves);
  }

  /** The same, its first leaf dated unless it is already. */
  openedAt(openedUs: number): OpenBlock {
    return new OpenBlock(this, this.openedUs ?? openedUs, this.#leaves);
  }

  /** What its seal says, if it is closed now. @param treeRootBefore root of all leaves up to its last */
  sealed(treeRootBefore: Uint8Array, sealedUs: number): Seal {
    const { number, startLeaf, previousHash, openedUs = sealedUs } = this;
    const merkleRoot = this.#leaves.root();
    return {
      number,
      startLeaf,
      count: this.count,
      previousHash,
      merkleRoot,
      treeRootBefore,
      openedUs,
      sealedUs,
    };
  }

  /** Why a seal cannot be the one that closes this block, undefined when it can. Times are claims and are not judged. */
  flawOf(seal: Seal, treeRootBefore: Uint8Array): string | undefined {
    const right = this.sealed(treeRootBefore, 0);
    if (seal.number !== right.number) return `says it is number ${seal.number}, after ${right.number - 1}`;
    if (seal.startLeaf !== right.startLeaf) return `begins its block at leaf ${seal.startLeaf}, not ${right.startLeaf}`;
    if (seal.count !== right.count) return `counts ${seal.count} entries where there are ${right.count}`;
    if (!same(seal.previousHash, right.previousHash)) return "does not name the seal before it";
    if (!same(seal.merkleRoot, right.merkleRoot)) return "has another root than the entries of its block";
    if (!same(seal.treeRootBefore, right.treeRootBefore)) return "has another root than the entries before it";
    return undefined;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}
