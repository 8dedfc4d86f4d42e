import { readingEntryBound, writeReadingEntry } from "../../src/ledger/entry.ts";
import { leafHash } from "../../src/ledger/merkle.ts";
import type { ReadingEntry } from "../../src/ledger/types.ts";
import type { VerifyResponse } from "./batch.ts";

/** Writes the leaves of one batch in bundle encoding, u16be length ‖ entry, one after the other. */
export class LeafWriter {
  readonly #ends: Uint32Array;
  readonly #hashes: Uint8Array;
  #leaves: Uint8Array;
  #used = 0;

  constructor(leaves: ArrayBuffer, count: number) {
    this.#leaves = new Uint8Array(leaves);
    this.#ends = new Uint32Array(count);
    this.#hashes = new Uint8Array(count * 32);
  }

  add(index: number, entry: ReadingEntry): void {
    this.#reserve(2 + readingEntryBound(entry));
    const start = this.#used + 2;
    const end = writeReadingEntry(this.#leaves, start, entry);
    const length = end - start;
    this.#leaves[start - 2] = length >> 8;
    this.#leaves[start - 1] = length & 0xff;
    this.#hashes.set(leafHash(this.#leaves.subarray(start, end)), index * 32);
    this.#ends[index] = this.#used = end;
  }

  addNothing(index: number): void {
    this.#ends[index] = this.#used;
  }

  finish(): Pick<VerifyResponse, "leaves" | "leafEnds" | "leafHashes"> {
    return { leaves: this.#leaves.buffer as ArrayBuffer, leafEnds: this.#ends, leafHashes: this.#hashes };
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#leaves.length) return;
    const larger = new Uint8Array(Math.max(this.#leaves.length * 2, this.#used + bytes));
    larger.set(this.#leaves.subarray(0, this.#used));
    this.#leaves = larger;
  }
}
