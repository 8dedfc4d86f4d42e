/** What a verifier found, in words for people: for the command line and for the page alike. */
import type { LineType } from "./portable-lines.ts";
import type { SignedCheckpoint } from "./verify-proof.ts";
import type { ReceiptsReject } from "./verify-receipts.ts";

export interface Explanation {
  readonly valid: boolean;
  /** Code of the reason when it is not valid. */
  readonly reject: ReceiptsReject | "POLICY_INVALID" | "LOG_INVALID" | undefined;
  /** One sentence. */
  readonly verdict: string;
  /** What is proven; when it is not valid, nothing but where. */
  readonly facts: readonly Fact[];
}

export type Fact = readonly [name: string, value: string];

const lineNames: Record<LineType, string> = {
  ed25519: "Ed25519",
  cosignature: "Ed25519",
  mldsa44: "ML-DSA-44 (post-quantum)",
};

export function invalid(reject: Explanation["reject"], verdict: string, facts: readonly Fact[] = []): Explanation {
  return { valid: false, reject, verdict, facts };
}

export function signerFacts({ signedWith, witnessedBy }: SignedCheckpoint): Fact[] {
  return [
    ["signed with", signedWith.map((type) => lineNames[type]).join(" and ")],
    ["witnessed by", witnessedBy.join(", ") || "nobody; the policy does not ask for it"],
  ];
}
