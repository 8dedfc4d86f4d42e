/**
 * The connection to PostgreSQL, kept up in the background: the gateway starts and runs without it, and whoever needs it
 * hears "unavailable" until it is there. A connection counts as up once the migrations are applied and the database is
 * known to belong to this ledger.
 */
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pg, { type ClientConfig, type Pool, type PoolClient, type QueryResultRow } from "pg";
import type { Logger } from "pino";
import { GatewayError } from "../../src/errors.ts";
import type { DependencyState } from "../http/services.ts";
import { migrate } from "./migrate.ts";

/** Where the database comes from: started by us, or somebody else's. */
export interface DatabaseSource {
  /** Make the server reachable, if that is ours to do, and say how to connect. Called again after every loss. */
  open(): Promise<ClientConfig>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly source: DatabaseSource;
  /** Origin of the ledger that is copied into it; a database filled from another one is refused. */
  readonly ledgerOrigin: string;
  readonly log: Logger;
  /** Folder of the numbered SQL files, for tests; default `migrations/` of the package. */
  readonly migrationsDir?: string;
}

const connectTimeoutMs = 10_000;
/** One slow query must not starve the others of connections; maintenance has no such limit. */
const queryTimeoutMs = 20_000;
const firstRetryMs = 100;
const lastRetryMs = 5_000;

export class Database {
  readonly #options: DatabaseOptions;
  readonly #stopping = new AbortController();
  readonly #readyListeners: ((config: ClientConfig) => void)[] = [];
  readonly #lostListeners: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #config: ClientConfig | undefined;
  #pool: Pool | undefined;
  #state: DependencyState = { status: "down", detail: "not started" };

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** Returns at once; the connection comes when it comes. */
  start(): void {
    this.#state = { status: "down", detail: "starting" };
    this.#running = this.#keepConnected();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // Connections first, then the server; but a start that is under way may take long, and ends with the server.
    if (!this.#config) await this.#options.source.close();
    await this.#running;
    await this.#options.source.close();
    this.#state = { status: "off", detail: "stopped" };
  }

  state(): DependencyState {
    return this.#state;
  }

  /** Call `listener` with the way to connect whenever the database has become usable; at once if it is. */
  onReady(listener: (config: ClientConfig) => void): void {
    this.#readyListeners.push(listener);
    if (this.#config) listener(this.#config);
  }

  /** Call `listener` whenever an attempt to reach the database has failed, or the connection is lost. */
  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  /** @throws GatewayError DATABASE_UNAVAILABLE while it is down, or when it goes down meanwhile; other errors as pg gives them */
  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.withClient(async (client) => (await client.query<Row>(text, [...values])).rows);
  }

  /** Run `work` on one connection of the pool; a transaction it leaves open is rolled back. Errors as for `query`. */
  async withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    if (!this.#pool) throw unavailable(this.#state.detail);
    let client: PoolClient | undefined;
    try {
      client = await this.#pool.connect();
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client?.release(true);
      throw isConnectionLoss(error) ? unavailable(messageOf(error), error) : error;
    }
  }

  async #keepConnected(): Promise<void> {
    const { log, source } = this.#options;
    const { signal } = this.#stopping;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      let lost: unknown = new Error("the server closed the connection");
      try {
        await this.#serve(await source.open(), () => {
          retryMs = firstRetryMs;
        });
      } catch (error) {
        lost = error;
      }
      if (signal.aborted) return;
      const detail = messageOf(lost);
      // The same reason again is no news.
      if (detail !== this.#state.detail) log.warn({ reason: detail }, "database unavailable; it is tried again");
      this.#state = { status: "down", detail };
      for (const listener of this.#lostListeners) listener();
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
  }

  /** Connect, prepare, and stay until the connection is lost: this one idle client is what notices. */
  async #serve(config: ClientConfig, connected: () => void): Promise<void> {
    const { log, ledgerOrigin, migrationsDir } = this.#options;
    const socket = new Socket();
    const client = new pg.Client({
      ...config,
      stream: () => socket,
      connectionTimeoutMillis: connectTimeoutMs,
      application_name: "mycogate",
    });
    const ended = new Promise<void>((resolve) => client.once("end", resolve));
    // A stop does not wait for a server that has nothing to say.
    const leave = (): unknown => (this.#config ? client.end() : socket.destroy());
    this.#stopping.signal.addEventListener("abort", leave);
    client.on("error", (error) => log.debug({ reason: error.message }, "database connection lost"));
    try {
      await client.connect();
      const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
      const applied = await migrate(client, migrationsDir);
      await claim(client, ledgerOrigin);
      if (this.#stopping.signal.aborted) return;
      this.#becomeReady(config, `PostgreSQL ${rows[0]!.server_version}`, applied);
      connected();
      await ended;
    } finally {
      this.#stopping.signal.removeEventListener("abort", leave);
      const pool = this.#pool;
      this.#pool = undefined;
      this.#config = undefined;
      await Promise.allSettled([pool?.end(), client.end()]);
    }
  }

  #becomeReady(config: ClientConfig, detail: string, applied: readonly string[]): void {
    const { log } = this.#options;
    this.#pool = new pg.Pool({
      ...config,
      max: 8,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: queryTimeoutMs,
      application_name: "mycogate queries",
    });
    this.#pool.on("error", (error) => log.debug({ reason: error.message }, "idle database connection lost"));
    this.#config = config;
    this.#state = { status: "ok", detail };
    log.info({ server: detail, migrations: applied }, "database ready");
    for (const listener of this.#readyListeners) listener(config);
  }
}

/** The first ledger to use a database owns it: its leaf indexes are the primary key. */
async function claim(client: pg.Client, origin: string): Promise<void> {
  await client.query("INSERT INTO ledger (origin) SELECT $1 WHERE NOT EXISTS (SELECT FROM ledger)", [origin]);
  const { rows } = await client.query<{ origin: string }>("SELECT origin FROM ledger");
  if (rows[0]?.origin === origin) return;
  throw new GatewayError("DATABASE_MISMATCH", `this database holds the ledger ${rows[0]?.origin}, not ${origin}`);
}

function unavailable(detail: string, cause?: unknown): GatewayError {
  return new GatewayError("DATABASE_UNAVAILABLE", `the database is not available: ${detail}`, { cause });
}

/** SQLSTATE class 08, 53 (out of connections, disk or memory) or 57 (shut down, cancelled); the system's errors; pg's own words. */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return /^(08|53|57)/.test(error.code ?? "");
  if (!(error instanceof Error) || error instanceof GatewayError) return false;
  return (
    "syscall" in error ||
    /^(Connection terminated|Client (has|was)|Cannot use a pool|timeout exceeded)/.test(error.message)
  );
}

/** A refused connection to several addresses is an AggregateError, whose own message is empty. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
