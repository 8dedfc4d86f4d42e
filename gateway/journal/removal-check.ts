import { decodeEntry } from "../../src/ledger/entry.ts";
import { endOf, isOrder, type RemovalOrder, removalEvent } from "../../src/ledger/removal.ts";
import { removedLeafHash, tombstoneIn } from "../../src/ledger/tombstone.ts";
import { forEachEntry } from "./frame.ts";
import type { JournalFrame } from "./journal-reader.ts";

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

/** Holds every tombstone of a log against the order that it names, and their number against what the log says of it. */
export class RemovalCheck {
  readonly #removed = new Map<number, Removed>();
  readonly #orders = new Map<number, RemovalOrder>();
  readonly #counts = new Map<number, number>();
  #flaw: RemovalFlaw | undefined;

  /** Frames in the order of the log. */
  add({ firstLeaf, control, bundle }: JournalFrame): void {
    forEachEntry(bundle, (entry, index) => {
      if (removedLeafHash(entry) !== undefined) this.#tombstone(entry, firstLeaf + index);
      else if (control) this.#event(entry, firstLeaf + index);
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

  /** The first thing that does not fit, once the whole log was added. */
  flaw(): RemovalFlaw | undefined {
    if (this.#flaw !== undefined) return this.#flaw;
    for (const [order, { count, first, last }] of this.#removed) {
      const ordered = this.#orders.get(order);
      if (ordered === undefined || last >= endOf(ordered))
        return {
          what: "its content is gone, and no entry of the log has ordered that",
          leafIndex: ordered ? last : first,
        };
      const told = this.#counts.get(order);
      if (told !== undefined && told !== count)
        return { what: `entry ${order} took out ${told} entries, but ${count} are gone for it`, leafIndex: order };
    }
    return undefined;
  }

  #tombstone(entry: Uint8Array, leafIndex: number): void {
    const order = tombstoneIn(entry)?.order;
    if (order === undefined) {
      this.#flaw ??= { what: "begins like a tombstone and is none", leafIndex };
      return;
    }
    const removed = this.#removed.get(order);
    if (removed === undefined) this.#removed.set(order, { count: 1, first: leafIndex, last: leafIndex });
    else {
      removed.count++;
      removed.last = leafIndex;
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
