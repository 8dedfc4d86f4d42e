/**
 * The last N messages by fingerprint, in the order of their leaf indexes: a cache of what the journal holds, rebuilt
 * from it at start. Flat arrays, because a million objects would cost ten times the memory and keep the collector busy.
 */

/** A fingerprint is four u32: 64 bits of a hash over device, seq and msgId, then 64 over the received bytes. */
export const fingerprintWords = 4;

export type DedupeHit = { readonly leafIndex: number; readonly sameContent: boolean };

export class DedupeWindow {
  readonly capacity: number;
  /** Ring of the last `capacity` messages, four u32 each. */
  readonly #fingerprints: Uint32Array;
  readonly #leafIndexes: Float64Array;
  /** Open addressing with linear probing; 0 is empty, else ring position + 1. */
  readonly #slots: Int32Array;
  readonly #mask: number;
  #next = 0;
  #size = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#fingerprints = new Uint32Array(capacity * fingerprintWords);
    this.#leafIndexes = new Float64Array(capacity);
    const slots = 2 ** Math.ceil(Math.log2(Math.max(capacity, 1) * 2));
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** @param words fingerprint as u32 words, at `at` */
  find(words: Uint32Array, at: number): DedupeHit | undefined {
    for (let slot = words[at]! & this.#mask; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const ring = this.#slots[slot]! - 1;
      const base = ring * fingerprintWords;
      if (this.#fingerprints[base] !== words[at] || this.#fingerprints[base + 1] !== words[at + 1]) continue;
      const sameContent =
        this.#fingerprints[base + 2] === words[at + 2] && this.#fingerprints[base + 3] === words[at + 3];
      return { leafIndex: this.#leafIndexes[ring]!, sameContent };
    }
    return undefined;
  }

  /** Remember a message; the oldest makes room. Leaf indexes must ascend. */
  add(words: Uint32Array, at: number, leafIndex: number): void {
    const ring = this.#next;
    if (this.#size === this.capacity) this.#unlink(ring);
    else this.#size++;
    this.#fingerprints.set(words.subarray(at, at + fingerprintWords), ring * fingerprintWords);
    this.#leafIndexes[ring] = leafIndex;
    let slot = words[at]! & this.#mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = ring + 1;
    this.#next = (ring + 1) % this.capacity;
  }

  /** Forget everything from `leafIndex` on: those entries never became durable. */
  truncate(leafIndex: number): void {
    while (this.#size > 0) {
      const newest = (this.#next + this.capacity - 1) % this.capacity;
      if (this.#leafIndexes[newest]! < leafIndex) return;
      this.#unlink(newest);
      this.#next = newest;
      this.#size--;
    }
  }

  #unlink(ring: number): void {
    let hole = this.#fingerprints[ring * fingerprintWords]! & this.#mask;
    while (this.#slots[hole] !== ring + 1) hole = (hole + 1) & this.#mask;
    // Knuth's Algorithm R: move back what the hole would hide from its probe sequence.
    for (let slot = (hole + 1) & this.#mask; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const home = this.#fingerprints[(this.#slots[slot]! - 1) * fingerprintWords]! & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = this.#slots[slot]!;
      hole = slot;
    }
    this.#slots[hole] = 0;
  }
}
