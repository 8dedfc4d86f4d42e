/** What a proof says, in words for people: for the command line and for the page alike. */
import { sensorName, unitName } from "../../protocol/names.ts";
import { decimalText } from "../codec/decimal.ts";
import { decodePayload } from "../dialects/index.ts";
import type { Reading } from "../reading.ts";
import { encodeBase64 } from "./base64.ts";
import { looksLikeReceipt } from "./cose-receipt.ts";
import { decodeEntry } from "./entry.ts";
import { eventView } from "./event-view.ts";
import { type Explanation, type Fact, invalid, signerFacts } from "./explanation.ts";
import { leafHash } from "./hash.ts";
import { type Policy, parsePolicy } from "./policy.ts";
import { removedLeafHash } from "./tombstone.ts";
import type { ReadingEntry } from "./types.ts";
import { type ProvenLeaf, verifyProof } from "./verify-proof.ts";
import { verifyReceipts } from "./verify-receipts.ts";

/**
 * What each file is, its bytes tell: a proof file alone; or COSE receipts, and the one that is none of them is the entry.
 * Total. @param files in any order @param policyText see policy.ts
 */
export function explainProof(files: readonly Uint8Array[], policyText: string): Explanation {
  const policy = parsePolicy(policyText);
  if (!policy.ok) return invalid(policy.reject, `The policy cannot be used: ${policy.detail}.`);
  const receipts = files.filter(looksLikeReceipt);
  const others = files.filter((file) => !receipts.includes(file));
  if (receipts.length > 0) return explainReceipts(receipts, others, policy.value);
  if (others.length !== 1) {
    const what = `There are ${others.length} files, and none is a COSE receipt: one proof file is checked at a time.`;
    return invalid("PROOF_MALFORMED", what);
  }
  const proven = verifyProof(others[0]!, policy.value);
  if (!proven.ok) return invalid(proven.reject, `This proof is not valid: ${proven.detail}.`);
  const { leafIndex, checkpoint } = proven.value;
  return explained(proven.value, [
    ["entry", `${leafIndex}, in the log of ${checkpoint.size} entries that was signed`],
    ...signerFacts(proven.value),
  ]);
}

function explainReceipts(receipts: readonly Uint8Array[], leaves: readonly Uint8Array[], policy: Policy): Explanation {
  const [leaf, surplus] = leaves;
  if (leaf === undefined)
    return invalid(
      "LEAF_MISSING",
      "A COSE receipt is not checked without the entry that it is about: give its bytes too.",
    );
  if (surplus !== undefined)
    return invalid(
      "PROOF_MALFORMED",
      `${leaves.length} files are no COSE receipts, and one entry is what they are about.`,
    );
  const proven = verifyReceipts(receipts, leaf, policy);
  if (!proven.ok) return invalid(proven.reject, `This COSE receipt is not valid: ${proven.detail}.`);
  const { leafIndex, checkpoint, signedWith } = proven.value;
  const [signatures] = signerFacts(proven.value) as [Fact];
  return explained(proven.value, [
    ["entry", `${leafIndex} in a log of ${checkpoint.size}, as the receipt says: the signature covers the root alone`],
    signatures,
    [
      "signatures",
      signedWith.length > 1
        ? "one in each receipt, over the same root"
        : "one, as many as a COSE receipt has; the policy lists a key of no other type",
    ],
    ["witnessed by", "nobody: a COSE receipt carries no witness's word; the policy does not ask for it"],
  ]);
}

function explained({ leaf, checkpoint }: ProvenLeaf, proof: readonly Fact[]): Explanation {
  const removed = removedLeafHash(leaf);
  const facts: Fact[] = [
    ["log", checkpoint.origin],
    ...proof,
    ["root", encodeBase64(checkpoint.root)],
    ["leaf hash", encodeBase64(removed ?? leafHash(leaf))],
    ...leafFacts(leaf),
  ];
  const verdict =
    removed === undefined
      ? "Valid: the log holds exactly this entry."
      : "Valid: the log holds an entry with this leaf hash. Its content was taken out of the gateway and is not in this proof.";
  return { valid: true, reject: undefined, verdict, facts };
}

function leafFacts(leaf: Uint8Array): Fact[] {
  const entry = decodeEntry(leaf);
  if (!entry.ok) return [["content", `${leaf.length} bytes that are no reading`]];
  switch (entry.value.kind) {
    case "reading":
      return readingFacts(entry.value);
    case "event":
      return [
        ["content", `an event of the gateway: ${entry.value.type}`],
        ["at", iso(entry.value.receivedUs)],
        ["it says", eventView(entry.value, 0).text],
      ];
    case "seal": {
      const { number, startLeaf, count, sealedUs } = entry.value;
      return [
        ["content", `the seal of block ${number}: entries ${startLeaf} to ${startLeaf + count - 1}`],
        ["sealed", iso(sealedUs)],
      ];
    }
    case "removed":
      return [
        ["content", `taken out, as entry ${entry.value.order} says; whoever has the entry can hash it and compare`],
      ];
  }
}

function readingFacts({ deviceId, receivedUs, keyEpoch, source, format, payload }: ReadingEntry): Fact[] {
  const sample = decodePayload(format, payload);
  const readings = sample.ok ? sample.value.readings.map(readingFact) : [];
  return [
    ["content", `a message of the device ${deviceId}`],
    ["received", `${iso(receivedUs)} by the gateway's clock, over ${source}`],
    [
      "device key",
      keyEpoch === 0
        ? "not signed by the device; the gateway attests that it came in there"
        : format === "envelope-chained"
          ? `an earlier entry leads to this message; the gateway has checked the signature that proves both, with key ${keyEpoch}`
          : `the gateway has checked the device's signature with its key ${keyEpoch}`,
    ],
    ...readings,
  ];
}

function readingFact({ sensor, unit, quality, ...value }: Reading): Fact {
  const doubt = quality === 0 ? "" : " (flagged by the device as doubtful)";
  return [named(sensor, sensorName), `${decimalText(value)} ${named(unit, unitName)}${doubt}`];
}

function named(code: number | string, nameOf: (code: number) => string | undefined): string {
  return typeof code === "string" ? code : (nameOf(code) ?? `code ${code}`);
}

function iso(us: number): string {
  return new Date(us / 1000).toISOString();
}
