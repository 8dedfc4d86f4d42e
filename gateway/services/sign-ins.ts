/**
 * Operators' sign-ins as entries of the ledger. A token or a password is a sign-in each time, but nobody reads a log with an
 * entry for every request: an operator's first in a day counts, and since the start. Refused ones are counted, and told at
 * most so often, so that nobody who knows no token can fill the ledger. docs/adr/0061-what-becomes-an-event.md
 */
import type { Logger } from "pino";
import { type SignInWay, signedInEntry, signInRefusedEntry } from "../../src/ledger/gateway-events.ts";
import type { EventEntry } from "../../src/ledger/types.ts";

export interface SignInsOptions {
  /** Resolves once the entry is durable. */
  readonly record: (event: EventEntry) => Promise<unknown>;
  readonly nowUs: () => number;
  readonly log: Pick<Logger, "warn">;
  readonly refusalIntervalMs?: number;
}

const dayUs = 86_400_000_000;
const tenMinutesMs = 600_000;

interface Refusals {
  count: number;
  timer: NodeJS.Timeout;
}

export class SignIns {
  readonly #options: SignInsOptions;
  /** The day of the newest entry, by way and operator. */
  readonly #days = new Map<string, number>();
  readonly #refusals = new Map<SignInWay, Refusals>();

  constructor(options: SignInsOptions) {
    this.#options = options;
  }

  accepted(via: SignInWay, operator: string): void {
    const { nowUs } = this.#options;
    const key = `${via} ${operator}`;
    const day = Math.floor(nowUs() / dayUs);
    if (this.#days.get(key) === day) return;
    this.#days.set(key, day);
    // The operator is not kept waiting: with a full disk they are needed most. The next request tries again.
    void this.#record(signedInEntry(operator, via, nowUs())).then((done) => !done && this.#days.delete(key));
  }

  refused(via: SignInWay): void {
    const before = this.#refusals.get(via);
    if (before) before.count++;
    else void this.#tell(via, 1);
  }

  /** Tells what was not told yet. */
  async stop(): Promise<void> {
    for (const [via, { count, timer }] of this.#refusals) {
      clearTimeout(timer);
      if (count > 0) await this.#record(signInRefusedEntry(via, count, this.#options.nowUs()));
    }
    this.#refusals.clear();
  }

  async #tell(via: SignInWay, count: number): Promise<void> {
    const { nowUs, refusalIntervalMs = tenMinutesMs } = this.#options;
    const timer = setTimeout(() => this.#intervalOver(via), refusalIntervalMs);
    timer.unref();
    const refusals = { count: 0, timer };
    this.#refusals.set(via, refusals);
    if (!(await this.#record(signInRefusedEntry(via, count, nowUs())))) refusals.count += count;
  }

  #intervalOver(via: SignInWay): void {
    const count = this.#refusals.get(via)?.count ?? 0;
    this.#refusals.delete(via);
    if (count > 0) void this.#tell(via, count);
  }

  #record(event: EventEntry): Promise<boolean> {
    return this.#options.record(event).then(
      () => true,
      (error) => {
        this.#options.log.warn({ err: error, type: event.type }, "an event is not in the ledger yet");
        return false;
      },
    );
  }
}
