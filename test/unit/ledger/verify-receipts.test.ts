import { generateKeyPairSync, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCoseSign1 } from "../../../src/codec/cose-sign1.ts";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { explainProof } from "../../../src/ledger/explain-proof.ts";
import { leafHash } from "../../../src/ledger/hash.ts";
import { formatVkey, noteKeyId, parseVkey } from "../../../src/ledger/note.ts";
import { encodeSeal } from "../../../src/ledger/seal.ts";
import { encodeTombstone } from "../../../src/ledger/tombstone.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { ReceiptLog } from "../../support/receipts.ts";
import { SignedLog } from "../../support/signed-log.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const hash = new Uint8Array(32);
const seal = encodeSeal(
  {
    number: 0,
    startLeaf: 0,
    count: 18,
    previousHash: hash,
    merkleRoot: hash,
    treeRootBefore: hash,
    openedUs: 1,
    sealedUs: 2,
  },
  (bytes) => sign(null, bytes, privateKey),
);
const entries = [
  ...Array.from({ length: 18 }, (_, index) => entryOf("myco-1", index + 1)),
  seal,
  entryOf("myco-1", 19),
];
const log = new ReceiptLog(entries);
const [classicalOnly, postQuantumOnly] = log.vkeys.map((vkey) => `log ${vkey}\nquorum none\n`) as [string, string];
const [classical, postQuantum] = [log.inclusion("ed25519", 17), log.inclusion("mldsa44", 17)];
const leaf = entries[17]!;

const explain = (files: readonly Uint8Array[], policy = log.policy) => {
  const { valid, reject, verdict, facts } = explainProof(files, policy);
  return { valid, reject, verdict, facts: Object.fromEntries(facts) };
};
const reasonOf = (files: readonly Uint8Array[], policy?: string) => explain(files, policy).reject;

describe("receipts are valid", () => {
  test("two of them, one signature each, with the entry, in any order", () => {
    for (const files of [
      [classical, postQuantum, leaf],
      [leaf, postQuantum, classical],
    ])
      expect(explain(files)).toMatchObject({
        valid: true,
        verdict: "Valid: the log holds exactly this entry.",
        facts: {
          log: log.origin,
          entry: "17 in a log of 20, as the receipt says: the signature covers the root alone",
          "signed with": expect.stringMatching(/^(Ed25519|ML-DSA-44 \(post-quantum\)) and /),
          signatures: "one in each receipt, over the same root",
          "witnessed by": expect.stringContaining("nobody: a COSE receipt carries no witness's word"),
          content: "a message of the device myco-1",
          temp: "21.7 C",
        },
      });
  });

  test("one, for a policy that lists a key of one type, and it is said that it is one", () => {
    for (const [receipt, policy] of [
      [classical, classicalOnly],
      [postQuantum, postQuantumOnly],
    ] as const)
      expect(explain([receipt, leaf], policy)).toMatchObject({
        valid: true,
        facts: { signatures: expect.stringContaining("one, as many as a COSE receipt has") },
      });
  });

  test("for a seal, which begins as a receipt does", () => {
    const receipts = [log.inclusion("ed25519", 18), log.inclusion("mldsa44", 18)];
    expect(explain([seal, ...receipts])).toMatchObject({
      valid: true,
      facts: { content: expect.stringContaining("seal") },
    });
  });

  test("for what was taken out, as far as its hash goes", () => {
    const tombstone = encodeTombstone({ leafHash: leafHash(leaf), order: 19 });
    expect(explain([classical, postQuantum, tombstone])).toMatchObject({
      valid: true,
      verdict: expect.stringContaining("Its content was taken out"),
    });
  });

  test("with a size and an index that nobody has signed, which is why they are called what the receipt says", () => {
    // The last of three has the same way to the root as the second of two.
    const small = new ReceiptLog(entries.slice(0, 3));
    const policy = `log ${small.vkeys[0]}\nquorum none\n`;
    const honest = explain([small.inclusion("ed25519", 2), entries[2]!], policy);
    const claims = small.inclusion("ed25519", 2, 3, { leafIndex: 1, size: 2 });
    const other = explain([claims, entries[2]!], policy);
    expect([honest.facts.entry, other.facts.entry]).toEqual([
      "2 in a log of 3, as the receipt says: the signature covers the root alone",
      "1 in a log of 2, as the receipt says: the signature covers the root alone",
    ]);
    expect(other.facts.root).toBe(honest.facts.root);
  });
});

