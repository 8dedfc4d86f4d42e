/**
 * COSE receipts (RFC 9942) of the log's tree, for clients that speak CBOR: inclusion and consistency proofs of the
 * verifiable data structure RFC9162_SHA256 in the unprotected header, and a signature over the root, which is detached so
 * that a verifier has to compute it. Runs in a browser too. docs/adr/0062-cose-receipts.md
 */
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { CborTag } from "../codec/cbor-value.ts";
import { coseSign1Tag } from "../codec/cose-sign1.ts";
import { verifyEd25519 } from "../codec/ed25519.ts";
import { accept, type Result, refuse } from "../result.ts";
import { hashBytes, leafHash } from "./hash.ts";
import type { LineKey, LineType } from "./portable-lines.ts";
import { consistentRoot, inclusionRoot } from "./proof.ts";
import type { ConsistencyProof } from "./prove.ts";
import { decodeSeal, looksLikeSeal } from "./seal.ts";
import { removedLeafHash } from "./tombstone.ts";

/** By what signs: the types that sign a log's checkpoints. RFC 9864 §2.2, RFC 9964. */
export const coseAlgorithms = { ed25519: -19, mldsa44: -48 } as const satisfies Partial<Record<LineType, number>>;
export type CoseSignature = keyof typeof coseAlgorithms;

/** Whose signature it is. */
export interface ReceiptHeader {
  readonly signature: CoseSignature;
  /** The log's origin. */
  readonly origin: string;
  /** Of the checkpoint key, as notes name it; u32. */
  readonly keyId: number;
}

