/**
 * Takes the readings of a device, or those older than their keeper wants them, out of the journal. The order is an entry
 * first; then segment after segment is written anew; then an entry says how many leaves went. A gateway that is killed
 * anywhere between goes on with the order at its next start. docs/adr/0070-tombstones.md
 */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "../../src/errors.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import {
  endOf,
  isOrder,
  type RemovalEvent,
  type RemovalOrder,
  removalEntry,
  removalEvent,
  takesOut,
} from "../../src/ledger/removal.ts";
import { encodeTombstone, tombstoneIn } from "../../src/ledger/tombstone.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { forEachEntry } from "./frame.ts";
import { storedLeafHash } from "./leaf-hashes.ts";
import type { Ledger } from "./ledger.ts";
import type { JournalLogger } from "./logger.ts";
import type { Turns } from "./turns.ts";

export interface PayloadRemovalOptions {
  readonly ledger: Ledger;
  /** Writes an entry. @returns its leaf index once it is durable */
  readonly record: (event: EventEntry) => Promise<number>;
  readonly nowUs: () => number;
  readonly turns: Turns;
  readonly log: JournalLogger;
}

export interface RemovalState {
  readonly order: number;
  /** Leaves taken out; undefined while that is under way. */
  readonly count: number | undefined;
}

/** It works and rests for so long in turn: others come first. */
const stretchMs = 5;
/** Retention moves in steps of entry bundles: a bundle is there, or it is not. */
const bundleLeaves = 256;

export class PayloadRemoval {
  readonly #options: PayloadRemovalOptions;
  readonly #orders = new Map<number, RemovalOrder["event"]>();
  readonly #counts = new Map<number, number>();
  /** The newest order for each device. */
  readonly #erasures = new Map<string, number>();
  #stopped = false;
  #stretchStart = performance.now();

  private constructor(options: PayloadRemovalOptions) {
    this.#options = options;
  }

  /** Reads the orders that the ledger has. */
  static async open(options: PayloadRemovalOptions): Promise<PayloadRemoval> {
    const removal = new PayloadRemoval(options);
    for await (const { firstLeaf, bundle } of options.ledger.controlFrames(0, options.ledger.durableSize)) {
      forEachEntry(bundle, (bytes, index) => {
        const entry = decodeEntry(bytes);
        const event = entry.ok && entry.value.kind === "event" ? removalEvent(entry.value) : undefined;
        if (event !== undefined) removal.#note(event, firstLeaf + index);
      });
    }
    return removal;
  }

