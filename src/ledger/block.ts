/**
 * The block that is being filled, and what its seal must say. Values that are not changed once made: a group commit that
 * fails goes back to the block before it.
 */
import { hashBytes, leafHash, MerkleTree } from "./merkle.ts";
import { type Seal, sealFlaw } from "./seal.ts";

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

  /** The block of which that much is known. @param leaves tree of its leaves so far */
  static of(
    place: { readonly number: number; readonly startLeaf: number; readonly previousHash: Uint8Array },
    leaves: MerkleTree,
  ): OpenBlock {
    return new OpenBlock(place, undefined, leaves);
  }

  /** Peaks of the tree of its leaves, see MerkleTree. */
  get peaks(): Uint8Array {
    return this.#leaves.peaks;
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

  /** Why a seal cannot be the one that closes this block, undefined when it can. */
  flawOf(seal: Seal, treeRootBefore: Uint8Array): string | undefined {
    return sealFlaw(seal, this.sealed(treeRootBefore, 0));
  }
}
