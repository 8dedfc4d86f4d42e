/** What the database needs now and then: rollups every minute, and dropping what is older than its keeper wants it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { GatewayError } from "../../src/errors.ts";
import type { Database } from "./database.ts";
import { dropExpired, type Retention } from "./retention.ts";
import { rollUp } from "./rollups.ts";

export interface MaintenanceOptions {
  readonly database: Database;
  readonly retention: Retention;
  readonly log: Logger;
  /** Default: a minute. */
  readonly intervalMs?: number;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the step at hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** One round: everything that has been copied so far is rolled up, everything expired is gone. @throws as Database.query */
  async runOnce(): Promise<void> {
    const { database, retention } = this.#options;
    const { signal } = this.#stopping;
    for (let taken = 1; taken > 0 && !signal.aborted; ) {
      const startedMs = performance.now();
      taken = await database.withClient(rollUp);
      // While it catches up, the tailer and the queries get at least every other moment of the server.
      if (taken > 0) await sleep(performance.now() - startedMs, undefined, { signal }).catch(() => undefined);
    }
    if (!signal.aborted) await database.withClient((client) => dropExpired(client, retention));
  }

  async #run(): Promise<void> {
    const { log, intervalMs = 60_000 } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.runOnce();
      } catch (error) {
        // While the database is down this is not news.
        if (!(error instanceof GatewayError))
          log.warn({ err: error }, "database maintenance failed; it is tried again");
      }
    }
  }
}
