import { describe, expect, test } from "vitest";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { verifyConsistency, verifyInclusion } from "../../../src/ledger/proof.ts";
import { consistencyProof, inclusionProof, ProofCache } from "../../../src/ledger/prove.ts";
import { tileLevels } from "../../../src/ledger/tiles.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";
import { tilesOf } from "../../support/signed-log.ts";

const leaves = Array.from({ length: 70_000 }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
const small = new RecursiveTree(leaves.slice(0, 300));
const large = new RecursiveTree(leaves);
const tiles = tilesOf(leaves);
const base64 = (hashes: readonly Uint8Array[]) => hashes.map((hash) => Buffer.from(hash).toString("base64"));
/** `expect` takes longer than making the proof, and there are tens of thousands. */
const same = (a: readonly Uint8Array[], b: readonly Uint8Array[]) => Buffer.concat(a).equals(Buffer.concat(b));
const sizesAroundTiles = [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537];

describe("proofs made from tiles are those of the recursive definition", () => {
  test("inclusion, every leaf of every size up to 300", async () => {
    for (let size = 1; size <= 300; size++) {
      const proofs = await Promise.all(leaves.slice(0, size).map((_, leaf) => inclusionProof(leaf, size, tiles)));
      for (const [leaf, proof] of proofs.entries()) {
        if (!same(proof, small.inclusionProof(leaf, 0, size))) expect.fail(`${leaf} of ${size}`);
      }
    }
  }, 300_000);

  test("consistency, every pair of sizes up to 300", async () => {
    for (let newSize = 1; newSize <= 300; newSize++) {
      const sizes = Array.from({ length: newSize }, (_, index) => index + 1);
      const proofs = await Promise.all(sizes.map((oldSize) => consistencyProof(oldSize, newSize, tiles)));
      for (const { oldSize, hashes } of proofs) {
        if (!same(hashes, small.consistencyProof(oldSize, newSize))) expect.fail(`${oldSize} of ${newSize}`);
      }
    }
  }, 300_000);

  test.each(sizesAroundTiles)("inclusion and consistency around tile ends, in %i leaves", async (size) => {
    const root = large.root(0, size);
    const places = [0, 1, 254, 255, 256, 257, 511, 512, 32_767, 65_279, 65_280, 65_534, 65_535, 65_536, size - 1];
    for (const leaf of new Set(places.filter((place) => place < size))) {
      const proof = await inclusionProof(leaf, size, tiles);
      expect(base64(proof)).toEqual(base64(large.inclusionProof(leaf, 0, size)));
      expect(verifyInclusion(leaf, size, leaves[leaf]!, proof, root)).toBe(true);
      const { hashes } = await consistencyProof(leaf + 1, size, tiles);
      expect(base64(hashes)).toEqual(base64(large.consistencyProof(leaf + 1, size)));
      expect(verifyConsistency(leaf + 1, size, large.root(0, leaf + 1), root, hashes)).toBe(true);
    }
  });
});

test("a proof reads each tile once, at most two on a level, and no wider than the tree has them", async () => {
  const size = 70_000;
  for (const leaf of [0, 255, 256, 40_000, 65_535, 65_536, 69_999]) {
    const read: string[] = [];
    const levels = new Map<number, number>();
    await inclusionProof(leaf, size, (level, index, width) => {
      read.push(`${level}/${index}`);
      levels.set(level, (levels.get(level) ?? 0) + 1);
      expect(width).toBeLessThanOrEqual(Math.min(256, Math.floor(size / 256 ** level) - index * 256));
      return tiles(level, index, width);
    });
    expect(new Set(read).size).toBe(read.length);
    expect(Math.max(...levels.values())).toBeLessThanOrEqual(2);
    expect([...levels.keys()].every((level) => tileLevels(size).includes(level))).toBe(true);
  }
});

test("proofs that share what they have read, over a growing tree, are the same and read only the leaves' own tiles", async () => {
  const cache = new ProofCache();
  for (const size of [65_536, 65_537, 66_100, 70_000, 65_600]) {
    for (const leaf of [0, 256, 40_000, 65_535, size - 1]) {
      const proof = await inclusionProof(leaf, size, tiles, cache);
      expect(base64(proof)).toEqual(base64(large.inclusionProof(leaf, 0, size)));
    }
  }
  const read: string[] = [];
  await inclusionProof(
    1_000,
    65_600,
    (level, index, width) => {
      read.push(`${level}/${index}`);
      return tiles(level, index, width);
    },
    cache,
  );
  expect(read).toEqual(["0/3"]);
});

test("a leaf outside of the tree, and sizes that are none, have no proof", async () => {
  for (const [leaf, size] of [
    [3, 3],
    [0, 0],
    [-1, 3],
    [0.5, 3],
    [0, 2 ** 53],
  ] as const) {
    await expect(inclusionProof(leaf, size, tiles)).rejects.toThrow(RangeError);
  }
  for (const [from, to] of [
    [0, 3],
    [4, 3],
    [1.5, 3],
    [1, 2 ** 53],
  ] as const) {
    await expect(consistencyProof(from, to, tiles)).rejects.toThrow(RangeError);
  }
});