  /** Carries out what was ordered before the last stop. */
  async resume(): Promise<void> {
    for (const [leafIndex, event] of this.#orders) {
      if (!this.#counts.has(leafIndex)) await this.#carryOut({ leafIndex, event }, true);
    }
  }

  /** What has become of the newest order to erase a device; undefined where there was none. */
  erasureOf(id: string): RemovalState | undefined {
    const order = this.#erasures.get(id);
    return order === undefined ? undefined : { order, count: this.#counts.get(order) };
  }

  /**
   * Orders that every reading of a device so far is taken out.
   * @returns once the order is durable: nothing but time is then needed, and `done` says when that is over
   */
  async erase(id: string, by?: string): Promise<{ readonly order: number; readonly done: Promise<number> }> {
    return this.#order({ type: "device.erasure_ordered", id }, by);
  }

  /**
   * Takes out the readings that were received before `olderThanUs`.
   * @param handled entries before this one are in the database: others are kept
   * @returns how many
   */
  async prune(olderThanUs: number, handled: number): Promise<number> {
    const { ledger } = this.#options;
    const newer = Math.min(handled, await this.#firstSince(olderThanUs));
    const before = newer - (newer % bundleLeaves);
    if (before <= (await ledger.upkeep.minimumIndex())) return 0;
    return (await this.#order({ type: "ledger.pruning_ordered", before })).done;
  }

  /** Ends after the frame at hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#options.turns.take(async () => undefined);
  }

  #note(event: RemovalEvent, leafIndex: number): void {
    if (!isOrder(event)) {
      this.#counts.set(event.order, event.count);
      return;
    }
    this.#orders.set(leafIndex, event);
    if (event.type === "device.erasure_ordered") this.#erasures.set(event.id, leafIndex);
  }

  async #order(
    event: RemovalOrder["event"],
    by?: string,
  ): Promise<{ readonly order: number; readonly done: Promise<number> }> {
    const { record, nowUs } = this.#options;
    const order = await record(removalEntry(event, nowUs(), by));
    this.#note(event, order);
    const done = this.#carryOut({ leafIndex: order, event }, false);
    done.catch(() => undefined);
    return { order, done };
  }

  async #carryOut(order: RemovalOrder, resumed: boolean): Promise<number> {
    const { ledger, record, nowUs, turns, log } = this.#options;
    try {
      const count = await turns.take(async () => {
        await ledger.upkeep.closeSegment();
        return this.#rewriteAll(order, resumed);
      });
      const { event, leafIndex } = order;
      const done: RemovalEvent =
        event.type === "device.erasure_ordered"
          ? { type: "device.payloads_erased", id: event.id, order: leafIndex, count }
          : { type: "ledger.payloads_pruned", before: event.before, order: leafIndex, count };
      this.#note(done, await record(removalEntry(done, nowUs())));
      log.info({ order: leafIndex, count }, "readings were taken out of the ledger");
      return count;
    } catch (error) {
      if (!this.#stopped) log.error({ err: error, order: order.leafIndex }, "readings could not be taken out yet");
      throw error;
    }
  }

  async #rewriteAll(order: RemovalOrder, resumed: boolean): Promise<number> {
    const { upkeep } = this.#options.ledger;
    const prunedBefore = order.event.type === "ledger.pruning_ordered" ? endOf(order) : 0;
    const minimum = prunedBefore > 0 && !resumed ? await upkeep.minimumIndex() : 0;
    const segments = upkeep.closedSegments();
    let count = 0;
    for (const [index, firstLeaf] of segments.entries()) {
      if (firstLeaf >= endOf(order)) break;
      // What an earlier pruning has emptied is not even read.
      const end = segments[index + 1];
      if (end !== undefined && end <= minimum) continue;
      count += await upkeep.rewrite({
        firstLeaf,
        prunedBefore,
        replace: (entry, leafIndex) => this.#tombstoneFor(order, entry, leafIndex),
        breathe: () => this.#breathe(),
      });
    }
    return count;
  }

  #tombstoneFor(order: RemovalOrder, entry: Uint8Array, leafIndex: number): Uint8Array | undefined {
    if (leafIndex >= endOf(order)) return undefined;
    const before = tombstoneIn(entry);
    // Its own from before a restart are counted again.
    if (before !== undefined) return before.order === order.leafIndex ? entry : undefined;
    const decoded = decodeEntry(entry);
    if (!decoded.ok || !takesOut(order, decoded.value, leafIndex)) return undefined;
    return encodeTombstone({ leafHash: storedLeafHash(entry), order: order.leafIndex });
  }

  /** The first leaf that came at or after a time; receive times rise but where the clock was set back. */
  async #firstSince(timeUs: number): Promise<number> {
    const { ledger } = this.#options;
    let low = 0;
    let high = ledger.durableSize;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = await this.#timeFrom(middle, high);
      if (found !== undefined && found.timeUs < timeUs) low = found.leafIndex + 1;
      else high = middle;
    }
    return low;
  }

  async #timeFrom(from: number, to: number): Promise<{ leafIndex: number; timeUs: number } | undefined> {
    for await (const { firstLeaf, bundle } of this.#options.ledger.frames(from, to)) {
      let found: { leafIndex: number; timeUs: number } | undefined;
      forEachEntry(bundle, (bytes, index) => {
        if (found !== undefined) return;
        const entry = decodeEntry(bytes);
        const timeUs = entry.ok && "receivedUs" in entry.value ? entry.value.receivedUs : undefined;
        if (timeUs !== undefined) found = { leafIndex: firstLeaf + index, timeUs };
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #breathe(): Promise<void> {
    if (this.#stopped)
      throw new GatewayError("SHUTTING_DOWN", "the gateway stops; the removal goes on when it starts again");
    if (performance.now() - this.#stretchStart < stretchMs) return;
    await sleep(stretchMs);
    this.#stretchStart = performance.now();
  }
}
