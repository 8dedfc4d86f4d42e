/**
 * The seal that closes a block: a leaf of its own behind the leaves it is about. Its bytes are a COSE_Sign1 (RFC 9052,
 * tag 18, Ed25519) over deterministic CBOR `[2, number, start_leaf, count, previous_hash, merkle_root, tree_root_before,
 * opened_us, sealed_us, hmac?]`. docs/adr/0050-seals-are-leaves.md
 */
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { coseSign1Tag, decodeCoseSign1, encodeCoseSign1 } from "../codec/cose-sign1.ts";
import { accept, type Result, refuse } from "../result.ts";
import { hashBytes } from "./hash.ts";

export interface Seal {
  /** Of the block, from 0. */
  readonly number: number;
  /** The block's first leaf; its last is the one before the seal. */
  readonly startLeaf: number;
  /** Leaves in the block, at least one; the seal is not one of them. */
  readonly count: number;
  /** Leaf hash of the seal before this one, 32 zero bytes for block 0. */
  readonly previousHash: Uint8Array;
  /** RFC 6962 root of the tree of the block's leaves alone. */
  readonly merkleRoot: Uint8Array;
  /** Root of all leaves of the log before the seal. */
  readonly treeRootBefore: Uint8Array;
  /** Gateway clock, microseconds since 1970, when the first leaf came and when the block was closed. */
  readonly openedUs: number;
  readonly sealedUs: number;
  /** HMAC-SHA256 over the payload without it, 32 bytes: for whoever holds the gateway's own key, and proof to nobody else. */
  readonly hmac?: Uint8Array | undefined;
}

/** A seal as its leaf says it. What it claims and who signed it are still to be checked. */
export interface SignedSeal {
  readonly seal: Seal;
  /** What `signature` covers. */
  readonly signedBytes: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

/** First element of the payload, as for the other kinds of leaves. */
const kindSeal = 2;
/** Tag 18, then an array of four: no other leaf begins so. */
const firstBytes = [0xc0 | coseSign1Tag, 0x84] as const;

/** Enough to tell a seal among leaves that are all of this gateway's making. @param bytes hold the leaf from `start` to `end` */
export function looksLikeSeal(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  return bytes[start] === firstBytes[0] && bytes[start + 1] === firstBytes[1] && end - start > 1;
}

/** The payload without its HMAC, which is what the HMAC is computed over. */
export function sealPayload({ hmac, ...seal }: Seal): Uint8Array {
  return encodeCbor(elementsOf(seal));
}

/** @param sign Ed25519 of the bytes it is given. @returns the leaf */
export function encodeSeal(seal: Seal, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  return encodeCoseSign1(encodeCbor(elementsOf(seal)), sign);
}

/** Total. Deterministic encoding only, so a seal has one leaf. */
export function decodeSeal(leaf: Uint8Array): Result<SignedSeal, "SEAL_MALFORMED"> {
  const message = decodeCoseSign1(leaf);
  if (!message.ok) return refuse("SEAL_MALFORMED", message.detail);
  const { payload, signedBytes, signature } = message.value;
  const content = decodeCbor(payload);
  const seal = content.ok ? sealOf(content.value) : undefined;
  if (seal === undefined) return refuse("SEAL_MALFORMED", "the payload is not that of a seal");
  return accept({ seal, signedBytes, signature });
}

/** Why it cannot be the seal that its place asks for, undefined when it can. Times are claims and are not judged. */
export function sealFlaw(seal: Seal, right: Seal): string | undefined {
  if (seal.number !== right.number) return `says it is number ${seal.number}, after ${right.number - 1}`;
  if (seal.startLeaf !== right.startLeaf) return `begins its block at leaf ${seal.startLeaf}, not ${right.startLeaf}`;
  if (seal.count !== right.count) return `counts ${seal.count} entries where there are ${right.count}`;
  if (!same(seal.previousHash, right.previousHash)) return "does not name the seal before it";
  if (!same(seal.merkleRoot, right.merkleRoot)) return "has another root than the entries of its block";
  if (!same(seal.treeRootBefore, right.treeRootBefore)) return "has another root than the entries before it";
  return undefined;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}

function elementsOf(seal: Seal): CborValue[] {
  const { number, startLeaf, count, previousHash, merkleRoot, treeRootBefore, openedUs, sealedUs, hmac } = seal;
  const elements = [kindSeal, number, startLeaf, count, previousHash, merkleRoot, treeRootBefore, openedUs, sealedUs];
  return hmac === undefined ? elements : [...elements, hmac];
}

function sealOf(content: CborValue): Seal | undefined {
  if (!Array.isArray(content) || content.length < 9 || content.length > 10) return undefined;
  const [kind, number, startLeaf, count, previousHash, merkleRoot, treeRootBefore, openedUs, sealedUs, hmac] =
    content as readonly CborValue[];
  const valid =
    kind === kindSeal &&
    isUint(number) &&
    isUint(startLeaf) &&
    isUint(count) &&
    count > 0 &&
    isBytes(previousHash, hashBytes) &&
    isBytes(merkleRoot, hashBytes) &&
    isBytes(treeRootBefore, hashBytes) &&
    isUint(openedUs) &&
    isUint(sealedUs) &&
    (hmac === undefined || isBytes(hmac, hashBytes));
  if (!valid) return undefined;
  return { number, startLeaf, count, previousHash, merkleRoot, treeRootBefore, openedUs, sealedUs, hmac };
}

/** A number stays exact; beyond that the codec gives bigints. */
function isUint(value: CborValue | undefined): value is number {
  return typeof value === "number" && value >= 0;
}

function isBytes(value: CborValue | undefined, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}
