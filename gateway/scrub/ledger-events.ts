import { GatewayError } from "../../src/errors.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { endOf, isOrder, type RemovalOrder, removalEvent } from "../../src/ledger/removal.ts";
import type { Tombstone } from "../../src/ledger/tombstone.ts";
import { registryEvent } from "../../src/registry/events.ts";
import type { FilePort } from "../journal/file-port.ts";
import { forEachEntry } from "../journal/frame.ts";
import { JournalReader } from "../journal/journal-reader.ts";
import type { DatedEvent } from "../store/entry-encoder.ts";

export interface LoggedEvent extends DatedEvent {
  readonly leafIndex: number;
}

/** What the log says about readings that were taken out of it, and about devices. */
export class LedgerEvents {
  readonly #files: FilePort;
  readonly #journalDir: string;
  readonly #orders = new Map<number, RemovalOrder>();
  /** By order: the leaf that says it was carried out. */
  readonly #done = new Map<number, number>();
  readonly #registry: LoggedEvent[] = [];
  #read = 0;
  #unreadable = false;

  constructor(files: FilePort, journalDir: string) {
    this.#files = files;
    this.#journalDir = journalDir;
  }

  /** Reads what has been written since. @param durableSize of the log */
  async readOn(durableSize: number): Promise<void> {
    if (this.#unreadable) return;
    const reader = new JournalReader(this.#journalDir, this.#files);
    try {
      for await (const { firstLeaf, bundle } of reader.controlFrames(this.#read, durableSize)) {
        forEachEntry(bundle, (bytes, index) => this.#note(bytes, firstLeaf + index));
      }
      this.#read = durableSize;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // The damage is reported where it is; nothing is accused for want of an order that may be there.
      this.#unreadable = true;
    } finally {
      await reader.close();
    }
  }

  /** Whether the log has ordered that this leaf be taken out. */
  explain(leafIndex: number, { order }: Tombstone): boolean {
    const found = this.#orders.get(order);
    return found === undefined ? this.#unreadable : leafIndex < endOf(found);
  }

  /** Whether the database is to have lost the reading too, once it has all entries before `copied`. */
  areErased({ order }: Tombstone, copied: number): boolean {
    const done = this.#done.get(order);
    return this.#orders.get(order)?.event.type === "device.erasure_ordered" && done !== undefined && done < copied;
  }

  /** Decisions about devices, in the entries before `copied`, oldest first; undefined where the log cannot be read. */
  registryEvents(copied: number): readonly LoggedEvent[] | undefined {
    return this.#unreadable ? undefined : this.#registry.filter(({ leafIndex }) => leafIndex < copied);
  }

  #note(bytes: Uint8Array, leafIndex: number): void {
    const entry = decodeEntry(bytes);
    if (!entry.ok || entry.value.kind !== "event") return;
    const { receivedUs } = entry.value;
    const registered = registryEvent(entry.value);
    if (registered !== undefined) this.#registry.push({ leafIndex, event: registered, receivedUs });
    const event = removalEvent(entry.value);
    if (event === undefined) return;
    if (isOrder(event)) this.#orders.set(leafIndex, { leafIndex, event });
    else this.#done.set(event.order, leafIndex);
  }
}
