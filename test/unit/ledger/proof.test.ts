import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { verifyConsistency, verifyInclusion } from "../../../src/ledger/proof.ts";
import { needsVectors } from "../../support/needs.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";
import { sharedVectors } from "../../support/shared-vectors.ts";

const vectors = "rfc6962-proofs.json";
const size = 300;
const leaves = Array.from({ length: size }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
const tree = new RecursiveTree(leaves);

interface InclusionCase {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface ConsistencyCase {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

needsVectors(vectors)("the published RFC 6962 proof vectors", () => {
  const { inclusion, consistency } = sharedVectors<{
    inclusion: Record<string, InclusionCase>;
    consistency: Record<string, ConsistencyCase>;
  }>(vectors);

  test("inclusion proofs hold or fail as they must", () => {
    const cases = Object.entries(inclusion);
    expect(cases.length).toBe(98);
    for (const [name, { leafIdx, treeSize, root, leafHash, proof, wantErr }] of cases) {
      const holds = verifyInclusion(leafIdx, treeSize, bytes(leafHash), (proof ?? []).map(bytes), bytes(root));
      expect(holds, name).toBe(!wantErr);
    }
  });

  test("consistency proofs hold or fail as they must", () => {
    const cases = Object.entries(consistency);
    expect(cases.length).toBe(98);
    for (const [name, { size1, size2, root1, root2, proof, wantErr }] of cases) {
      const holds = verifyConsistency(size1, size2, bytes(root1), bytes(root2), (proof ?? []).map(bytes));
      expect(holds, name).toBe(!wantErr);
    }
  });
});

describe("proofs made by the recursive definition", () => {
  test("show every leaf in every tree of up to 70 leaves, and in no other place", () => {
    for (let to = 1; to <= 70; to++) {
      const root = tree.root(0, to);
      for (let index = 0; index < to; index++) {
        const proof = tree.inclusionProof(index, 0, to);
        expect(verifyInclusion(index, to, leaves[index]!, proof, root)).toBe(true);
        expect(verifyInclusion((index + 1) % to, to, leaves[index]!, proof, root)).toBe(to === 1);
        expect(verifyInclusion(index, to, leaves[index + 1]!, proof, root)).toBe(false);
      }
    }
  });

  test(`show every pair of sizes up to ${size} consistent`, () => {
    for (let newSize = 1; newSize <= size; newSize++) {
      for (let oldSize = 1; oldSize <= newSize; oldSize++) {
        const proof = tree.consistencyProof(oldSize, newSize);
        const holds = verifyConsistency(oldSize, newSize, tree.root(0, oldSize), tree.root(0, newSize), proof);
        if (!holds) expect.fail(`${oldSize} to ${newSize}`);
      }
    }
  });

  test("fail after one flipped bit anywhere", () => {
    const flipped = (hash: Uint8Array, bit: number) =>
      hash.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    const arbitrary = fc.record({
      newSize: fc.integer({ min: 2, max: size }),
      part: fc.nat(),
      bit: fc.integer({ min: 0, max: 255 }),
      position: fc.nat(),
    });
    fc.assert(
      fc.property(arbitrary, ({ newSize, part, bit, position }) => {
        const index = position % newSize;
        const path: Uint8Array[] = [tree.root(0, newSize), leaves[index]!, ...tree.inclusionProof(index, 0, newSize)];
        path[part % path.length] = flipped(path[part % path.length]!, bit);
        const [root, leaf, ...proof] = path;
        expect(verifyInclusion(index, newSize, leaf!, proof, root!)).toBe(false);

        const oldSize = 1 + (position % (newSize - 1));
        const hashes: Uint8Array[] = [
          tree.root(0, oldSize),
          tree.root(0, newSize),
          ...tree.consistencyProof(oldSize, newSize),
        ];
        hashes[part % hashes.length] = flipped(hashes[part % hashes.length]!, bit);
        const [oldRoot, newRoot, ...steps] = hashes;
        expect(verifyConsistency(oldSize, newSize, oldRoot!, newRoot!, steps)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("of sizes that are no sizes, and with hashes that are no hashes, are refused", () => {
    const root = tree.root(0, 2);
    const proof = tree.inclusionProof(0, 0, 2);
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(verifyInclusion(bad, 2, leaves[0]!, proof, root)).toBe(false);
      expect(verifyInclusion(0, bad, leaves[0]!, proof, root)).toBe(false);
      expect(verifyConsistency(bad, 2, root, root, [])).toBe(false);
      expect(verifyConsistency(1, bad, root, root, [])).toBe(false);
    }
    expect(verifyInclusion(0, 2, leaves[0]!, [proof[0]!.subarray(1)], root)).toBe(false);
    expect(verifyInclusion(0, 1, leaves[0]!, [], leaves[0]!.subarray(0, 31))).toBe(false);
    expect(verifyInclusion(0, 2 ** 53 - 1, leaves[0]!, [], root)).toBe(false);
  });
});
