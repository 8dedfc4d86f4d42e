import { CompactTree } from "./compact-tree.ts";
import { hashBytes, leafHash } from "./hash.ts";
import { decodeSeal, type Seal, sealFlaw } from "./seal.ts";
import type { SealSignatures } from "./seal-signatures.ts";

interface Block {
  readonly number: number;
  readonly startLeaf: number;
  readonly previousHash: Uint8Array;
  readonly leaves: CompactTree;
}

/** Holds the seals of a log against the leaves between them, in portable code, and each against the key that signs it. */
export class SealChain {
  readonly #signatures: Pick<SealSignatures, "flawOf" | "gap">;
  /** Undefined where leaves are missing: the next seal is then taken for what it says. */
  #block: Block | undefined = {
    number: 0,
    startLeaf: 0,
    previousHash: new Uint8Array(hashBytes),
    leaves: new CompactTree(),
  };
  #seals = 0;

  constructor(signatures: Pick<SealSignatures, "flawOf" | "gap">) {
    this.#signatures = signatures;
  }

  /** Seals seen. */
  get seals(): number {
    return this.#seals;
  }

  /** The next leaf, which is no seal. */
  leaf(hash: Uint8Array): void {
    this.#block?.leaves.append(hash);
  }

  /** The next leaf, whose content is not there: it may have been a seal. */
  gap(): void {
    this.#block = undefined;
    this.#signatures.gap();
  }

  /** @param treeRootBefore root of all leaves before it @returns what is wrong with it, undefined when nothing is */
  seal(leaf: Uint8Array, treeRootBefore: Uint8Array): string | undefined {
    const decoded = decodeSeal(leaf);
    // Both, whatever the first says: of two seals that are wrong the later one is still held against the right key.
    const signature = decoded.ok ? this.#signatures.flawOf(decoded.value) : undefined;
    const flaw = decoded.ok
      ? (this.#flawOf(decoded.value.seal, treeRootBefore) ?? signature)
      : `is none: ${decoded.detail}`;
    const number = this.#block?.number ?? (decoded.ok ? decoded.value.seal.number : "?");
    this.#seals++;
    this.#block = decoded.ok ? behind(decoded.value.seal, leaf) : undefined;
    return flaw && `the seal of block ${number} ${flaw}`;
  }

  #flawOf(seal: Seal, treeRootBefore: Uint8Array): string | undefined {
    if (this.#block === undefined) return sealFlaw(seal, { ...seal, treeRootBefore });
    const { number, startLeaf, previousHash, leaves } = this.#block;
    const right = {
      ...seal,
      number,
      startLeaf,
      previousHash,
      count: leaves.size,
      merkleRoot: leaves.root(),
      treeRootBefore,
    };
    return sealFlaw(seal, right);
  }
}

function behind({ number, startLeaf, count }: Seal, leaf: Uint8Array): Block {
  const place = { number: number + 1, startLeaf: startLeaf + count + 1 };
  return { ...place, previousHash: leafHash(leaf), leaves: new CompactTree() };
}
