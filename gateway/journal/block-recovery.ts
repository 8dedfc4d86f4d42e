import { GatewayError } from "../../src/errors.ts";
import { OpenBlock } from "../../src/ledger/block.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { decodeSeal, looksLikeSeal, type SignedSeal } from "../../src/ledger/seal.ts";
import { forEachEntry } from "./frame.ts";
import type { JournalFrame } from "./journal-reader.ts";
import { leafHashesOf } from "./leaf-hashes.ts";
import type { SealVerifier } from "./seal-key.ts";

export interface ReadableLog {
  frames(from: number, to: number): AsyncIterable<JournalFrame>;
  read(index: number): Promise<Uint8Array | undefined>;
}

/** Where the search for the last seal begins: most blocks are shorter. */
const firstWindow = 1024;

/**
 * The block that is open behind the first `size` leaves: the last seal among them, and the leaves after it.
 * @throws GatewayError JOURNAL_CORRUPT when that seal is none
 */
export async function openBlockAt(
  log: Pick<ReadableLog, "frames">,
  size: number,
  seals: Pick<SealVerifier, "flawOf">,
): Promise<OpenBlock> {
  let block = await behindLastSeal(log, size, seals);
  for await (const frame of log.frames(block.startLeaf, size)) block = block.with(leafHashesOf(frame));
  return block;
}

async function behindLastSeal(
  log: Pick<ReadableLog, "frames">,
  size: number,
  seals: Pick<SealVerifier, "flawOf">,
): Promise<OpenBlock> {
  for (let window = firstWindow; ; window *= 4) {
    const from = Math.max(0, size - window);
    let last: { leaf: Uint8Array; leafIndex: number } | undefined;
    for await (const { firstLeaf, bundle } of log.frames(from, size)) {
      forEachEntry(bundle, (entry, index) => {
        if (looksLikeSeal(entry)) last = { leaf: Uint8Array.from(entry), leafIndex: firstLeaf + index };
      });
    }
    if (last !== undefined) return behind(last.leaf, last.leafIndex, seals);
    if (from === 0) return OpenBlock.first();
  }
}

function behind(leaf: Uint8Array, leafIndex: number, seals: Pick<SealVerifier, "flawOf">): OpenBlock {
  const decoded = decodeSeal(leaf);
  const flaw = decoded.ok ? flawOf(decoded.value, leafIndex, seals) : `is none: ${decoded.detail}`;
  if (decoded.ok && flaw === undefined) return OpenBlock.behind(decoded.value.seal, leaf);
  throw new GatewayError("JOURNAL_CORRUPT", `the seal at leaf ${leafIndex} ${flaw}`, { details: { leafIndex } });
}

function flawOf(signed: SignedSeal, leafIndex: number, seals: Pick<SealVerifier, "flawOf">): string | undefined {
  const { startLeaf, count } = signed.seal;
  return startLeaf + count === leafIndex ? seals.flawOf(signed) : `closes a block at leaf ${startLeaf + count}`;
}

/** When a block's first leaf came, as the leaf itself says; undefined for one that no decoder takes. */
export async function arrivalOf(log: ReadableLog, leafIndex: number): Promise<number | undefined> {
  const leaf = await log.read(leafIndex);
  const entry = leaf && decodeEntry(leaf);
  return entry?.ok && "receivedUs" in entry.value ? entry.value.receivedUs : undefined;
}
