import { decodeEntry } from "../../src/ledger/entry.ts";
import { forEachEntry } from "../journal/frame.ts";
import type { JournalFrame } from "../journal/journal-reader.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { Registry } from "./registry.ts";

/** Bring the registry to where the ledger is. */
export async function replayEvents(ledger: Ledger, registry: Registry): Promise<void> {
  const visit = ({ bundle }: JournalFrame): void => {
    forEachEntry(bundle, (bytes) => {
      const entry = decodeEntry(bytes);
      if (entry.ok && entry.value.kind === "event") registry.replay(entry.value);
    });
  };
  await ledger.replay(0, ledger.durableSize, visit, { controlOnly: true });
}
