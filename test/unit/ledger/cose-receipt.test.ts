import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeConsistencyReceipt,
  encodeInclusionReceipt,
  type ReceiptHeader,
  receiptSignedBytes,
  verifyConsistencyReceipt,
  verifyInclusionReceipt,
} from "../../../src/ledger/cose-receipt.ts";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { mldsa44Vkey } from "../../../src/ledger/mldsa44-line.ts";
import { type LineKey, portableLineKey } from "../../../src/ledger/portable-lines.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";

const origin = "gw.test/ledger/1";
const { privateKey } = generateKeyPairSync("ed25519");
const mldsa = ml_dsa44.keygen(new Uint8Array(32).fill(7));
const lineKey = (vkey: string): LineKey => {
  const key = portableLineKey(vkey);
  if (!key.ok) throw new Error(key.detail);
  return key.value;
};
const ed25519Key = lineKey(ed25519Vkey(origin, privateKey));
const mldsa44Key = lineKey(mldsa44Vkey(origin, mldsa.publicKey));
const keys = [ed25519Key, mldsa44Key];

const headerOf = ({ verifier: { keyId } }: LineKey, signature: ReceiptHeader["signature"]): ReceiptHeader => {
  return { signature, origin, keyId };
};
const classical = headerOf(ed25519Key, "ed25519");
const postQuantum = headerOf(mldsa44Key, "mldsa44");
const signedBy = (header: ReceiptHeader, root: Uint8Array): Uint8Array => {
  const message = receiptSignedBytes(header, root);
  return header === classical ? sign(null, message, privateKey) : ml_dsa44.sign(message, mldsa.secretKey);
};

const leafOf = (index: number) => Buffer.from(`leaf ${index}`);
const recursive = new RecursiveTree(Array.from({ length: 70 }, (_, index) => leafHash(leafOf(index))));
const tree = {
  root: (size: number) => new Uint8Array(recursive.root(0, size)),
  inclusion: (index: number, size: number) => recursive.inclusionProof(index, 0, size),
  consistency: (oldSize: number, newSize: number) => recursive.consistencyProof(oldSize, newSize),
};

const inclusion = (header: ReceiptHeader, leafIndex: number, size: number): Uint8Array =>
  encodeInclusionReceipt(
    header,
    { size, leafIndex, path: tree.inclusion(leafIndex, size) },
    signedBy(header, tree.root(size)),
  )!;
const consistency = (header: ReceiptHeader, oldSize: number, newSize: number): Uint8Array =>
  encodeConsistencyReceipt(
    header,
    { oldSize, newSize, hashes: tree.consistency(oldSize, newSize) },
    signedBy(header, tree.root(newSize)),
  )!;

/** CBOR by hand (RFC 8949 §3): what the module under test is not asked. */
const head = (major: number, value: number): Buffer =>
  value < 24
    ? Buffer.of((major << 5) | value)
    : value < 256
      ? Buffer.of((major << 5) | 24, value)
      : Buffer.of((major << 5) | 25, value >> 8, value & 0xff);
const bstr = (bytes: Uint8Array) => Buffer.concat([head(2, bytes.length), bytes]);
const text = (value: string) => Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
const array = (...items: Uint8Array[]) => Buffer.concat([head(4, items.length), ...items]);
const map = (...pairs: Uint8Array[]) => Buffer.concat([head(5, pairs.length / 2), ...pairs]);
const hex = (value: string) => Buffer.from(value, "hex");

describe("the bytes of RFC 9942", () => {
  const kid = Buffer.alloc(4);
  kid.writeUInt32BE(ed25519Key.verifier.keyId);
  // alg (1): −19, kid (4), CWT claims (15) with iss (1), vds (395): 1
  const claims = map(hex("01"), text(origin));
  const header = map(hex("01"), hex("32"), hex("04"), bstr(kid), hex("0f"), claims, hex("19018b"), hex("01"));
  const structure = (root: Uint8Array) => array(text("Signature1"), bstr(header), bstr(Buffer.alloc(0)), bstr(root));
  const receipt = (
    label: string,
    first: number,
    second: number,
    path: readonly Uint8Array[],
    signature: Uint8Array,
  ) => {
    const proof = array(head(0, first), head(0, second), array(...path.map(bstr)));
    // vdp (396): {label: [proof]}; a detached payload is nil (f6)
    const unprotected = map(hex("19018c"), map(hex(label), array(bstr(proof))));
    return Buffer.concat([hex("d2"), array(bstr(header), unprotected, hex("f6"), bstr(signature))]);
  };

  test("a receipt of inclusion", () => {
    const signature = sign(null, structure(tree.root(20)), privateKey);
    const expected = receipt("20", 20, 17, tree.inclusion(17, 20), signature);
    expect(Buffer.from(inclusion(classical, 17, 20)).toString("hex")).toBe(expected.toString("hex"));
    expect(verify(null, structure(tree.root(20)), createPublicKey(privateKey), signature)).toBe(true);
    expect(verifyInclusionReceipt(expected, leafOf(17), keys)).toMatchObject({ ok: true });
  });

  test("a receipt of consistency", () => {
    const signature = sign(null, structure(tree.root(64)), privateKey);
    const expected = receipt("21", 20, 64, tree.consistency(20, 64), signature);
    expect(Buffer.from(consistency(classical, 20, 64)).toString("hex")).toBe(expected.toString("hex"));
    expect(verifyConsistencyReceipt(expected, { size: 20, root: tree.root(20) }, keys)).toMatchObject({ ok: true });
  });

  test("an ML-DSA-44 receipt says algorithm −48", () => {
    // 0x38 0x2f is −48
    expect(Buffer.from(inclusion(postQuantum, 3, 9)).indexOf(hex("01382f04"))).toBeGreaterThan(0);
  });
});

