import { GatewayError } from "../../src/errors.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { decodeEntry, encodeEntry } from "../../src/ledger/entry.ts";
import { type EventView, eventDevice, eventView } from "../../src/ledger/event-view.ts";
import type { EventEntry, LedgerPort } from "../../src/ledger/types.ts";
import type { EventQuery, EventService } from "../http/services.ts";

/** Enough of an event to find it by; the rest is read from the ledger when somebody asks. */
interface Noted {
  readonly leafIndex: number;
  readonly type: string;
  readonly receivedUs: number;
  readonly deviceId: string | undefined;
}

/** Writes single events, which are rare, into the ledger, and knows where those before it are. */
export class EventLog implements EventService {
  readonly #ledger: LedgerPort;
  /** In the order of the ledger. */
  readonly #noted: Noted[] = [];

  constructor(ledger: LedgerPort) {
    this.#ledger = ledger;
  }

  /** Resolves with the leaf index once the event is durable. @throws GatewayError as LedgerPort.append */
  append(event: EventEntry): Promise<number> {
    const batch = entryBatch([encodeEntry(event)], true);
    return new Promise((resolve, reject) => {
      const index = this.#ledger.append(batch, (error) => {
        if (error) return reject(error);
        this.replay(event, index);
        resolve(index);
      });
    });
  }

  /** Notes an event that the ledger has. */
  replay({ type, receivedUs, body }: EventEntry, leafIndex: number): void {
    this.#noted.push({ leafIndex, type, receivedUs, deviceId: eventDevice(body) });
  }

  async list(query: EventQuery): Promise<{ readonly data: readonly EventView[]; readonly next: string | null }> {
    const found = this.#find(query, query.limit + 1);
    const page = found.slice(0, query.limit);
    const data = await Promise.all(page.map(({ leafIndex }) => this.#view(leafIndex)));
    return { data, next: found.length > query.limit ? String(page.at(-1)!.leafIndex) : null };
  }

  #find({ type, device, from, to, cursor, order }: EventQuery, limit: number): Noted[] {
    const ascending = order === "asc";
    const after = cursor === undefined ? undefined : Number(cursor);
    if (after !== undefined && !Number.isSafeInteger(after))
      throw new GatewayError("REQUEST_INVALID", "cursor is not one that this list gave out");
    const matches = (noted: Noted): boolean =>
      (after === undefined || (ascending ? noted.leafIndex > after : noted.leafIndex < after)) &&
      (type === undefined || isOfType(noted.type, type)) &&
      (device === undefined || noted.deviceId === device) &&
      (from === undefined || noted.receivedUs >= from.getTime() * 1000) &&
      (to === undefined || noted.receivedUs < to.getTime() * 1000);
    const found: Noted[] = [];
    const last = this.#noted.length - 1;
    for (let step = 0; step <= last && found.length < limit; step++) {
      const noted = this.#noted[ascending ? step : last - step]!;
      if (matches(noted)) found.push(noted);
    }
    return found;
  }

  async #view(leafIndex: number): Promise<EventView> {
    const bytes = await this.#ledger.readEntry(leafIndex);
    const entry = bytes && decodeEntry(bytes);
    if (entry?.ok && entry.value.kind === "event") return eventView(entry.value, leafIndex);
    throw new GatewayError("JOURNAL_CORRUPT", `leaf ${leafIndex} was an event and is none now`);
  }
}

/** `device` stands for all of `device.…`. */
export function isOfType(type: string, wanted: string): boolean {
  return type === wanted || type.startsWith(`${wanted}.`);
}
