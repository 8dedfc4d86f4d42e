/**
 * The receipt that a device gets for a stored message: "this is leaf so-and-so of the log, and on disk". A COSE_Sign1
 * (see cose-sign1.ts) over deterministic CBOR `[4, device, seq, msg_id, leaf_index, leaf_hash, tree_size]`, small enough
 * for one LoRa packet. It is the gateway's word; a proof against a checkpoint is what needs no trust in the gateway.
 * Layout: protocol/spec.ts; docs/adr/0060-receipts-to-devices.md
 */
import { type MapField, receipt as spec } from "../../protocol/spec.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../codec/cbor.ts";
import { decodeCoseSign1, encodeCoseSign1 } from "../codec/cose-sign1.ts";
import { verifyEd25519 } from "../codec/ed25519.ts";
import { deviceIdPattern } from "../registry/device.ts";
import { accept, type Result, refuse } from "../result.ts";

export interface Receipt {
  /** Registry id. */
  readonly device: string;
  /** As in the message; a bigint from 2^53 on. */
  readonly seq: number | bigint;
  /** 16 bytes. */
  readonly msgId: Uint8Array;
  readonly leafIndex: number;
  /** 32 bytes, RFC 6962. */
  readonly leafHash: Uint8Array;
  /** Leaves that were on disk when it was signed: more than `leafIndex`. */
  readonly treeSize: number;
}

/** A receipt as its bytes say it; who signed it is still to be checked. */
export interface SignedReceipt {
  readonly receipt: Receipt;
  /** What `signature` covers. */
  readonly signedBytes: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

const { kind, fields } = spec;
const elements = Object.keys(fields).length;

/** @param sign Ed25519 of the bytes it is given */
export function encodeReceipt(receipt: Receipt, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const { device, seq, msgId, leafIndex, leafHash, treeSize } = receipt;
  return encodeCoseSign1(encodeCbor([kind, device, seq, msgId, leafIndex, leafHash, treeSize]), sign);
}

/** Total. Deterministic encoding only, so a receipt has one form. */
export function decodeReceipt(bytes: Uint8Array): Result<SignedReceipt, "RECEIPT_MALFORMED"> {
  if (bytes.length > spec.maxBytes) return malformed(`${bytes.length} bytes, more than ${spec.maxBytes}`);
  const message = decodeCoseSign1(bytes);
  if (!message.ok) return malformed(message.detail);
  const { payload, signedBytes, signature } = message.value;
  const content = decodeCbor(payload);
  const receipt = content.ok ? receiptOf(content.value) : undefined;
  if (receipt === undefined) return malformed("the payload is not that of a receipt");
  return accept({ receipt, signedBytes, signature });
}

/** Total. @param publicKey 32 bytes, of the gateway's receipt key */
export function verifyReceipt(
  bytes: Uint8Array,
  publicKey: Uint8Array,
): Result<Receipt, "RECEIPT_MALFORMED" | "RECEIPT_SIGNATURE_INVALID"> {
  const decoded = decodeReceipt(bytes);
  if (!decoded.ok) return decoded;
  const { receipt, signedBytes, signature } = decoded.value;
  if (verifyEd25519(signature, signedBytes, publicKey)) return accept(receipt);
  return refuse("RECEIPT_SIGNATURE_INVALID", "the signature is not that of the receipt key");
}

function receiptOf(content: CborValue): Receipt | undefined {
  if (!Array.isArray(content) || content.length !== elements) return undefined;
  const [first, device, seq, msgId, leafIndex, leafHash, treeSize] = content as readonly CborValue[];
  const valid =
    first === kind &&
    typeof device === "string" &&
    deviceIdPattern.test(device) &&
    isUint(seq) &&
    isBytes(msgId, fields.msgId) &&
    isIndex(leafIndex) &&
    isBytes(leafHash, fields.leafHash) &&
    isIndex(treeSize) &&
    treeSize > leafIndex;
  return valid ? { device, seq, msgId, leafIndex, leafHash, treeSize } : undefined;
}

/** No CBOR integer is over 64 bits. */
function isUint(value: CborValue | undefined): value is number | bigint {
  return (typeof value === "number" || typeof value === "bigint") && value >= 0;
}

/** A number stays exact; beyond that the codec gives bigints, and no log is that long. */
function isIndex(value: CborValue | undefined): value is number {
  return typeof value === "number" && value >= 0;
}

function isBytes(value: CborValue | undefined, { bytes }: MapField): value is Uint8Array {
  return value instanceof Uint8Array && value.length === bytes;
}

function malformed(detail: string) {
  return refuse("RECEIPT_MALFORMED", detail);
}
