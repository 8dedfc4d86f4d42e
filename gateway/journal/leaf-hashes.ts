import { GatewayError } from "../../src/errors.ts";
import { hashBytes, leafHashInto } from "../../src/ledger/merkle.ts";
import { forEachEntry } from "./frame.ts";
import type { JournalFrame } from "./journal-reader.ts";

/** RFC 6962 leaf hashes of a frame's entries, 32 bytes each. @throws GatewayError JOURNAL_CORRUPT if it has not `count` */
export function leafHashesOf({ firstLeaf, count, bundle }: JournalFrame): Buffer {
  const hashes = Buffer.allocUnsafe(count * hashBytes);
  const entries = forEachEntry(bundle, (entry, index) => {
    if (index < count) leafHashInto(entry, hashes, index * hashBytes);
  });
  if (entries === count) return hashes;
  throw new GatewayError("JOURNAL_CORRUPT", `leaf ${firstLeaf}: the frame does not divide into its ${count} entries`);
}
