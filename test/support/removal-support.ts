import type { Ledger } from "../../gateway/journal/ledger.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";

/** The leaf of a reading with any payload, received a millisecond after the one before. */
export function readingLeaf(deviceId: string, seq: number, payload: Uint8Array): Uint8Array {
  return encodeEntry({
    kind: "reading",
    payload,
    receivedUs: 1_760_000_000_000_000 + seq * 1000,
    keyEpoch: 1,
    deviceId,
    format: "envelope",
    source: "mqtt",
    firmware: "",
  });
}

/** Resolves with the index of the first entry once all are durable. */
export function record(ledger: Ledger, leaves: readonly Uint8Array[], control: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const first = ledger.append(entryBatch(leaves, control), (error) => (error ? reject(error) : resolve(first)));
  });
}
