import type { EntryBatch } from "../../src/ledger/types.ts";
import type { VerifyResponse } from "./batch.ts";

/**
 * Collects the leaves of one verified batch that go into the journal. They are referenced where the worker wrote them;
 * only a left-out duplicate splits the run.
 */
export class LeafRun {
  readonly #leaves: Uint8Array;
  readonly #ends: Uint32Array;
  readonly #hashes: Uint8Array;
  readonly #chunks: Uint8Array[] = [];
  #count = 0;
  #runStart = 0;
  #runEnd = 0;

  constructor({ leaves, leafEnds, leafHashes }: VerifyResponse) {
    this.#leaves = new Uint8Array(leaves);
    this.#ends = leafEnds;
    this.#hashes = leafHashes;
  }

  /** A refused message has an empty leaf. */
  isRefused(index: number): boolean {
    return this.#start(index) === this.#ends[index];
  }

  take(index: number): void {
    this.#runEnd = this.#ends[index]!;
    if (this.#count !== index) this.#hashes.copyWithin(this.#count * 32, index * 32, index * 32 + 32);
    this.#count++;
  }

  skip(index: number): void {
    this.#closeRun();
    this.#runStart = this.#ends[index]!;
    this.#runEnd = this.#runStart;
  }

  finish(): EntryBatch {
    this.#closeRun();
    const leafHashes = this.#hashes.subarray(0, this.#count * 32);
    return { count: this.#count, bundle: this.#chunks, leafHashes, control: false };
  }

  #closeRun(): void {
    if (this.#runEnd > this.#runStart) this.#chunks.push(this.#leaves.subarray(this.#runStart, this.#runEnd));
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }
}
