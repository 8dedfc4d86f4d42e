import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCbor, encodeCbor } from "../../../src/codec/cbor.ts";
import { CborTag, type CborValue } from "../../../src/codec/cbor-value.ts";
import { OpenBlock } from "../../../src/ledger/block.ts";
import { decodeEntry } from "../../../src/ledger/entry.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { decodeSeal, encodeSeal, looksLikeSeal, type Seal, sealPayload } from "../../../src/ledger/seal.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { RecursiveTree } from "../../support/recursive-tree.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const publicKey = createPublicKey(privateKey);
const signer = (bytes: Uint8Array) => sign(null, bytes, privateKey);

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const seal: Seal = {
  number: 3,
  startLeaf: 303,
  count: 100,
  previousHash: hash(1),
  merkleRoot: hash(2),
  treeRootBefore: hash(3),
  openedUs: 1_790_000_000_000_000,
  sealedUs: 1_790_000_000_100_000,
};

const arbHash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const arbUint = fc.maxSafeNat();
const arbSeal: fc.Arbitrary<Seal> = fc.record({
  number: arbUint,
  startLeaf: arbUint,
  count: arbUint.map((count) => Math.max(1, count)),
  previousHash: arbHash,
  merkleRoot: arbHash,
  treeRootBefore: arbHash,
  openedUs: arbUint,
  sealedUs: arbUint,
  hmac: fc.option(arbHash, { nil: undefined }),
});

function holds(leaf: Uint8Array): boolean {
  const decoded = decodeSeal(leaf);
  return decoded.ok && verify(null, decoded.value.signedBytes, publicKey, decoded.value.signature);
}

describe("a seal", () => {
  test("is a COSE_Sign1 over deterministic CBOR, byte for byte", () => {
    const leaf = Buffer.from(encodeSeal(seal, () => new Uint8Array(64).fill(9))).toString("hex");
    const payload = `89020319012f1864${["01", "02", "03"].map((fill) => `5820${fill.repeat(32)}`).join("")}${[
      "1b00065bfeda25e000",
      "1b00065bfeda2766a0",
    ].join("")}`;
    expect(leaf).toBe(`d28443a10132a05880${payload}5840${"09".repeat(64)}`);
    expect(payload.length / 2).toBe(0x80);
  });

  test("signs the Sig_structure of RFC 9052, without external data", () => {
    const decoded = decodeSeal(encodeSeal(seal, signer));
    if (!decoded.ok) throw new Error(decoded.detail);
    const structure = ["Signature1", Buffer.from("a10132", "hex"), new Uint8Array(0), sealPayload(seal)];
    expect(Buffer.from(decoded.value.signedBytes).toString("hex")).toBe(
      Buffer.from(encodeCbor(structure)).toString("hex"),
    );
    expect(holds(encodeSeal(seal, signer))).toBe(true);
  });

  test("is read back as it was written, and is an entry of its own kind", () => {
    fc.assert(
      fc.property(arbSeal, (any) => {
        const leaf = encodeSeal(any, signer);
        expect(looksLikeSeal(leaf)).toBe(true);
        expect(decodeSeal(leaf)).toMatchObject({ ok: true, value: { seal: any } });
        expect(decodeEntry(leaf)).toMatchObject({ ok: true, value: { kind: "seal", ...any } });
        expect(holds(leaf)).toBe(true);
      }),
    );
    expect(looksLikeSeal(entryOf("alice"))).toBe(false);
  });

  test("with any byte changed is refused or does not verify", () => {
    const leaf = encodeSeal(seal, signer);
    for (let at = 0; at < leaf.length; at++) {
      for (const change of [0x01, 0x20, 0x80]) {
        const changed = Uint8Array.from(leaf);
        changed[at]! ^= change;
        expect(holds(changed), `byte ${at}`).toBe(false);
      }
    }
    for (let length = 0; length < leaf.length; length++) expect(holds(leaf.subarray(0, length))).toBe(false);
    expect(holds(Buffer.concat([leaf, Uint8Array.of(0)]))).toBe(false);
  });

  test("with any field changed does not verify under the old signature", () => {
    fc.assert(
      fc.property(arbSeal, fc.constantFrom(...(Object.keys(seal) as (keyof Seal)[])), (other, field) => {
        fc.pre(JSON.stringify(other[field]) !== JSON.stringify(seal[field]));
        const signature = signer(signedBytesOf(seal));
        expect(holds(encodeSeal({ ...seal, [field]: other[field] }, () => signature))).toBe(false);
      }),
    );
  });

  test("is refused in any other shape, however well signed", () => {
    const wrap = (parts: readonly CborValue[], tag = 18) => encodeCbor(new CborTag(tag, parts));
    const header = Buffer.from("a10132", "hex");
    const none = new Map();
    const signature = new Uint8Array(64);
    const payload = sealPayload(seal);
    expect(decodeSeal(wrap([header, none, payload, signature])).ok).toBe(true);
    const elements = (decodeCbor(payload) as { value: CborValue }).value as CborValue[];
    const withElement = (at: number, value: CborValue) =>
      encodeCbor(elements.map((old, i) => (i === at ? value : old)));
    const shapes: Uint8Array[] = [
      wrap([header, none, payload]),
      wrap([header, none, payload, signature, 0]),
      wrap([header, none, payload, signature], 17),
      wrap([Buffer.from("a10127", "hex"), none, payload, signature]), // EdDSA, which names no curve
      wrap([header, new Map([[4, Buffer.from("kid")]]), payload, signature]),
      wrap([header, none, null, signature]),
      wrap([header, none, payload, signature.subarray(1)]),
      wrap([header, none, withElement(0, 1), signature]),
      wrap([header, none, withElement(1, -1), signature]),
      wrap([header, none, withElement(2, 2n ** 60n), signature]),
      wrap([header, none, withElement(3, 0), signature]),
      wrap([header, none, withElement(5, hash(2).subarray(1)), signature]),
      wrap([header, none, withElement(8, "now"), signature]),
      wrap([header, none, encodeCbor(elements.slice(0, 8)), signature]),
      wrap([header, none, encodeCbor([...elements, hash(1), hash(1)]), signature]),
      encodeCbor([header, none, payload, signature]),
    ];
    for (const [index, shape] of shapes.entries()) expect(decodeSeal(shape).ok, `shape ${index}`).toBe(false);
  });

  test("is decoded or refused, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => !decodeSeal(bytes).ok));
  });
});

