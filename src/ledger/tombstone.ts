/**
 * What stands in the journal where a reading was taken out: deterministic CBOR `[0, leaf_hash, order]`. It carries the hash
 * that the leaf had, so that the tree and every proof stay as they are, and the leaf index of the entry that ordered the
 * removal. No leaf is ever of kind 0. docs/adr/0070-tombstones.md
 */
import { encodeCbor } from "../codec/cbor.ts";
import { CborCursor } from "../codec/cbor-cursor.ts";
import { hashBytes } from "./hash.ts";

export interface Tombstone {
  /** Of the leaf that stood here, 32 bytes. */
  readonly leafHash: Uint8Array;
  /** Leaf index of the order. */
  readonly order: number;
}

/** An array of three, 0, a byte string of 32. */
const prefix = [0x83, 0x00, 0x58, 0x20] as const;

export function encodeTombstone({ leafHash, order }: Tombstone): Uint8Array {
  return encodeCbor([0, leafHash, order]);
}

/** Total. @returns undefined for a leaf that is still there */
export function tombstoneIn(entry: Uint8Array): Tombstone | undefined {
  const leafHash = removedLeafHash(entry);
  if (leafHash === undefined) return undefined;
  const cursor = new CborCursor(entry, prefix.length + hashBytes);
  if (cursor.head() !== 0 || cursor.position !== entry.length) return undefined;
  const order = cursor.high * 2 ** 32 + cursor.low;
  return Number.isSafeInteger(order) ? { leafHash, order } : undefined;
}

/** The hash that a tombstone carries, a view of it; undefined for a leaf that is still there. */
export function removedLeafHash(entry: Uint8Array): Uint8Array | undefined {
  return isRemoved(entry) ? entry.subarray(prefix.length, prefix.length + hashBytes) : undefined;
}

/** Whether a leaf begins like a tombstone. Cheap: every leaf read passes here. @param bytes hold it from `start` to `end` */
export function isRemoved(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  return (
    bytes[start] === prefix[0] &&
    bytes[start + 1] === prefix[1] &&
    bytes[start + 2] === prefix[2] &&
    bytes[start + 3] === prefix[3] &&
    end - start > prefix.length + hashBytes
  );
}
