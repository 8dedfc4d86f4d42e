import { GatewayError } from "../../src/errors.ts";
import { hashBytes, leafHash, leafHashInto } from "../../src/ledger/merkle.ts";
import { removedLeafHash } from "../../src/ledger/tombstone.ts";
import { forEachEntry } from "./frame.ts";
import type { JournalFrame } from "./journal-reader.ts";

/** RFC 6962 leaf hashes of a frame's entries, 32 bytes each; of those taken out, what they had. @throws GatewayError JOURNAL_CORRUPT if it has not `count` */
export function leafHashesOf({ firstLeaf, count, bundle }: JournalFrame): Buffer {
  const hashes = Buffer.allocUnsafe(count * hashBytes);
  const entries = forEachEntry(bundle, (entry, index) => {
    if (index >= count) return;
    const removed = removedLeafHash(entry);
    if (removed === undefined) leafHashInto(entry, hashes, index * hashBytes);
    else hashes.set(removed, index * hashBytes);
  });
  if (entries === count) return hashes;
  throw new GatewayError("JOURNAL_CORRUPT", `leaf ${firstLeaf}: the frame does not divide into its ${count} entries`);
}

/** The leaf hash of an entry as the journal has it: computed, or what its tombstone says it was. */
export function storedLeafHash(entry: Uint8Array): Uint8Array {
  return removedLeafHash(entry) ?? leafHash(entry);
}