describe("receipts are refused", () => {
  test("with one signature of the two that the policy asks for, and the other is named", () => {
    expect(explain([classical, leaf])).toMatchObject({
      reject: "SIGNATURE_MISSING",
      verdict: expect.stringMatching(/has one signature, .* with its mldsa44 key too: give that receipt as well\.$/),
      facts: {},
    });
    expect(reasonOf([postQuantum, leaf])).toBe("SIGNATURE_MISSING");
    expect(reasonOf([classical, classical.slice(), leaf])).toBe("SIGNATURE_MISSING");
  });

  test("without the entry, with another one, or with two", () => {
    expect(reasonOf([classical, postQuantum])).toBe("LEAF_MISSING");
    expect(reasonOf([classical, postQuantum, entries[16]!])).toBe("COSE_RECEIPT_INVALID");
    expect(reasonOf([classical, postQuantum, leaf, entries[16]!])).toBe("PROOF_MALFORMED");
    expect(reasonOf([classical, postQuantum, new Uint8Array()])).toBe("COSE_RECEIPT_INVALID");
  });

  test("of two trees, or of one tree and two places", () => {
    const smaller = log.inclusion("mldsa44", 17, 19);
    expect(reasonOf([classical, smaller, leaf])).toBe("COSE_RECEIPTS_DIFFER");
    const twice = new ReceiptLog([leaf, leaf, leaf, leaf]);
    const receipts = [twice.inclusion("ed25519", 1), twice.inclusion("mldsa44", 2)];
    expect(reasonOf([...receipts, leaf], twice.policy)).toBe("COSE_RECEIPTS_DIFFER");
    expect(
      reasonOf([twice.inclusion("ed25519", 1), twice.inclusion("mldsa44", 1), leaf], twice.policy),
    ).toBeUndefined();
  });

  test("of a log that the policy does not list, and of a key that it does not", () => {
    const other = new ReceiptLog(entries, "other.test/ledger/1");
    expect(reasonOf([other.inclusion("ed25519", 17), leaf])).toBe("LOG_UNKNOWN");
    expect(reasonOf([classical, leaf], postQuantumOnly)).toBe("COSE_RECEIPT_KEY_UNKNOWN");
    const impostor = new ReceiptLog(entries);
    expect(reasonOf([impostor.inclusion("ed25519", 17), leaf])).toBe("COSE_RECEIPT_KEY_UNKNOWN");
    const posing = log.inclusion("ed25519", 17, 20, { origin: "other.test/ledger/1" });
    expect(reasonOf([posing, leaf])).toBe("LOG_UNKNOWN");
    // The beginning of the log's name is another log's.
    expect(reasonOf([posing, leaf], `log ${other.vkeys[0]}\nquorum none\n`)).toBe("COSE_RECEIPT_KEY_UNKNOWN");
  });

  test("where the policy asks for witnesses", () => {
    const key = parseVkey(ed25519Vkey("w.test", privateKey));
    if (!key.ok) throw new Error(key.detail);
    const { publicKey } = key.value;
    const vkey = formatVkey({ name: "w.test", type: 4, publicKey, keyId: noteKeyId("w.test", 4, publicKey) });
    const policy = log.policy.replace("quorum none", `witness w ${vkey}\nquorum w`);
    expect(explain([classical, postQuantum, leaf], policy)).toMatchObject({
      reject: "QUORUM_MISSING",
      verdict: expect.stringContaining("use a proof file"),
    });
  });

  test("that are another message in the same envelope, or a receipt of another kind", () => {
    const consistency = log.consistency("ed25519", 7);
    expect(explain([consistency, leaf])).toMatchObject({
      reject: "COSE_RECEIPT_MALFORMED",
      verdict: "This COSE receipt is not valid: it is of consistency, and proves no entry.",
    });
    const toDevice = encodeCoseSign1(Uint8Array.of(0x81, 0x04), (bytes) => sign(null, bytes, privateKey));
    expect(reasonOf([toDevice, leaf])).toBe("COSE_RECEIPT_MALFORMED");
    expect(reasonOf([seal, leaf]), "a seal is an entry").toBe("PROOF_MALFORMED");
    expect(reasonOf([Uint8Array.of(0xd2, 0x84), leaf])).toBe("COSE_RECEIPT_MALFORMED");
    expect(reasonOf([Buffer.concat([classical, Buffer.alloc(9000)]), leaf])).toBe("COSE_RECEIPT_MALFORMED");
    expect(reasonOf([Buffer.concat([classical, Buffer.of(0)]), leaf])).toBe("COSE_RECEIPT_MALFORMED");
  });

  test("with any bit changed, whichever of the two it is in", () => {
    // At 17 of 20 no other size or index leads to the root.
    for (const receipt of [classical, postQuantum]) {
      const policy = receipt === classical ? classicalOnly : postQuantumOnly;
      const step = receipt === classical ? 1 : 37;
      for (let at = 0; at < receipt.length; at += step) {
        const forged = Uint8Array.from(receipt);
        forged[at]! ^= 1 << (at % 8);
        expect(explain([forged, leaf], policy).valid, `byte ${at}`).toBe(false);
      }
    }
  });

  test("with any bytes in any place, and no bytes throw", () => {
    const file = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom(classical, postQuantum, leaf, seal),
      fc
        .tuple(fc.constantFrom(classical, postQuantum), fc.nat(600), fc.uint8Array({ maxLength: 40 }))
        .map(([receipt, at, bytes]) => {
          const from = at % receipt.length;
          return Buffer.concat([receipt.subarray(0, from), bytes, receipt.subarray(from + bytes.length)]);
        }),
    );
    fc.assert(
      fc.property(fc.array(file, { maxLength: 4 }), (files) => {
        const { valid, reject, verdict } = explain(files);
        expect(verdict.length).toBeGreaterThan(10);
        if (!valid) expect(reject).toBeDefined();
        else
          for (const needed of [classical, postQuantum, leaf])
            expect(files.some((file) => Buffer.from(needed).equals(file))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

test("a proof file is alone, and told from receipts by its bytes", async () => {
  const proofs = new SignedLog(entries);
  const proof = Buffer.from(await proofs.proof(17));
  expect(explain([proof], proofs.policy)).toMatchObject({
    valid: true,
    facts: { entry: expect.stringContaining("that was signed") },
  });
  expect(explain([proof, leaf], proofs.policy)).toMatchObject({
    reject: "PROOF_MALFORMED",
    verdict: expect.stringContaining("2 files"),
  });
  expect(reasonOf([])).toBe("PROOF_MALFORMED");
  expect(reasonOf([proof, classical])).toBe("COSE_RECEIPT_INVALID");
});
