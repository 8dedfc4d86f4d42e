import { createHash } from "node:crypto";

/** RFC 6962 §2.1 word for word: the definition that the fast tree must agree with. */
export function recursiveRoot(leafHashes: readonly Uint8Array[]): Buffer {
  if (leafHashes.length === 0) return createHash("sha256").digest();
  if (leafHashes.length === 1) return Buffer.from(leafHashes[0]!);
  const split = largestPowerOfTwoBelow(leafHashes.length);
  const left = recursiveRoot(leafHashes.slice(0, split));
  const right = recursiveRoot(leafHashes.slice(split));
  return createHash("sha256").update(Uint8Array.of(1)).update(left).update(right).digest();
}

/** PATH(m, D[n]) of RFC 6962 §2.1.1. */
export function recursiveInclusionProof(index: number, leafHashes: readonly Uint8Array[]): Buffer[] {
  if (leafHashes.length === 1) return [];
  const split = largestPowerOfTwoBelow(leafHashes.length);
  const [left, right] = [leafHashes.slice(0, split), leafHashes.slice(split)];
  return index < split
    ? [...recursiveInclusionProof(index, left), recursiveRoot(right)]
    : [...recursiveInclusionProof(index - split, right), recursiveRoot(left)];
}

/** PROOF(m, D[n]) of RFC 6962 §2.1.2, for 0 < m ≤ n. */
export function recursiveConsistencyProof(oldSize: number, leafHashes: readonly Uint8Array[]): Buffer[] {
  const subproof = (m: number, leaves: readonly Uint8Array[], complete: boolean): Buffer[] => {
    if (m === leaves.length) return complete ? [] : [recursiveRoot(leaves)];
    const split = largestPowerOfTwoBelow(leaves.length);
    const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
    return m <= split
      ? [...subproof(m, left, complete), recursiveRoot(right)]
      : [...subproof(m - split, right, false), recursiveRoot(left)];
  };
  return subproof(oldSize, leafHashes, true);
}

function largestPowerOfTwoBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
