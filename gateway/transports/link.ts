/** What main.ts, /readyz and /metrics need of a transport, whatever it speaks. */
import type { DependencyState, Listener } from "../http/services.ts";

/** Counts by one label, kept by the transport and read when somebody asks. */
export interface LinkCounter {
  /** `mycogate_…_total` */
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly read: () => Readonly<Record<string, number>>;
}

export interface Link {
  /** Its line in `/readyz`. */
  readonly name: string;
  readonly counters: readonly LinkCounter[];
  /** Never "down": a link that is away takes nothing from the rest. */
  state(): DependencyState;
  /** @throws GatewayError LISTEN_FAILED; a peer that is merely away is no reason */
  start(): Promise<readonly Listener[]>;
  /** Takes no more, and resolves when what was taken is settled and everything is closed. */
  stop(): Promise<void>;
}

/** A tally by name, in the order of first use. */
export class Tally {
  readonly #counts: Record<string, number> = {};

  add(what: string, count = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + count;
  }

  get counts(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }
}
