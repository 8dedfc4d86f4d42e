/**
 * What the database remembers of the ledger: how far it was copied, and a signed checkpoint. It is asked whenever it is
 * reached, before anything is copied into it: rows of two histories must not be mixed. docs/adr/0067
 */
import type { ClientConfig } from "pg";
import { type Contradiction, contradictionIn, type HistoryGuard, type OwnLog } from "../journal/history-guard.ts";
import type { JournalLogger } from "../journal/logger.ts";
import type { Database } from "./database.ts";

export interface DatabaseMemoryOptions {
  readonly database: Pick<Database, "onReady" | "onLost" | "query">;
  readonly own: OwnLog;
  readonly guard: HistoryGuard;
  readonly log: JournalLogger;
}

/** Its name for the guard. */
export const databaseMemory = "database";

export class DatabaseMemory {
  readonly #options: DatabaseMemoryOptions;
  readonly #listeners: ((config: ClientConfig) => void)[] = [];
  #config: ClientConfig | undefined;
  #newest: string | undefined;
  #storing: Promise<void> = Promise.resolve();

  constructor(options: DatabaseMemoryOptions) {
    this.#options = options;
  }

  start(): void {
    const { database, guard } = this.#options;
    database.onLost(() => {
      this.#config = undefined;
      guard.missed(databaseMemory);
    });
    database.onReady((config) => void this.#ask(config));
  }

  /** As Database.onReady, once it is known that the database holds no other history than ours. */
  onReady(listener: (config: ClientConfig) => void): void {
    this.#listeners.push(listener);
    if (this.#config) listener(this.#config);
  }

  /** Puts the newest checkpoint there, skipping those that came while another was on its way. */
  keep(note: string): void {
    this.#newest = note;
    this.#storing = this.#storing.then(() => this.#store(note));
  }

  /** Resolves when the newest is there, if it can be. */
  async close(): Promise<void> {
    await this.#storing;
  }

  async #ask(config: ClientConfig): Promise<void> {
    const { guard, log } = this.#options;
    try {
      const contradiction = await this.#contradiction();
      if (contradiction !== undefined) return guard.contradicted({ source: databaseMemory, ...contradiction });
    } catch (error) {
      // Most likely it is gone again; then it is asked when it is back.
      log.warn({ err: error }, "the database could not be asked what it knows of this ledger");
      return guard.missed(databaseMemory);
    }
    guard.heard(databaseMemory);
    this.#config = config;
    for (const listener of this.#listeners) listener(config);
    if (this.#newest !== undefined) this.keep(this.#newest);
  }

  async #contradiction(): Promise<Omit<Contradiction, "source"> | undefined> {
    const { database, own } = this.#options;
    const [row] = await database.query<{ leaf_index: string; checkpoint: string | null }>(
      "SELECT leaf_index, checkpoint FROM ledger, tailer_cursors WHERE name = 'entries'",
    );
    const signed = row?.checkpoint ? await contradictionIn(row.checkpoint, own) : undefined;
    if (signed !== undefined) return signed;
    // Only what is durable is ever copied.
    const size = Number(row?.leaf_index ?? 0);
    const ownSize = own.size();
    return size > ownSize ? { kind: "ahead", size, ownSize, note: undefined } : undefined;
  }

  async #store(note: string): Promise<void> {
    if (note !== this.#newest || this.#config === undefined) return;
    await this.#options.database.query("UPDATE ledger SET checkpoint = $1", [note]).catch(() => undefined);
  }
}
