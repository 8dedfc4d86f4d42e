import { GatewayError } from "../../src/errors.ts";
import { hashBytes, leafHash, leafHashWithin } from "../../src/ledger/merkle.ts";
import { isRemoved, removedLeafHash } from "../../src/ledger/tombstone.ts";
import { forEachPlace } from "./frame.ts";
import type { JournalFrame } from "./journal-reader.ts";

/** A frame that is being hashed. It grows to the largest there was. */
let scratch = Buffer.alloc(0);

/** RFC 6962 leaf hashes of a frame's entries, 32 bytes each; of those taken out, what they had. @throws GatewayError JOURNAL_CORRUPT if it has not `count` */
export function leafHashesOf({ firstLeaf, count, bundle }: JournalFrame): Buffer {
  const hashes = Buffer.allocUnsafe(count * hashBytes);
  if (scratch.length < bundle.length) scratch = Buffer.alloc(bundle.length);
  scratch.set(bundle);
  const entries = forEachPlace(bundle, (start, end, index) => {
    if (index >= count) return;
    if (isRemoved(bundle, start, end)) hashes.set(removedLeafHash(bundle.subarray(start, end))!, index * hashBytes);
    // In front of every entry is its length, which the copy does not need.
    else leafHashWithin(scratch, start, end, hashes, index * hashBytes);
  });
  if (entries === count) return hashes;
  throw new GatewayError("JOURNAL_CORRUPT", `leaf ${firstLeaf}: the frame does not divide into its ${count} entries`);
}

/** The leaf hash of an entry as the journal has it: computed, or what its tombstone says it was. */
export function storedLeafHash(entry: Uint8Array): Uint8Array {
  return removedLeafHash(entry) ?? leafHash(entry);
}
