import { leafHash } from "./merkle.ts";
import type { EntryBatch } from "./types.ts";

/** A batch of entries that were not written in bundle encoding from the start: events, quarantine records. */
export function entryBatch(entries: readonly Uint8Array[], control: boolean): EntryBatch {
  const bundle = entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]);
  const leafHashes = new Uint8Array(entries.length * 32);
  for (const [index, entry] of entries.entries()) leafHashes.set(leafHash(entry), index * 32);
  return { count: entries.length, bundle, leafHashes, control };
}
