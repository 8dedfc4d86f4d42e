/** Checking inclusion and consistency proofs (RFC 9162 §2.1.3.2 and §2.1.4.2). Total: hostile proofs are refused. */
import { hashBytes, nodeHash } from "./hash.ts";

/** @param proof sibling hashes from the leaf up @param hashNode a faster one, where the caller has it */
export function verifyInclusion(
  leafIndex: number,
  treeSize: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
  hashNode = nodeHash,
): boolean {
  const computed = inclusionRoot(leafIndex, treeSize, leaf, proof, hashNode);
  return computed !== undefined && sameHash(computed, root);
}

/** The root that leaf hash and proof lead to; undefined where they cannot be of a tree of that size. */
export function inclusionRoot(
  leafIndex: number,
  treeSize: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  hashNode = nodeHash,
): Uint8Array | undefined {
  if (!isIndex(leafIndex) || !isIndex(treeSize) || leafIndex >= treeSize || !areHashes([leaf, ...proof]))
    return undefined;
  let hash = leaf;
  let index = leafIndex;
  let last = treeSize - 1;
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (index % 2 === 1 || index === last) {
      hash = hashNode(sibling, hash);
      // A last node without a sibling moves up unchanged, to where it is a right child.
      while (index % 2 === 0 && index > 0) [index, last] = [half(index), half(last)];
    } else {
      hash = hashNode(hash, sibling);
    }
    [index, last] = [half(index), half(last)];
  }
  return last === 0 ? hash : undefined;
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
  const computed = consistentRoot(oldSize, newSize, oldRoot, proof);
  return computed !== undefined && sameHash(computed, newRoot);
}

/** The root of the larger tree that the smaller one's and the proof lead to; undefined where they do not fit together. */
export function consistentRoot(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (!isIndex(oldSize) || !isIndex(newSize) || oldSize === 0 || oldSize > newSize) return undefined;
  // Nothing is hashed here, so the published vectors have roots of any length.
  if (oldSize === newSize) return proof.length === 0 ? oldRoot : undefined;
  if (!areHashes([oldRoot, ...proof])) return undefined;
  let index = oldSize - 1;
  let last = newSize - 1;
  while (index % 2 === 1) [index, last] = [half(index), half(last)];
  // When the old tree is one complete subtree, its root is the first node and the proof leaves it out.
  const path = index === 0 ? [oldRoot, ...proof] : proof;
  const [seed, ...siblings] = path;
  if (seed === undefined) return undefined;
  let oldHash = seed;
  let newHash = seed;
  for (const sibling of siblings) {
    if (last === 0) return undefined;
    if (index % 2 === 1 || index === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (index % 2 === 0 && index > 0) [index, last] = [half(index), half(last)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [index, last] = [half(index), half(last)];
  }
  return last === 0 && sameHash(oldHash, oldRoot) ? newHash : undefined;
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
