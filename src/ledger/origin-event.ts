/** The first entry of a ledger that was begun because another one could not go on: what came before it. */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry } from "./types.ts";

export interface OriginBegun {
  readonly origin: string;
  readonly previousOrigin: string;
  /** Size and root of the newest checkpoint in the ledger that was ended, where there was one that its keys have signed. */
  readonly previous: { readonly size: number; readonly root: Uint8Array } | undefined;
  /** The operator's. */
  readonly reason: string;
}

export function originBegun({ origin, previousOrigin, previous, reason }: OriginBegun, receivedUs: number): EventEntry {
  const body = new Map<string, CborValue>([
    ["origin", origin],
    ["previous_origin", previousOrigin],
    ["reason", reason],
  ]);
  if (previous) body.set("previous_size", previous.size).set("previous_root", previous.root);
  return { kind: "event", type: "ledger.origin_begun", receivedUs, body };
}
