/**
 * Taking payloads out of the ledger, as the ledger itself tells it: an order, which says what is to go, and, once nothing of
 * it is left on the disk, how many leaves went. Who reads the log can so hold every tombstone against an order and a count.
 */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry, LedgerEntry } from "./types.ts";

export type RemovalEvent =
  /** Every reading of the device before this entry is to go. */
  | { readonly type: "device.erasure_ordered"; readonly id: string }
  /** @see RemovalDone */
  | ({ readonly type: "device.payloads_erased"; readonly id: string } & RemovalDone)
  /** Every reading before the leaf `before` is to go. */
  | { readonly type: "ledger.pruning_ordered"; readonly before: number }
  | ({ readonly type: "ledger.payloads_pruned"; readonly before: number } & RemovalDone);

/** Of all that an order covers, this many leaves were taken out for it. */
interface RemovalDone {
  /** Leaf index of the order. */
  readonly order: number;
  readonly count: number;
}

/** @param by the operator who ordered it; undefined where the gateway did by itself */
export function removalEntry(event: RemovalEvent, receivedUs: number, by?: string): EventEntry {
  const body = new Map<string, CborValue>();
  if ("id" in event) body.set("id", event.id);
  if ("before" in event) body.set("before", event.before);
  if ("order" in event) body.set("order", event.order).set("count", event.count);
  if (by !== undefined) body.set("by", by);
  return { kind: "event", type: event.type, receivedUs, body };
}

/** Total. @returns undefined for any other event */
export function removalEvent({ type, body }: EventEntry): RemovalEvent | undefined {
  const [id, before, order, count] = [body.get("id"), uint(body, "before"), uint(body, "order"), uint(body, "count")];
  switch (type) {
    case "device.erasure_ordered":
      return typeof id === "string" ? { type, id } : undefined;
    case "device.payloads_erased":
      return typeof id === "string" && order !== undefined && count !== undefined
        ? { type, id, order, count }
        : undefined;
    case "ledger.pruning_ordered":
      return before === undefined ? undefined : { type, before };
    case "ledger.payloads_pruned":
      return before === undefined || order === undefined || count === undefined
        ? undefined
        : { type, before, order, count };
    default:
      return undefined;
  }
}

/** What an order takes out. */
export interface RemovalOrder {
  /** Leaf index of its entry. */
  readonly leafIndex: number;
  readonly event: Extract<RemovalEvent, { type: "device.erasure_ordered" | "ledger.pruning_ordered" }>;
}

export function isOrder(event: RemovalEvent): event is RemovalOrder["event"] {
  return event.type === "device.erasure_ordered" || event.type === "ledger.pruning_ordered";
}

/** The first leaf that an order leaves alone. */
export function endOf({ leafIndex, event }: RemovalOrder): number {
  return event.type === "ledger.pruning_ordered" ? Math.min(event.before, leafIndex) : leafIndex;
}

/** Whether an order takes out this entry. Only readings ever go: decisions and seals are what the rest is checked by. */
export function takesOut(order: RemovalOrder, entry: LedgerEntry, leafIndex: number): boolean {
  if (entry.kind !== "reading" || leafIndex >= endOf(order)) return false;
  return order.event.type === "ledger.pruning_ordered" || order.event.id === entry.deviceId;
}

function uint(body: Map<string, CborValue>, key: string): number | undefined {
  const value = body.get(key);
  return typeof value === "number" && value >= 0 ? value : undefined;
}
