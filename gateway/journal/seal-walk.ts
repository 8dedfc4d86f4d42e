import { OpenBlock } from "../../src/ledger/block.ts";
import { hashBytes } from "../../src/ledger/merkle.ts";
import { decodeSeal, looksLikeSeal, type SignedSeal } from "../../src/ledger/seal.ts";
import { forEachPlace } from "./frame.ts";
import type { JournalFrame } from "./journal-reader.ts";

/** A seal that is not what its place in the log asks for. */
export interface SealFlaw {
  readonly what: string;
  readonly leafIndex: number;
}

/** The tree over all leaves, as far as the walk has come. */
export interface WalkedTree {
  append(leafHashes: Uint8Array): void;
  root(): Uint8Array;
}

type Inspect = (signed: SignedSeal, leafIndex: number) => string | undefined;

/** Goes over the log frame by frame and holds every seal against the leaves before it. */
export class SealWalk {
  readonly #tree: WalkedTree;
  readonly #inspect: Inspect;
  readonly #observe: (entry: Uint8Array, leafIndex: number) => void;
  #block: OpenBlock;
  #flaw: SealFlaw | undefined;

  /**
   * @param block the open block where the walk begins @param inspect says what else is wrong with a seal that fits
   * @param observe is shown the entries of frames with an event, in order with the seals
   */
  constructor(
    block: OpenBlock,
    tree: WalkedTree,
    inspect: Inspect,
    observe: (entry: Uint8Array, leafIndex: number) => void = () => {},
  ) {
    this.#observe = observe;
    this.#block = block;
    this.#tree = tree;
    this.#inspect = inspect;
  }

  get block(): OpenBlock {
    return this.#block;
  }

  /** @param leafHashes of the frame's entries @returns the first flaw met so far; the tree grows in any case */
  add({ firstLeaf, count, control, bundle }: JournalFrame, leafHashes: Uint8Array): SealFlaw | undefined {
    let from = 0;
    const take = (to: number): void => {
      if (to === from) return;
      const run = leafHashes.subarray(from * hashBytes, to * hashBytes);
      this.#tree.append(run);
      this.#block = this.#block.with(run);
      from = to;
    };
    forEachPlace(bundle, (start, end, index) => {
      if (!looksLikeSeal(bundle, start, end)) {
        if (control) this.#observe(bundle.subarray(start, end), firstLeaf + index);
        return;
      }
      take(index);
      this.#seal(bundle.subarray(start, end), firstLeaf + index);
      from = index + 1;
      this.#tree.append(leafHashes.subarray(index * hashBytes, from * hashBytes));
    });
    take(count);
    return this.#flaw;
  }

  #seal(leaf: Uint8Array, leafIndex: number): void {
    const decoded = decodeSeal(leaf);
    const flaw = decoded.ok
      ? (this.#block.flawOf(decoded.value.seal, this.#tree.root()) ?? this.#inspect(decoded.value, leafIndex))
      : `is none: ${decoded.detail}`;
    if (flaw !== undefined) this.#flaw ??= { what: `the seal of block ${this.#block.number} ${flaw}`, leafIndex };
    if (decoded.ok) this.#block = OpenBlock.behind(decoded.value.seal, leaf);
  }
}