function signedBytesOf(any: Seal): Uint8Array {
  const decoded = decodeSeal(encodeSeal(any, () => new Uint8Array(64)));
  if (!decoded.ok) throw new Error(decoded.detail);
  return decoded.value.signedBytes;
}

describe("a block", () => {
  const leaves = Array.from({ length: 7 }, (_, index) => leafHash(Uint8Array.of(index)));
  const rootOf = (from: number, to: number) => new Uint8Array(new RecursiveTree(leaves).root(from, to));

  test("is sealed with the root of its own leaves, and the next one follows it", () => {
    const first = OpenBlock.first()
      .openedAt(5)
      .openedAt(9)
      .with(leaves[0]!)
      .with(Buffer.concat(leaves.slice(1, 3)));
    const sealed = first.sealed(hash(8), 11);
    expect(sealed).toEqual({
      number: 0,
      startLeaf: 0,
      count: 3,
      previousHash: new Uint8Array(32),
      merkleRoot: expect.anything(),
      treeRootBefore: hash(8),
      openedUs: 5,
      sealedUs: 11,
    });
    expect(new Uint8Array(sealed.merkleRoot)).toEqual(rootOf(0, 3));
    const leaf = encodeSeal(sealed, signer);
    const next = OpenBlock.behind(sealed, leaf)
      .with(Buffer.concat(leaves.slice(3)))
      .sealed(hash(9), 12);
    expect(next).toMatchObject({ number: 1, startLeaf: 4, count: 4, previousHash: leafHash(leaf) });
    expect(new Uint8Array(next.merkleRoot)).toEqual(rootOf(3, 7));
  });

  test("stays as it was when leaves are added to a later one", () => {
    const before = OpenBlock.first().with(leaves[0]!);
    before.with(leaves[1]!);
    expect(before.count).toBe(1);
    expect(new Uint8Array(before.sealed(hash(8), 1).merkleRoot)).toEqual(rootOf(0, 1));
  });

  test.each([
    ["number", 1, "number"],
    ["startLeaf", 1, "begins"],
    ["count", 4, "counts 4"],
    ["previousHash", hash(7), "the seal before"],
    ["merkleRoot", hash(7), "entries of its block"],
    ["treeRootBefore", hash(7), "entries before it"],
  ] as const)("finds the flaw of a seal with another %s", (field, value, flaw) => {
    const block = OpenBlock.first().with(Buffer.concat(leaves.slice(0, 3)));
    const right = block.sealed(hash(8), 1);
    expect(block.flawOf(right, hash(8))).toBeUndefined();
    expect(block.flawOf({ ...right, [field]: value }, hash(8))).toContain(flaw);
  });
});
