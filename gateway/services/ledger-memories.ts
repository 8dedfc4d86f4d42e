/** Those outside of the ledger's disk, witnesses aside, who remember it: asked at the start, told of every checkpoint. */
import { GatewayError } from "../../src/errors.ts";
import type { Config } from "../config/config.ts";
import type { Identity } from "../config/identity.ts";
import type { DependencyState } from "../http/services.ts";
import { AnchorFile, anchorMemory } from "../journal/anchor-file.ts";
import { diskFiles } from "../journal/disk-files.ts";
import type { HistoryGuard, OwnLog } from "../journal/history-guard.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { JournalLogger } from "../journal/logger.ts";
import type { Database } from "../store/database.ts";
import { DatabaseMemory, databaseMemory } from "../store/database-memory.ts";

export interface LedgerMemoriesOptions {
  readonly config: Pick<Config, "ledger" | "database">;
  /** As it was before this start; undefined at the first. */
  readonly kept: Identity | undefined;
  readonly database: Database;
  readonly log: JournalLogger;
}

export interface Remembered {
  readonly ledger: Ledger;
  readonly own: OwnLog;
  readonly guard: HistoryGuard;
}

export class LedgerMemories {
  readonly #options: LedgerMemoriesOptions;
  #anchor: AnchorFile | undefined;
  #database: DatabaseMemory | undefined;

  constructor(options: LedgerMemoriesOptions) {
    this.#options = options;
  }

  /** As the guard is to wait for them. */
  get names(): string[] {
    const { config, kept } = this.#options;
    const { anchorFile } = config.ledger;
    // A database that comes with a new data directory knows nothing yet.
    const isNew = kept === undefined && config.database.url === "";
    return [...(isNew ? [] : [databaseMemory]), ...(anchorFile === undefined ? [] : [anchorMemory(anchorFile)])];
  }

  /** Resolves when the anchor was asked; the database is when it is reached. @throws GatewayError ANCHOR_MISMATCH */
  async start({ ledger, own, guard }: Remembered): Promise<void> {
    const { config, kept, database, log } = this.#options;
    const path = config.ledger.anchorFile;
    const endedOrigins = kept?.endedLedgers.map(({ origin }) => origin) ?? [];
    const isExpected = ledger.latest !== undefined;
    if (path !== undefined)
      this.#anchor = new AnchorFile({ files: diskFiles, path, own, endedOrigins, isExpected, guard, log });
    this.#database = new DatabaseMemory({ database, own, guard, log });
    const remember = (): void => {
      const note = ledger.latest?.text;
      if (note === undefined) return;
      this.#anchor?.keep(note);
      this.#database?.keep(note);
    };
    ledger.onCheckpoint(remember);
    void guard.cleared.then(remember);
    await this.#anchor?.start();
    this.#database.start();
  }

  /** The database, for whoever copies into it: reached only where it holds no other history. Once started. */
  get database(): Pick<Database, "onReady"> {
    if (this.#database === undefined) throw new GatewayError("INTERNAL", "the ledger's memories are not started");
    return this.#database;
  }

  anchorState(): DependencyState {
    return this.#anchor?.state() ?? { status: "off", detail: "no anchor file is configured" };
  }

  /** After the ledger is closed, so that they get what it signed last. */
  async close(): Promise<void> {
    await this.#anchor?.close();
    await this.#database?.close();
  }
}
