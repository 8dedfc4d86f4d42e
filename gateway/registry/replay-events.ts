import { decodeEntry } from "../../src/ledger/entry.ts";
import { forEachEntry } from "../journal/frame.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { Registry } from "./registry.ts";

/** Bring the registry to where the ledger is. */
export async function replayEvents(ledger: Ledger, registry: Registry): Promise<void> {
  for await (const { bundle } of ledger.controlFrames(0, ledger.durableSize)) {
    forEachEntry(bundle, (bytes) => {
      const entry = decodeEntry(bytes);
      if (entry.ok && entry.value.kind === "event") registry.replay(entry.value);
    });
  }
}
