/** The conservation law in numbers: received = stored + duplicate + quarantined + rejected + still in flight, per transport. */
import { type Transport, transports } from "../../src/ingest/upload.ts";
import type { QuarantineReason, RejectReason } from "../../src/rejects.ts";
import type { TransportCounts } from "../http/services.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type Settled = "stored" | "duplicate" | "quarantined" | "rejected";

const zero = (): Mutable<TransportCounts> => ({ received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0 });

export class Counters {
  readonly byTransport = Object.fromEntries(transports.map((name) => [name, zero()])) as Record<
    Transport,
    Mutable<TransportCounts>
  >;
  readonly quarantineReasons: Partial<Record<QuarantineReason, number>> = {};
  readonly rejectReasons: Partial<Record<RejectReason, number>> = {};
  /** From taking an upload in until its outcome, before the acknowledgement is written. */
  readonly latency = new LatencyHistogram();
  /** Uploads that could not be committed and were not acknowledged; the device sends them again. */
  unacknowledged = 0;

  received(transport: Transport): void {
    this.byTransport[transport].received++;
  }

  settled(transport: Transport, how: Settled): void {
    this.byTransport[transport][how]++;
  }

  /** Given back to the sender without an outcome, as if it had never come. */
  returned(transport: Transport): void {
    this.byTransport[transport].received--;
    this.unacknowledged++;
  }

  quarantined(reason: QuarantineReason): void {
    this.quarantineReasons[reason] = (this.quarantineReasons[reason] ?? 0) + 1;
  }

  rejected(reason: RejectReason): void {
    this.rejectReasons[reason] = (this.rejectReasons[reason] ?? 0) + 1;
  }

  get total(): TransportCounts {
    const sum = zero();
    for (const counts of Object.values(this.byTransport)) {
      for (const key of Object.keys(sum) as (keyof TransportCounts)[]) sum[key] += counts[key];
    }
    return sum;
  }
}
