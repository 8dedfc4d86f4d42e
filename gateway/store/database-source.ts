/** Which PostgreSQL: the one that is configured, or the gateway's own. */
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import { firstLedgerDir, type Identity } from "../config/identity.ts";
import type { DatabaseSource } from "./database.ts";
import { EmbeddedPostgres } from "./embedded-postgres.ts";

export function databaseSource({ data, database }: Config, identity: Identity, log: Logger): DatabaseSource {
  const { url: connectionString, runAs } = database;
  if (connectionString !== "") return databaseAt(connectionString);
  const { ledgerDir, ledgerOrigin } = identity;
  // A later ledger gets a database of its own beside those of the ended ones.
  const name = ledgerDir === firstLedgerDir ? undefined : ledgerDir.replace("-", "_");
  return new EmbeddedPostgres({ dataDir: data, ledgerOrigin, runAs, database: name }, log);
}

/** A PostgreSQL that is not ours to start. */
export function databaseAt(connectionString: string): DatabaseSource {
  return { open: async () => ({ connectionString, keepAlive: true }), close: async () => undefined };
}