test("a path of nothing has no receipt: the CDDL wants a hash", () => {
  const signature = signedBy(classical, tree.root(1));
  expect(encodeInclusionReceipt(classical, { size: 1, leafIndex: 0, path: [] }, signature)).toBeUndefined();
  expect(encodeConsistencyReceipt(classical, { oldSize: 5, newSize: 5, hashes: [] }, signature)).toBeUndefined();
});

test("every leaf of small trees has a receipt that holds, and for no other leaf", () => {
  for (const size of [2, 3, 4, 5, 7, 8, 17, 33]) {
    for (let index = 0; index < size; index++) {
      const receipt = inclusion(classical, index, size);
      const proven = verifyInclusionReceipt(receipt, leafOf(index), keys);
      expect(proven).toEqual({
        ok: true,
        value: { signature: "ed25519", origin, size, leafIndex: index, root: tree.root(size) },
      });
      if (index % 5 === 0) expect(verifyInclusionReceipt(receipt, leafOf(index + 1), keys).ok).toBe(false);
    }
  }
});

test("both signatures of one root, each with its own key", () => {
  const both = [classical, postQuantum].map((header) =>
    verifyInclusionReceipt(inclusion(header, 40, 70), leafOf(40), keys),
  );
  expect(both.map((proven) => proven.ok && proven.value.signature)).toEqual(["ed25519", "mldsa44"]);
  expect(both.map((proven) => proven.ok && Buffer.from(proven.value.root))).toEqual([
    Buffer.from(tree.root(70)),
    Buffer.from(tree.root(70)),
  ]);
});

test("consistency is proven from the root that the verifier has, and from no other", () => {
  const receipt = consistency(postQuantum, 33, 70);
  expect(verifyConsistencyReceipt(receipt, { size: 33, root: tree.root(33) }, keys)).toMatchObject({
    ok: true,
    value: { size: 70, signature: "mldsa44" },
  });
  for (const old of [
    { size: 33, root: tree.root(32) },
    { size: 32, root: tree.root(32) },
    { size: 33, root: tree.root(33).subarray(1) },
  ])
    expect(verifyConsistencyReceipt(receipt, old, keys)).toMatchObject({ reject: "COSE_RECEIPT_INVALID" });
});

test("one kind of receipt is not taken for the other, and a stranger's key is named", () => {
  expect(verifyInclusionReceipt(consistency(classical, 3, 7), leafOf(3), keys)).toMatchObject({
    reject: "COSE_RECEIPT_MALFORMED",
  });
  expect(verifyInclusionReceipt(inclusion(classical, 3, 7), leafOf(3), [mldsa44Key])).toMatchObject({
    reject: "COSE_RECEIPT_KEY_UNKNOWN",
  });
  const renamed = inclusion({ ...classical, origin: "other.test/ledger/1" }, 3, 7);
  expect(verifyInclusionReceipt(renamed, leafOf(3), keys)).toMatchObject({ reject: "COSE_RECEIPT_KEY_UNKNOWN" });
});

test("a flipped bit in any byte is found, and any bytes are refused", () => {
  const receipt = inclusion(classical, 17, 20);
  for (let at = 0; at < receipt.length; at++) {
    const forged = Uint8Array.from(receipt);
    forged[at]! ^= 1 << (at % 8);
    expect(verifyInclusionReceipt(forged, leafOf(17), [ed25519Key]).ok, `byte ${at}`).toBe(false);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(verifyInclusionReceipt(bytes, leafOf(0), keys).ok).toBe(false);
      expect(verifyConsistencyReceipt(bytes, { size: 3, root: tree.root(3) }, keys).ok).toBe(false);
    }),
  );
});
