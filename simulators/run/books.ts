/**
 * What the simulators know of their messages. A copy is `sent` once its bytes are handed over, and `delivered` once it is
 * certain that the gateway has it. A copy in between, on a link that was cut, may have come or not: so what the gateway
 * ought to count is a range, exact wherever every copy was acknowledged.
 */
import type { Transport } from "../../src/ingest/upload.ts";
import type { NamedLeaf } from "../links/ack.ts";
import type { Expected, Outgoing } from "../models/model.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface Entry {
  readonly message: Outgoing;
  readonly deviceId: string;
  readonly transport: Transport;
  sent: number;
  delivered: number;
}

export class Books {
  readonly #keeps: boolean;
  readonly #entries = new Map<Outgoing, Entry>();
  /** Device and leaf hash by leaf index, as acknowledgements had it. */
  readonly namedLeaves = new Map<number, { readonly deviceId: string; readonly leafHash: string }>();
  /** Milliseconds from handing over to the acknowledgement. */
  readonly latencies: number[] = [];
  /** Messages that never left their device. */
  lost = 0;
  /** Frames in the messages whose frames are counted. */
  frames = 0;
  /** Copies handed over. */
  copies = 0;

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** @param keeps false for devices that live without end, and whom nobody will call to account */
  constructor({ keeps = true }: { keeps?: boolean } = {}) {
    this.#keeps = keeps;
  }

  sent(message: Outgoing, deviceId: string, transport: Transport): void {
    this.copies++;
    this.frames += message.frames ?? 0;
    if (!this.#keeps) return;
    const known = this.#entries.get(message);
    if (known) known.sent++;
    else this.#entries.set(message, { message, deviceId, transport, sent: 1, delivered: 0 });
  }

  /** @param ackMs from handing over to the acknowledgement, where there is one */
  delivered(message: Outgoing, ackMs?: number): void {
    if (!this.#keeps) return;
    this.#entries.get(message)!.delivered++;
    if (ackMs !== undefined) this.latencies.push(ackMs);
  }

  /** An acknowledgement says where in the ledger a message of this device is. */
  named({ leafIndex, leafHash }: NamedLeaf, deviceId: string): void {
    if (this.#keeps) this.namedLeaves.set(leafIndex, { deviceId, leafHash });
  }

  /** By transport: how often each outcome ought to have been counted. */
  expected(): Map<Transport, Map<Expected, Range>> {
    const totals = new Map<Transport, Map<Expected, Range>>();
    for (const { message, transport, sent, delivered } of this.#entries.values()) {
      const counts = totals.get(transport) ?? new Map<Expected, Range>();
      totals.set(transport, counts);
      const add = (outcome: Expected, min: number, max: number): void => {
        const so = counts.get(outcome) ?? { min: 0, max: 0 };
        counts.set(outcome, { min: so.min + min, max: so.max + max });
      };
      for (const outcome of message.expect) add(outcome, Math.min(1, delivered), Math.min(1, sent));
      for (const outcome of message.again) add(outcome, Math.max(0, delivered - 1), Math.max(0, sent - 1));
    }
    return totals;
  }
}
