/** What the scrub finds, as the ledger keeps it. */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry } from "./types.ts";

/** Where something was wrong. Only the journal is more than a copy: the others are written anew from it. */
export const scrubParts = ["journal", "hashes", "offsets", "checkpoint", "database"] as const;
export type ScrubPart = (typeof scrubParts)[number];

export interface ScrubFinding {
  readonly part: ScrubPart;
  /** In words, without values of readings. */
  readonly what: string;
  /** The first leaf that it is about. */
  readonly leafIndex: number;
  /** Entries, hashes or rows that it is about. */
  readonly count: number;
  readonly repaired: boolean;
}

export type ScrubEvent =
  | { readonly type: "ledger.finding" | "ledger.repaired"; readonly finding: ScrubFinding }
  /** A whole pass did not meet it any more. */
  | { readonly type: "ledger.finding_closed"; readonly entry: number };

/** `ledger.repaired` where it was put right, else `ledger.finding`. */
export function findingEntry({ part, what, leafIndex, count, repaired }: ScrubFinding, receivedUs: number): EventEntry {
  const body = new Map<string, CborValue>([
    ["part", part],
    ["what", what],
    ["leaf_index", leafIndex],
    ["count", count],
  ]);
  return { kind: "event", type: repaired ? "ledger.repaired" : "ledger.finding", receivedUs, body };
}

/** @param entry leaf index of the `ledger.finding` */
export function closedEntry(entry: number, receivedUs: number): EventEntry {
  return { kind: "event", type: "ledger.finding_closed", receivedUs, body: new Map([["finding", entry]]) };
}

/** Total. @returns undefined for any other event */
export function scrubEvent({ type, body }: EventEntry): ScrubEvent | undefined {
  if (type === "ledger.finding_closed") {
    const entry = body.get("finding");
    return typeof entry === "number" ? { type, entry } : undefined;
  }
  if (type !== "ledger.finding" && type !== "ledger.repaired") return undefined;
  const [what, leafIndex, count] = [body.get("what"), body.get("leaf_index"), body.get("count")];
  const part = scrubParts.find((part) => part === body.get("part"));
  if (part === undefined || typeof what !== "string" || typeof leafIndex !== "number" || typeof count !== "number")
    return undefined;
  return { type, finding: { part, what, leafIndex, count, repaired: type === "ledger.repaired" } };
}
