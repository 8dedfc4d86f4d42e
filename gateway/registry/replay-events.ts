import { decodeEntry } from "../../src/ledger/entry.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { forEachEntry } from "../journal/frame.ts";
import type { Ledger } from "../journal/ledger.ts";

/** What is made from the ledger's events in their order. */
export interface EventFold {
  replay(entry: EventEntry, leafIndex: number): void;
}

/** Bring them to where the ledger is. */
export async function replayEvents(ledger: Ledger, ...folds: readonly EventFold[]): Promise<void> {
  for await (const { firstLeaf, bundle } of ledger.controlFrames(0, ledger.durableSize)) {
    forEachEntry(bundle, (bytes, index) => {
      const entry = decodeEntry(bytes);
      if (!entry.ok || entry.value.kind !== "event") return;
      for (const fold of folds) fold.replay(entry.value, firstLeaf + index);
    });
  }
}
