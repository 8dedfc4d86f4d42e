/** Checking inclusion and consistency proofs (RFC 9162 §2.1.3.2 and §2.1.4.2). Total: hostile proofs are refused. */
import { hashBytes, nodeHash } from "./hash.ts";

/** @param proof sibling hashes from the leaf up */
export function verifyInclusion(
  leafIndex: number,
  treeSize: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isIndex(leafIndex) || !isIndex(treeSize) || leafIndex >= treeSize || !areHashes([leaf, ...proof])) return false;
  let hash = leaf;
  let index = leafIndex;
  let last = treeSize - 1;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      hash = nodeHash(sibling, hash);
      // A last node without a sibling moves up unchanged, to where it is a right child.
      while (index % 2 === 0 && index > 0) [index, last] = [half(index), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [index, last] = [half(index), half(last)];
  }
  return last === 0 && sameHash(hash, root);
}

/**
 * Whether the tree of `newSize` leaves begins with the tree of `oldSize` leaves. False for an old size of 0: every tree
 * extends the empty one, and a proof of that proves nothing.
 */
export function verifyConsistency(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isIndex(oldSize) || !isIndex(newSize) || oldSize === 0 || oldSize > newSize) return false;
  if (oldSize === newSize) return proof.length === 0 && sameHash(oldRoot, newRoot);
  if (!areHashes([oldRoot, ...proof])) return false;
  let index = oldSize - 1;
  let last = newSize - 1;
  while (index % 2 === 1) [index, last] = [half(index), half(last)];
  // When the old tree is one complete subtree, its root is the first node and the proof leaves it out.
  const path = index === 0 ? [oldRoot, ...proof] : proof;
  const [seed, ...siblings] = path;
  if (seed === undefined) return false;
  let oldHash = seed;
  let newHash = seed;
  for (const sibling of siblings) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (index % 2 === 0 && index > 0) [index, last] = [half(index), half(last)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [index, last] = [half(index), half(last)];
  }
  return last === 0 && sameHash(oldHash, oldRoot) && sameHash(newHash, newRoot);
}

// Not a shift: sizes go up to 2^53.
function half(value: number): number {
  return Math.floor(value / 2);
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every(({ length }) => length === hashBytes);
}

export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
