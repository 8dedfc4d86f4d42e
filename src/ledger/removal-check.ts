import { forEachPlace } from "./bundle-entries.ts";
import { decodeEntry, looksLikeEvent } from "./entry.ts";
import { endOf, isOrder, type RemovalOrder, removalEvent } from "./removal.ts";
import { isRemoved, tombstoneIn } from "./tombstone.ts";

/** Consecutive entries, in bundle encoding. */
interface EntryRun {
  readonly firstLeaf: number;
  /** False when none of them is an event. */
  readonly control: boolean;
  readonly bundle: Uint8Array;
}

/** A tombstone that no order explains, or too many of them. */
interface RemovalFlaw {
  readonly what: string;
  readonly leafIndex: number;
}

interface Removed {
  count: number;
  readonly first: number;
  last: number;
}

/** What was seen of a run of the log, as plain data. */
export interface RemovalRecord {
  /** By order: how many, and from which leaf to which. */
  readonly removed: readonly (readonly [order: number, count: number, first: number, last: number])[];
  readonly orders: readonly RemovalOrder[];
  readonly counts: readonly (readonly [order: number, count: number])[];
}

/** Holds every tombstone of a log against the order that it names, and their number against what the log says of it. */
export class RemovalCheck {
  readonly #removed = new Map<number, Removed>();
  readonly #orders = new Map<number, RemovalOrder>();
  readonly #counts = new Map<number, number>();
  #flaw: RemovalFlaw | undefined;

  /** In the order of the log. */
  add({ firstLeaf, control, bundle }: EntryRun): void {
    forEachPlace(bundle, (start, end, index) => {
      if (isRemoved(bundle, start, end)) this.#tombstone(bundle.subarray(start, end), firstLeaf + index);
      else if (control && looksLikeEvent(bundle, start)) this.#event(bundle.subarray(start, end), firstLeaf + index);
    });
  }

  /** Leaves without their content. @param why of which kind of order */
  count(why: RemovalOrder["event"]["type"]): number {
    let count = 0;
    for (const [order, removed] of this.#removed) {
      if (this.#orders.get(order)?.event.type === why) count += removed.count;
    }
    return count;
  }

  /** Leaves before this one may lack their content by an order of the retention policy. */
  get prunedBefore(): number {
    return Math.max(
      0,
      ...[...this.#orders.values()].map((order) => (order.event.type === "ledger.pruning_ordered" ? endOf(order) : 0)),
    );
  }

  /** The first thing that does not fit, once the log was added. @param isWhole false where runs were left out: then nothing can be counted */
  flaw(isWhole = true): RemovalFlaw | undefined {
    if (this.#flaw !== undefined) return this.#flaw;
    for (const [order, { first, last }] of this.#removed) {
      const ordered = this.#orders.get(order);
      if (ordered !== undefined && last < endOf(ordered)) continue;
      const what = "its content is gone, and no entry of the log has ordered that";
      return { what, leafIndex: ordered ? last : first };
    }
    if (!isWhole) return undefined;
    for (const [order, { count }] of this.#removed) {
      const told = this.#counts.get(order);
      if (told !== undefined && told !== count)
        return { what: `entry ${order} took out ${told} entries, but ${count} are gone for it`, leafIndex: order };
    }
    return undefined;
  }

  /** What was seen, to be absorbed elsewhere; undefined when something of it is wrong by itself. */
  get record(): RemovalRecord | undefined {
    if (this.#flaw !== undefined) return undefined;
    return {
      removed: [...this.#removed].map(([order, { count, first, last }]) => [order, count, first, last]),
      orders: [...this.#orders.values()],
      counts: [...this.#counts],
    };
  }

  /** As adding the run that the record is of, which follows what was added so far. */
  absorb({ removed, orders, counts }: RemovalRecord): void {
    for (const [order, count, first, last] of removed) this.#removedFor(order, count, first, last);
    for (const order of orders) this.#orders.set(order.leafIndex, order);
    for (const [order, count] of counts) this.#counts.set(order, count);
  }

  #tombstone(entry: Uint8Array, leafIndex: number): void {
    const order = tombstoneIn(entry)?.order;
    if (order === undefined) {
      this.#flaw ??= { what: "begins like a tombstone and is none", leafIndex };
      return;
    }
    this.#removedFor(order, 1, leafIndex, leafIndex);
  }

  #removedFor(order: number, count: number, first: number, last: number): void {
    const removed = this.#removed.get(order);
    if (removed === undefined) this.#removed.set(order, { count, first, last });
    else {
      removed.count += count;
      removed.last = last;
    }
  }

  #event(bytes: Uint8Array, leafIndex: number): void {
    const entry = decodeEntry(bytes);
    const event = entry.ok && entry.value.kind === "event" ? removalEvent(entry.value) : undefined;
    if (event === undefined) return;
    if (isOrder(event)) this.#orders.set(leafIndex, { leafIndex, event });
    else this.#counts.set(event.order, event.count);
  }
}
