import { createHash } from "node:crypto";

/**
 * RFC 6962 §2.1 word for word: the recursive definitions that the fast tree must agree with. `from` and `to` are the
 * bounds of D[from:to]; roots are remembered, or all pairs of sizes would take hours.
 */
export class RecursiveTree {
  readonly #leafHashes: readonly Uint8Array[];
  readonly #roots = new Map<string, Buffer>();

  constructor(leafHashes: readonly Uint8Array[]) {
    this.#leafHashes = leafHashes;
  }

  /** MTH(D[from:to]) */
  root(from: number, to: number): Buffer {
    const key = `${from}:${to}`;
    const root = this.#roots.get(key) ?? this.#root(from, to);
    this.#roots.set(key, root);
    return root;
  }

  /** PATH(index, D[from:to]) */
  inclusionProof(index: number, from: number, to: number): Buffer[] {
    if (to - from === 1) return [];
    const middle = from + largestPowerOfTwoBelow(to - from);
    return index < middle
      ? [...this.inclusionProof(index, from, middle), this.root(middle, to)]
      : [...this.inclusionProof(index, middle, to), this.root(from, middle)];
  }

  /** PROOF(oldSize, D[0:newSize]) for 0 < oldSize ≤ newSize */
  consistencyProof(oldSize: number, newSize: number): Buffer[] {
    const subproof = (m: number, from: number, to: number, complete: boolean): Buffer[] => {
      if (m === to) return complete ? [] : [this.root(from, to)];
      const middle = from + largestPowerOfTwoBelow(to - from);
      return m <= middle
        ? [...subproof(m, from, middle, complete), this.root(middle, to)]
        : [...subproof(m, middle, to, false), this.root(from, middle)];
    };
    return subproof(oldSize, 0, newSize, true);
  }

  #root(from: number, to: number): Buffer {
    if (to === from) return createHash("sha256").digest();
    if (to - from === 1) return Buffer.from(this.#leafHashes[from]!);
    const middle = from + largestPowerOfTwoBelow(to - from);
    const [left, right] = [this.root(from, middle), this.root(middle, to)];
    return createHash("sha256").update(Uint8Array.of(1)).update(left).update(right).digest();
  }
}

function largestPowerOfTwoBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
