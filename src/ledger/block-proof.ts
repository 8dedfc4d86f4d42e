/**
 * The short proof: that a leaf is in a block whose seal the gateway has signed. A few hashes and a seal, there as soon as the
 * block is closed; and the gateway's own word, which nobody else has seen: it could show somebody else another block. What
 * binds it is the checkpoint that covers the seal, and this proof has none. docs/adr/0063-block-proofs.md
 */
import { verifyEd25519 } from "../codec/ed25519.ts";
import { accept, type Result, refuse } from "../result.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { hashBytes, leafHash } from "./hash.ts";
import { verifyInclusion } from "./proof.ts";
import { decodeSeal, type Seal } from "./seal.ts";

export interface BlockProof {
  readonly leafIndex: number;
  /** Verbatim. */
  readonly leaf: Uint8Array;
  /** 32 bytes each, from the leaf's sibling up to the block's own root. */
  readonly hashes: readonly Uint8Array[];
  /** The seal's leaf. */
  readonly seal: Uint8Array;
}

/** What such a proof is worth, in the words that stand in every one. */
export const blockProofAssurance = "gateway-signed, not witnessed";
export const blockProofKind = "mycogate-block-proof/v1";

/** As it is handed out; byte strings in base64. */
export interface BlockProofJson {
  readonly kind: typeof blockProofKind;
  readonly assurance: typeof blockProofAssurance;
  readonly leafIndex: number;
  readonly leaf: string;
  readonly hashes: readonly string[];
  readonly seal: string;
}

export function blockProofJson({ leafIndex, leaf, hashes, seal }: BlockProof): BlockProofJson {
  return {
    kind: blockProofKind,
    assurance: blockProofAssurance,
    leafIndex,
    leaf: encodeBase64(leaf),
    hashes: hashes.map(encodeBase64),
    seal: encodeBase64(seal),
  };
}

export type BlockProofReject = "BLOCK_PROOF_MALFORMED" | "BLOCK_PROOF_INVALID" | "BLOCK_SIGNATURE_INVALID";

/** Total: any JSON value is a proof that holds, or refused. @param publicKey 32 bytes, of the seals */
export function verifyBlockProof(
  json: unknown,
  publicKey: Uint8Array,
): Result<{ readonly leaf: Uint8Array; readonly leafIndex: number; readonly seal: Seal }, BlockProofReject> {
  const proof = parse(json);
  if (proof === undefined) return refuse("BLOCK_PROOF_MALFORMED", `not a ${blockProofKind}`);
  const { leafIndex, leaf, hashes } = proof;
  const sealed = decodeSeal(proof.seal);
  if (!sealed.ok) return refuse("BLOCK_PROOF_MALFORMED", sealed.detail);
  const { seal, signedBytes, signature } = sealed.value;
  if (!verifyInclusion(leafIndex - seal.startLeaf, seal.count, leafHash(leaf), hashes, seal.merkleRoot))
    return refuse("BLOCK_PROOF_INVALID", "leaf, index and hashes do not lead to the block's root");
  if (!verifyEd25519(signature, signedBytes, publicKey))
    return refuse("BLOCK_SIGNATURE_INVALID", "the seal is not signed with this key");
  return accept({ leaf, leafIndex, seal });
}

function parse(json: unknown): BlockProof | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { kind, assurance, leafIndex, leaf, hashes, seal } = json as Partial<Record<keyof BlockProofJson, unknown>>;
  const [leafBytes, sealBytes] = [bytesIn(leaf), bytesIn(seal)];
  const path = Array.isArray(hashes) && hashes.length < 64 ? hashes.map(bytesIn) : [undefined];
  // One without its label is none: whoever passes it on passes on what it is worth.
  const valid =
    kind === blockProofKind &&
    assurance === blockProofAssurance &&
    typeof leafIndex === "number" &&
    leafBytes !== undefined &&
    sealBytes !== undefined &&
    path.every((hash) => hash?.length === hashBytes);
  return valid ? { leafIndex, leaf: leafBytes, seal: sealBytes, hashes: path as Uint8Array[] } : undefined;
}

function bytesIn(text: unknown): Uint8Array | undefined {
  return typeof text === "string" ? decodeBase64(text) : undefined;
}
