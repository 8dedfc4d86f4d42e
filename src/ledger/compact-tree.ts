import { nodeHash, sha256 } from "./hash.ts";
import { tileHeight } from "./tiles.ts";

/**
 * The tree that grows by appending, in portable code: what the verifier runs, in a browser too. merkle.ts has the gateway's
 * fast one.
 */
export class CompactTree {
  #size = 0;
  /** By height: roots of complete subtrees. Where the size has no bit, a stale one. */
  readonly #peaks: Uint8Array[] = [];
  /** Hashes of the tile levels from 1 on, in their order. Level 0 are the leaves. */
  readonly #upper: Uint8Array[][] = [];

  get size(): number {
    return this.#size;
  }

  clone(): CompactTree {
    const copy = new CompactTree();
    copy.#size = this.#size;
    copy.#peaks.push(...this.#peaks);
    copy.#upper.push(...this.#upper.map((hashes) => [...hashes]));
    return copy;
  }

  append(leafHash: Uint8Array): void {
    let hash = leafHash;
    let height = 0;
    // Adding one leaf to a binary counter: every carry joins two complete subtrees of equal height.
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      hash = nodeHash(this.#peaks[height]!, hash);
      height++;
      if (height % tileHeight !== 0) continue;
      const level = height / tileHeight - 1;
      this.#upper[level] ??= [];
      this.#upper[level].push(hash);
    }
    this.#peaks[height] = hash;
    this.#size++;
  }

  /** @param level from 1 */
  hashesOf(level: number): readonly Uint8Array[] {
    return this.#upper[level - 1] ?? [];
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined;
    let height = 0;
    for (let rest = this.#size; rest > 0; rest = Math.floor(rest / 2), height++) {
      if (rest % 2 === 1) root = root === undefined ? this.#peaks[height]! : nodeHash(this.#peaks[height]!, root);
    }
    return root ?? sha256(new Uint8Array(0));
  }
}
