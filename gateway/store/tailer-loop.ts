/** Follows the journal into the database: what the tailer's worker thread does, apart from being one. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientConfig } from "pg";
import { CopySession, type EntryRun } from "./copy-session.ts";
import type { CopyWarnings } from "./entry-encoder.ts";

/** What the loop tells the main thread. */
export type TailerReport =
  /** The database has everything below `cursor`. Sent on connecting, and after each batch with what it could not take in full. */
  | { readonly kind: "copied"; readonly cursor: number; readonly warnings: CopyWarnings | undefined }
  /** The database or the journal failed; it goes on by itself. */
  | { readonly kind: "lost"; readonly reason: string };

export interface TailerPorts {
  /** Entries `from` to `to` (exclusive) in runs; a run's bytes are valid until the next is asked for. */
  frames(from: number, to: number): AsyncIterable<EntryRun>;
  report(report: TailerReport): void;
}

/** A batch is sent off at this size: some thousand entries. */
const fullBatchBytes = 1024 * 1024;
/** A transaction costs the server far more than an entry does, so that small batches wait for company; the first does not. */
const batchIntervalMs = 40;
const firstRetryMs = 50;
const lastRetryMs = 5_000;

export class TailerLoop {
  readonly #ports: TailerPorts;
  #config: ClientConfig | undefined;
  #durableSize = 0;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(ports: TailerPorts) {
    this.#ports = ports;
  }

  /** Where the database is from now on; also ends the wait for the next attempt. */
  connectTo(config: ClientConfig): void {
    this.#config = config;
    this.#wake();
  }

  /** Entries that may be copied. */
  advance(durableSize: number): void {
    this.#durableSize = durableSize;
    this.#wake();
  }

  /** Makes `run` return after the batch at hand. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async run(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!this.#stopped) {
      const config = this.#config;
      if (!config) {
        await this.#woken();
        continue;
      }
      try {
        await this.#follow(config, () => {
          retryMs = firstRetryMs;
        });
      } catch (error) {
        this.#ports.report({ kind: "lost", reason: error instanceof Error ? error.message : String(error) });
        if (this.#config === config) await this.#woken(retryMs);
        retryMs = Math.min(retryMs * 2, lastRetryMs);
      }
    }
  }

  async #follow(config: ClientConfig, copied: () => void): Promise<void> {
    const session = await CopySession.open(config);
    try {
      this.#ports.report({ kind: "copied", cursor: session.cursor, warnings: undefined });
      while (!this.#stopped) {
        if (session.cursor >= this.#durableSize) {
          await this.#woken();
          continue;
        }
        const startedMs = performance.now();
        const warnings = await this.#copyBatch(session);
        copied();
        this.#ports.report({ kind: "copied", cursor: session.cursor, warnings });
        const restMs = batchIntervalMs - (performance.now() - startedMs);
        if (session.cursor >= this.#durableSize && restMs > 0) await sleep(restMs);
      }
    } finally {
      await session.close();
    }
  }

  async #copyBatch(session: CopySession): Promise<CopyWarnings> {
    for await (const run of this.#ports.frames(session.cursor, this.#durableSize)) {
      session.add(run);
      if (session.batchBytes >= fullBatchBytes) break;
    }
    return session.commit();
  }

  #woken(timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
