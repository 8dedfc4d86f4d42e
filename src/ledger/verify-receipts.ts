/**
 * The verifier of COSE receipts: receipts, the entry that they are about, and a policy, nothing else. A receipt has one
 * signature, so a policy that lists keys of two types for a log asks for two of them, of one tree. docs/adr/0062
 */
import { accept, type Result, refuse } from "../result.ts";
import { type CoseReceiptReject, receiptOrigin, verifyInclusionReceipt } from "./cose-receipt.ts";
import type { Policy } from "./policy.ts";
import { sameHash } from "./proof.ts";
import { isMet } from "./quorum.ts";
import type { ProofReject, ProvenLeaf } from "./verify-proof.ts";

export type ReceiptsReject = ProofReject | CoseReceiptReject | "COSE_RECEIPTS_DIFFER";

/**
 * Total. Size and index of what is proven are what the receipts say: signed is the root alone.
 * @param receipts at least one @param leaf verbatim, or the tombstone in its place
 */
export function verifyReceipts(
  receipts: readonly Uint8Array[],
  leaf: Uint8Array,
  { logs, quorum }: Policy,
): Result<ProvenLeaf, ReceiptsReject> {
  const origin = receiptOrigin(receipts[0]!);
  if (origin === undefined) return refuse("COSE_RECEIPT_MALFORMED", "a receipt names no log in its protected header");
  const keys = logs.get(origin);
  if (keys === undefined) return refuse("LOG_UNKNOWN", `the policy lists no key of ${origin}`);
  const [first, ...others] = receipts.map((receipt) => verifyInclusionReceipt(receipt, leaf, keys));
  if (!first!.ok) return first!;
  const { size, root, leafIndex } = first.value;
  const signedWith = new Set([first.value.signature]);
  for (const other of others) {
    if (!other.ok) return other;
    if (other.value.size !== size || other.value.leafIndex !== leafIndex || !sameHash(other.value.root, root))
      return refuse("COSE_RECEIPTS_DIFFER", "the receipts are of different trees, or of different places");
    signedWith.add(other.value.signature);
  }
  const missing = keys.find(({ type }) => type !== "cosignature" && !signedWith.has(type));
  if (missing !== undefined) {
    const detail = `a COSE receipt has one signature, and the policy asks ${origin} for one with its ${missing.type} key too: give that receipt as well`;
    return refuse("SIGNATURE_MISSING", detail);
  }
  if (!isMet(quorum, new Set()))
    return refuse(
      "QUORUM_MISSING",
      "the policy asks for witnesses, whose word no COSE receipt carries: use a proof file",
    );
  return accept({ leaf, leafIndex, checkpoint: { origin, size, root }, signedWith: [...signedWith], witnessedBy: [] });
}
