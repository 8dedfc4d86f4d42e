import { createPrivateKey, createPublicKey } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sealSigner } from "../../../gateway/journal/seal-key.ts";
import { blockProofJson, verifyBlockProof } from "../../../src/ledger/block-proof.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { blockPath } from "../../../src/ledger/prove.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";

// PKCS#8 of a fixed Ed25519 seed (RFC 8410 §7).
const der = Buffer.from(`302e020100300506032b657004220420${"42".repeat(32)}`, "hex");
const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);
const startLeaf = 1000;
const leafOf = (index: number) => Buffer.from(`leaf ${startLeaf + index}`);

function proofs(count: number) {
  const leafHashes = Array.from({ length: count }, (_, index) => leafHash(leafOf(index)));
  const tree = new RecursiveTree(leafHashes);
  const zeros = new Uint8Array(32);
  const seal = sealSigner(privateKey).sign({
    number: 9,
    startLeaf,
    count,
    previousHash: zeros,
    merkleRoot: tree.root(0, count),
    treeRootBefore: zeros,
    openedUs: 1,
    sealedUs: 2,
  });
  return leafHashes.map((_, index) => {
    const hashes = blockPath(index, Buffer.concat(leafHashes));
    expect(hashes.map((hash) => Buffer.from(hash))).toEqual(tree.inclusionProof(index, 0, count));
    return blockProofJson({ leafIndex: startLeaf + index, leaf: leafOf(index), hashes, seal });
  });
}

test("every leaf of small blocks has a path as RFC 6962 writes it, and its proof holds", () => {
  for (const count of [1, 2, 3, 5, 8, 13, 33]) {
    for (const [index, proof] of proofs(count).entries()) {
      const proven = verifyBlockProof(JSON.parse(JSON.stringify(proof)), publicKey);
      expect(proven).toMatchObject({ ok: true, value: { leafIndex: startLeaf + index, seal: { number: 9, count } } });
    }
  }
});

test("a block of 100 needs seven hashes and the some 210 bytes of a seal", () => {
  expect(Math.max(...proofs(100).map(({ hashes }) => hashes.length))).toBe(7);
  const [previousHash, merkleRoot, treeRootBefore] = Array.from({ length: 3 }, () => new Uint8Array(32));
  const place = { number: 70_000, startLeaf: 7_070_000, count: 100, openedUs: 1.79e15, sealedUs: 1.79e15 + 3e8 };
  const seal = { ...place, previousHash: previousHash!, merkleRoot: merkleRoot!, treeRootBefore: treeRootBefore! };
  expect(sealSigner(privateKey).sign(seal)).toHaveLength(209);
});

test("what the proof is worth stands in it, and without that it is none", () => {
  const [proof] = proofs(3);
  expect(proof!.assurance).toBe("gateway-signed, not witnessed");
  for (const forged of [{ assurance: "witnessed" }, { assurance: undefined }, { kind: "another" }])
    expect(verifyBlockProof({ ...proof, ...forged }, publicKey)).toMatchObject({ reject: "BLOCK_PROOF_MALFORMED" });
});

test("another leaf, place, path or key is refused", () => {
  const [first, second] = proofs(5);
  for (const forged of [
    { ...first, leaf: second!.leaf },
    { ...first, leafIndex: startLeaf + 1 },
    { ...first, leafIndex: startLeaf - 1 },
    { ...first, leafIndex: startLeaf + 5 },
    { ...first, hashes: second!.hashes },
    { ...first, hashes: [] },
  ])
    expect(verifyBlockProof(forged, publicKey)).toMatchObject({ reject: "BLOCK_PROOF_INVALID" });
  const stranger = Buffer.from(publicKey);
  stranger[0]! ^= 1;
  expect(verifyBlockProof(first, stranger).ok).toBe(false);
});

test("any JSON is refused", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(verifyBlockProof(json, publicKey).ok).toBe(false);
    }),
  );
  const [proof] = proofs(3);
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(proof!)), fc.jsonValue(), (key, value) => {
      fc.pre(JSON.stringify(value) !== JSON.stringify(proof![key as keyof typeof proof]));
      expect(verifyBlockProof({ ...proof, [key]: value }, publicKey).ok).toBe(false);
    }),
  );
});
