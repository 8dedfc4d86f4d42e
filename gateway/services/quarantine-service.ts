import { GatewayError } from "../../src/errors.ts";
import { removedEntry } from "../../src/ingest/quarantine-events.ts";
import { eventEntry } from "../../src/registry/events.ts";
import type { Decider, QuarantineItem, QuarantineService } from "../http/services.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { QuarantineLog } from "../ingest/quarantine-log.ts";
import type { EventLog } from "../registry/event-log.ts";

export interface QuarantineDeskOptions {
  readonly log: QuarantineLog;
  readonly ingest: Ingest;
  readonly events: EventLog;
  readonly nowUs: () => number;
}

/** What an operator may do with quarantined messages. */
export class QuarantineDesk implements QuarantineService {
  readonly #options: QuarantineDeskOptions;

  constructor(options: QuarantineDeskOptions) {
    this.#options = options;
  }

  list({
    limit,
    cursor,
    reason,
    device,
  }: Parameters<QuarantineService["list"]>[0]): ReturnType<QuarantineService["list"]> {
    const after = cursor === undefined ? -1 : Number(cursor);
    if (!Number.isSafeInteger(after))
      throw new GatewayError("REQUEST_INVALID", "cursor is not one that this list gave out");
    const matches = (item: QuarantineItem): boolean =>
      (reason === undefined || item.reason === reason) && (device === undefined || item.deviceId === device);
    const found = this.#options.log.list(limit + 1, after, matches);
    const data = found.slice(0, limit);
    return { data, next: found.length > limit ? String(data.at(-1)!.id) : null };
  }

  find(id: number): QuarantineItem | undefined {
    return this.#options.log.find(id);
  }

  async payload(id: number): Promise<Uint8Array | undefined> {
    return (await this.#options.log.read(id))?.upload.payload;
  }

  async release(id: number, by?: Decider): Promise<{ leafIndex: number }> {
    const { log, ingest, events, nowUs } = this.#options;
    const held = await log.read(id);
    if (!held) throw notFound(id);
    const outcome = await ingest.resubmit(held.upload, held.receivedUs);
    if (outcome.kind === "quarantined" || outcome.kind === "rejected") {
      throw new GatewayError("RELEASE_REFUSED", `message ${id} is still refused: ${outcome.reason}`, {
        details: { reason: outcome.reason },
      });
    }
    // A crash before this leaves the item in quarantine; releasing it again finds the entry as a duplicate.
    const { leafIndex } = outcome;
    const event = { type: "quarantine.released", id: held.upload.deviceId, quarantineId: id, leafIndex } as const;
    await events.append(eventEntry(event, nowUs(), by));
    await log.end(id, "released");
    return { leafIndex };
  }

  /** An entry of the ledger first: nothing goes without a word. */
  async remove(id: number, by?: Decider): Promise<void> {
    const { log, events, nowUs } = this.#options;
    const item = log.find(id);
    if (!item) throw notFound(id);
    const { deviceId, reason } = item;
    await events.append(removedEntry({ deviceId, quarantineId: id, count: 1, reason, by }, nowUs()));
    await log.end(id, "removed");
  }

  /** Everything that claimed to be of a device, with one entry for all of it. */
  async removeAllOf(deviceId: string, by: Decider): Promise<void> {
    const { log, events, nowUs } = this.#options;
    const items = log.list(Number.POSITIVE_INFINITY, -1, (item) => item.deviceId === deviceId);
    if (items.length === 0) return;
    const removal = { deviceId, quarantineId: undefined, count: items.length, reason: undefined, by };
    await events.append(removedEntry(removal, nowUs()));
    for (const { id } of items) await log.end(id, "removed");
  }
}

function notFound(id: number): GatewayError {
  return new GatewayError("QUARANTINE_NOT_FOUND", `no message ${id} in quarantine`);
}
