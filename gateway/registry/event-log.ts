import { entryBatch } from "../../src/ledger/bundle.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";
import type { EventEntry, LedgerPort } from "../../src/ledger/types.ts";

/** Writes single events, which are rare, into the ledger. */
export class EventLog {
  readonly #ledger: LedgerPort;

  constructor(ledger: LedgerPort) {
    this.#ledger = ledger;
  }

  /** Resolves with the leaf index once the event is durable. @throws GatewayError as LedgerPort.append */
  append(event: EventEntry): Promise<number> {
    const batch = entryBatch([encodeEntry(event)], true);
    return new Promise((resolve, reject) => {
      const index = this.#ledger.append(batch, (error) => (error ? reject(error) : resolve(index)));
    });
  }
}
