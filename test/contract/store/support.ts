/** A real PostgreSQL for the suites of this folder: the embedded one, or the one named in MYCOGATE_TEST_DATABASE_URL. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg, { type Client, type ClientConfig } from "pg";
import pino from "pino";
import { expect } from "vitest";
import type { EntryRun } from "../../../gateway/store/copy-session.ts";
import type { DatabaseSource } from "../../../gateway/store/database.ts";
import { databaseAt } from "../../../gateway/store/database-source.ts";
import { EmbeddedPostgres } from "../../../gateway/store/embedded-postgres.ts";
import { migrate } from "../../../gateway/store/migrate.ts";
import { encodeEntry } from "../../../src/ledger/entry.ts";
import type { EventEntry, ReadingEntry } from "../../../src/ledger/types.ts";
import { scratchDir } from "../../support/scratch-dir.ts";

/** Waits for a condition as long as a busy machine may need. */
export function eventually<T>(read: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: 40_000, interval: 10 });
}

export const log = pino({ level: "silent" });

/** A folder of numbered SQL files. */
export function migrationsWith(files: Record<string, string>): string {
  const folder = scratchDir("migrations");
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, name), sql);
  return folder;
}

export interface TestServer {
  readonly source: DatabaseSource;
  /** Connects with an empty schema as search path. */
  readonly freshSchema: () => Promise<ClientConfig>;
  readonly stop: () => Promise<void>;
}

export async function startServer(): Promise<TestServer> {
  const url = process.env.MYCOGATE_TEST_DATABASE_URL;
  const dir = scratchDir("store");
  const source = url ? databaseAt(url) : new EmbeddedPostgres({ dataDir: dir }, log);
  const config = await source.open();
  const schemas: string[] = [];
  return {
    source,
    freshSchema: async () => {
      const schema = `test_${process.pid}_${schemas.length}`;
      schemas.push(schema);
      await withClient(config, async (client) => {
        await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
        await client.query(`CREATE SCHEMA ${schema}`);
      });
      return { ...config, options: `-c search_path=${schema}` };
    },
    stop: async () => {
      if (url) {
        await withClient(config, async (client) => {
          for (const schema of schemas) await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
        });
      }
      await source.close();
    },
  };
}

export async function withClient<T>(config: ClientConfig, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** An empty schema with all tables. */
export async function migratedSchema(server: TestServer): Promise<ClientConfig> {
  const config = await server.freshSchema();
  await withClient(config, (client) => migrate(client));
  return config;
}

export const receivedUs = Date.UTC(2026, 5, 1, 12) * 1000 + 123_456;

/** A reading entry whose payload is the simplified telemetry JSON. */
export function telemetry(message: object, entry: Partial<ReadingEntry> = {}): ReadingEntry {
  return {
    kind: "reading",
    payload: Buffer.from(JSON.stringify(message)),
    receivedUs,
    keyEpoch: 0,
    deviceId: "dev-1",
    format: "telemetry-json",
    source: "mqtt",
    firmware: "",
    ...entry,
  };
}

export function runOf(firstLeaf: number, entries: readonly (ReadingEntry | EventEntry | Uint8Array)[]): EntryRun {
  const parts = entries.flatMap((entry) => {
    const bytes = entry instanceof Uint8Array ? entry : encodeEntry(entry);
    return [Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes];
  });
  return { firstLeaf, count: entries.length, bundle: Buffer.concat(parts) };
}