/** What signs the roots of receipts; the key is one of the checkpoint's. */
export interface CoseSigner extends ReceiptHeader {
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Labels of IANA's COSE registries; those of the proofs count down from −1. */
const label = { algorithm: 1, keyId: 4, claims: 15, structure: 395, proofs: 396 } as const;
const proofLabel = { inclusion: -1, consistency: -2 } as const;
const issuerClaim = 1;
const rfc9162Sha256 = 1;
const maxHashes = 64;
/** A path of 64 hashes, an ML-DSA-44 signature and the longest origin take less. */
const maxReceiptBytes = 8_192;

/** `{1: alg, 4: kid, 15: {1: origin}, 395: 1}` */
function protectedHeader({ signature, origin, keyId }: ReceiptHeader): Uint8Array {
  const kid = new Uint8Array(4);
  new DataView(kid.buffer).setUint32(0, keyId);
  const header = new Map<number, CborValue>([
    [label.algorithm, coseAlgorithms[signature]],
    [label.keyId, kid],
    [label.claims, new Map([[issuerClaim, origin]])],
    [label.structure, rfc9162Sha256],
  ]);
  return encodeCbor(header);
}

/** What the key signs: a Sig_structure (RFC 9052 §4.4) with the root as its payload. The same for every proof in one tree. */
export function receiptSignedBytes(header: ReceiptHeader, root: Uint8Array): Uint8Array {
  return encodeCbor(["Signature1", protectedHeader(header), new Uint8Array(0), root]);
}

/** @param path sibling hashes from the leaf up @returns undefined for a log of one leaf, whose empty path has no receipt */
export function encodeInclusionReceipt(
  header: ReceiptHeader,
  {
    size,
    leafIndex,
    path,
  }: { readonly size: number; readonly leafIndex: number; readonly path: readonly Uint8Array[] },
  signature: Uint8Array,
): Uint8Array | undefined {
  return encode(header, proofLabel.inclusion, [size, leafIndex, path], signature);
}

/** @returns undefined where both sizes are the same, and nothing is to be proven */
export function encodeConsistencyReceipt(
  header: ReceiptHeader,
  { oldSize, newSize, hashes }: ConsistencyProof,
  signature: Uint8Array,
): Uint8Array | undefined {
  return encode(header, proofLabel.consistency, [oldSize, newSize, hashes], signature);
}

function encode(
  header: ReceiptHeader,
  kind: number,
  proof: readonly [number, number, readonly Uint8Array[]],
  signature: Uint8Array,
): Uint8Array | undefined {
  if (proof[2].length === 0) return undefined;
  const proofs = new Map([[label.proofs, new Map([[kind, [encodeCbor(proof)]]])]]);
  return encodeCbor(new CborTag(coseSign1Tag, [protectedHeader(header), proofs, null, signature]));
}

export type CoseReceiptReject = "COSE_RECEIPT_MALFORMED" | "COSE_RECEIPT_KEY_UNKNOWN" | "COSE_RECEIPT_INVALID";

/** What a receipt proves. */
export interface ProvenRoot {
  readonly signature: CoseSignature;
  readonly origin: string;
  /** As the receipt says. Signed is the root alone, and other sizes, and with them other indexes, may lead to it. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** Enough to tell a receipt from a proof file and from a leaf: tag 18 and an array of four, and no seal. */
export function looksLikeReceipt(bytes: Uint8Array): boolean {
  return looksLikeSeal(bytes) && !decodeSeal(bytes).ok;
}

/** The log that a receipt names, whether or not it holds; undefined for what is no receipt. Total. */
export function receiptOrigin(receipt: Uint8Array): string | undefined {
  const parts = partsOf(receipt);
  const header = parts.ok ? decodeCbor(parts.value.header) : parts;
  const claims = header.ok && header.value instanceof Map ? header.value.get(label.claims) : undefined;
  const origin = claims instanceof Map ? claims.get(issuerClaim) : undefined;
  return typeof origin === "string" ? origin : undefined;
}

/**
 * That the leaf is in the log. One signature of two: whoever demands both checks a receipt of each, with the same root.
 * Total. @param leaf verbatim, or the tombstone in its place @param keys of the log's checkpoints
 */
export function verifyInclusionReceipt(
  receipt: Uint8Array,
  leaf: Uint8Array,
  keys: readonly LineKey[],
): Result<ProvenRoot & { readonly leafIndex: number }, CoseReceiptReject> {
  const parsed = parse(receipt, proofLabel.inclusion);
  if (!parsed.ok) return parsed;
  const [size, leafIndex, path] = parsed.value.proof;
  const root = inclusionRoot(leafIndex, size, removedLeafHash(leaf) ?? leafHash(leaf), path);
  const proven = verifyRoot(parsed.value, size, root, keys);
  return proven.ok ? accept({ ...proven.value, leafIndex }) : proven;
}

/** That the log, as it is now, begins with the one of `oldRoot`. Total. */
export function verifyConsistencyReceipt(
  receipt: Uint8Array,
  old: { readonly size: number; readonly root: Uint8Array },
  keys: readonly LineKey[],
): Result<ProvenRoot, CoseReceiptReject> {
  const parsed = parse(receipt, proofLabel.consistency);
  if (!parsed.ok) return parsed;
  const [oldSize, newSize, path] = parsed.value.proof;
  const root = oldSize === old.size ? consistentRoot(oldSize, newSize, old.root, path) : undefined;
  return verifyRoot(parsed.value, newSize, root, keys);
}

interface Parsed {
  readonly header: Uint8Array;
  readonly proof: readonly [number, number, readonly Uint8Array[]];
  readonly signature: Uint8Array;
}

function verifyRoot(
  { header, signature }: Parsed,
  size: number,
  root: Uint8Array | undefined,
  keys: readonly LineKey[],
): Result<ProvenRoot, CoseReceiptReject> {
  if (root === undefined) return refuse("COSE_RECEIPT_INVALID", "the proof does not lead to a root");
  for (const { type, publicKey, verifier } of keys) {
    if (type === "cosignature") continue;
    const { name: origin, keyId } = verifier;
    const own: ReceiptHeader = { signature: type, origin, keyId };
    if (!sameBytes(protectedHeader(own), header)) continue;
    const message = receiptSignedBytes(own, root);
    const holds =
      type === "mldsa44"
        ? ml_dsa44.verify(signature, message, publicKey)
        : verifyEd25519(signature, message, publicKey);
    if (holds) return accept({ signature: type, origin, size, root });
    return refuse("COSE_RECEIPT_INVALID", "the proof and the signature are not of one root");
  }
  return refuse("COSE_RECEIPT_KEY_UNKNOWN", "signed by none of the keys");
}

function parse(receipt: Uint8Array, kind: number): Result<Parsed, "COSE_RECEIPT_MALFORMED"> {
  const parts = partsOf(receipt);
  if (!parts.ok) return parts;
  const { header, unprotected, signature } = parts.value;
  const proofs = unprotected instanceof Map && unprotected.size === 1 ? unprotected.get(label.proofs) : undefined;
  const ofKind = proofs instanceof Map && proofs.size === 1 ? proofs.get(kind) : undefined;
  const bytes = Array.isArray(ofKind) && ofKind.length === 1 ? ofKind[0] : undefined;
  const proof = bytes instanceof Uint8Array ? proofIn(bytes) : undefined;
  if (proof !== undefined) return accept({ header, proof, signature });
  const other = proofs instanceof Map && ofKind === undefined ? otherKind(proofs) : undefined;
  return refuse("COSE_RECEIPT_MALFORMED", other ?? "it has not one well-formed proof in its unprotected header");
}

function otherKind(proofs: ReadonlyMap<unknown, unknown>): string | undefined {
  if (proofs.has(proofLabel.consistency)) return "it is of consistency, and proves no entry";
  return proofs.has(proofLabel.inclusion) ? "it is of inclusion, and proves no growth" : undefined;
}

interface Parts {
  readonly header: Uint8Array;
  readonly unprotected: CborValue | undefined;
  readonly signature: Uint8Array;
}

function partsOf(receipt: Uint8Array): Result<Parts, "COSE_RECEIPT_MALFORMED"> {
  const malformed = (detail: string) => refuse("COSE_RECEIPT_MALFORMED", detail);
  if (receipt.length > maxReceiptBytes) return malformed(`it has more than ${maxReceiptBytes} bytes`);
  const message = decodeCbor(receipt, { tags: [coseSign1Tag] });
  if (!message.ok) return malformed(message.detail);
  const parts = message.value instanceof CborTag ? message.value.value : undefined;
  if (!Array.isArray(parts) || parts.length !== 4) return malformed("it is no tagged COSE_Sign1");
  const [header, unprotected, payload, signature] = parts as readonly CborValue[];
  if (!(header instanceof Uint8Array && signature instanceof Uint8Array)) return malformed("it is no COSE_Sign1");
  if (payload !== null) return malformed("its payload is not detached, so it is another kind of message");
  return accept({ header, unprotected, signature });
}

function proofIn(bytes: Uint8Array): Parsed["proof"] | undefined {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length !== 3) return undefined;
  const [first, second, path] = decoded.value as readonly CborValue[];
  const isPath =
    Array.isArray(path) &&
    path.length > 0 &&
    path.length <= maxHashes &&
    path.every((hash) => hash instanceof Uint8Array && hash.length === hashBytes);
  const valid = isPath && typeof first === "number" && typeof second === "number";
  return valid ? [first, second, path as unknown as readonly Uint8Array[]] : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
