/** What leaves quarantine without entering the ledger, as the ledger tells it. */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry } from "../ledger/types.ts";

export interface QuarantineRemoval {
  /** The device that the messages claimed to be of. */
  readonly deviceId: string;
  /** Number of the message; undefined where all of the device went. */
  readonly quarantineId: number | undefined;
  readonly count: number;
  /** Why it was in quarantine. */
  readonly reason: string | undefined;
  /** The operator who decided. */
  readonly by: string | undefined;
}

export function removedEntry(
  { deviceId, quarantineId, count, reason, by }: QuarantineRemoval,
  receivedUs: number,
): EventEntry {
  const body = new Map<string, CborValue>([
    ["id", deviceId],
    ["count", count],
  ]);
  if (quarantineId !== undefined) body.set("quarantine_id", quarantineId);
  if (reason !== undefined) body.set("reason", reason);
  if (by !== undefined) body.set("by", by);
  return { kind: "event", type: "quarantine.removed", receivedUs, body };
}

/** Messages that were older than ingest.quarantine.maxAgeDays. */
export function expiredEntry(count: number, receivedUs: number): EventEntry {
  return { kind: "event", type: "quarantine.expired", receivedUs, body: new Map([["count", count]]) };
}
