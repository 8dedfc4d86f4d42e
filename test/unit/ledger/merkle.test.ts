import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  emptyRoot,
  hashBytes,
  leafHash,
  leafHashInto,
  MerkleTree,
  nodeHash,
  sha256,
  tileWidth,
} from "../../../src/ledger/merkle.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const text = (value: string) => new TextEncoder().encode(value);
const leaves = (count: number) => Array.from({ length: count }, (_, index) => leafHash(text(`leaf ${index}`)));

function treeOf(leafHashes: readonly Uint8Array[]): MerkleTree {
  const tree = new MerkleTree();
  tree.append(Buffer.concat(leafHashes));
  return tree;
}

/** All hashes of a tile level, by the definition. */
function level(recursive: RecursiveTree, size: number, tileLevel: number): Buffer {
  const span = tileWidth ** tileLevel;
  const hashes = Array.from({ length: Math.floor(size / span) }, (_, index) =>
    recursive.root(index * span, (index + 1) * span),
  );
  return Buffer.concat(hashes);
}

describe("hashes", () => {
  test("are those of RFC 6962", () => {
    expect(hex(emptyRoot())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(hex(leafHash(text("")))).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    expect(hex(leafHash(text("L123456")))).toBe("395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    // The published node has children of four bytes, which no tree has: its prefix and order are what counts.
    expect(hex(sha256(text("\x01N123N456")))).toMatch(/^aa217fe8/);
    const [left, right] = [leafHash(text("l")), leafHash(text("r"))];
    expect(hex(nodeHash(left, right))).toBe(hex(sha256(Buffer.concat([Uint8Array.of(1), left, right]))));
  });

  test("of the longest entry and of one that is longer still are computed over all of it", () => {
    for (const length of [65_535, 65_536, 100_000]) {
      const target = Buffer.alloc(40);
      const entry = new Uint8Array(length).fill(7);
      leafHashInto(entry, target, 4);
      expect(hex(target.subarray(4, 36))).toBe(hex(leafHash(entry)));
      entry[length - 1] = 8;
      expect(hex(target.subarray(4, 36))).not.toBe(hex(leafHash(entry)));
    }
  });
});

describe("the growing tree", () => {
  test("has the recursive root at every size from 0 to 300, leaf by leaf", () => {
    const all = leaves(300);
    const recursive = new RecursiveTree(all);
    const tree = new MerkleTree();
    expect(hex(tree.root())).toBe(hex(recursive.root(0, 0)));
    for (const [index, leaf] of all.entries()) {
      tree.append(leaf);
      expect(hex(tree.root())).toBe(hex(recursive.root(0, index + 1)));
    }
  });

  test("has the recursive root and tile hashes around 65 536 leaves", () => {
    const all = leaves(65_537);
    const recursive = new RecursiveTree(all);
    for (const size of [65_535, 65_536, 65_537]) {
      const tree = new MerkleTree();
      const gained = tree.append(Buffer.concat(all.slice(0, size)));
      expect(hex(tree.root())).toBe(hex(recursive.root(0, size)));
      expect(gained.length).toBe(size < 65_536 ? 2 : 3);
      for (const [index, hashes] of gained.entries()) expect(level(recursive, size, index).equals(hashes)).toBe(true);
    }
  });

  test("is the same however the leaves are divided, and so are the tile hashes it gives out", () => {
    const all = leaves(1_400);
    const recursive = new RecursiveTree(all);
    const sizes = fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 12 });
    fc.assert(
      fc.property(sizes, (counts) => {
        const tree = new MerkleTree();
        const given: Uint8Array[][] = [[], []];
        for (const count of counts) {
          const chunk = all.slice(tree.size, tree.size + count);
          for (const [index, hashes] of tree.append(Buffer.concat(chunk)).entries()) given[index]!.push(hashes);
        }
        expect(hex(tree.root())).toBe(hex(recursive.root(0, tree.size)));
        for (const [index, hashes] of given.entries()) {
          expect(Buffer.concat(hashes).equals(level(recursive, tree.size, index))).toBe(true);
        }
      }),
    );
  });

  test("goes on from its partial tiles as if it had never stopped", () => {
    const all = leaves(66_000);
    const recursive = new RecursiveTree(all);
    for (const size of [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1_000, 65_535, 65_536, 65_537, 65_999]) {
      const edge = [0, 1, 2, 3].map((tileLevel) => {
        const hashes = level(recursive, size, tileLevel);
        const partial = (hashes.length / hashBytes) % tileWidth;
        return hashes.subarray(hashes.length - partial * hashBytes);
      });
      const tree = MerkleTree.fromRightEdge(size, edge);
      expect(hex(tree.root())).toBe(hex(recursive.root(0, size)));
      tree.append(all[size]!);
      expect(hex(tree.root())).toBe(hex(recursive.root(0, size + 1)));
    }
  });

  test("is not changed by what its clone is given", () => {
    const all = leaves(10);
    const tree = treeOf(all.slice(0, 7));
    const before = hex(tree.root());
    const clone = tree.clone();
    clone.append(Buffer.concat(all.slice(7)));
    expect(hex(tree.root())).toBe(before);
    expect(hex(clone.root())).toBe(hex(new RecursiveTree(all).root(0, 10)));
  });
});
