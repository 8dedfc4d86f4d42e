import { createServer } from "node:net";
import type { ClientConfig } from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Database, type DatabaseSource } from "../../../gateway/store/database.ts";
import { EmbeddedPostgres } from "../../../gateway/store/embedded-postgres.ts";
import { scratchDir } from "../../support/scratch-dir.ts";
import { eventually, log, migrationsWith, startServer, type TestServer, withClient } from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const started: Database[] = [];
afterEach(async () => {
  for (const database of started.splice(0)) await database.stop();
});

/** A server whose absence the test decides. */
class SwitchedSource implements DatabaseSource {
  reachable = true;
  readonly config: ClientConfig;

  constructor(config: ClientConfig) {
    this.config = config;
  }

  async open(): Promise<ClientConfig> {
    if (!this.reachable) throw new Error("switched off");
    return this.config;
  }

  async close(): Promise<void> {}
}

function start(source: DatabaseSource, options: { ledgerOrigin?: string; migrationsDir?: string } = {}): Database {
  const database = new Database({ source, ledgerOrigin: "gw.example/1", log, ...options });
  started.push(database);
  database.start();
  return database;
}

async function dropConnections(config: ClientConfig): Promise<void> {
  await withClient(config, (client) =>
    client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mycogate%' AND pid <> pg_backend_pid()",
    ),
  );
}

function ready(database: Database): Promise<ClientConfig> {
  return new Promise((resolve) => database.onReady(resolve));
}

test("start returns at once, and queries hear DATABASE_UNAVAILABLE until the database is there", async () => {
  const source = new SwitchedSource(await server.freshSchema());
  source.reachable = false;
  const database = start(source);
  await expect(database.query("SELECT 1")).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await eventually(() => database.state()).toEqual({ status: "down", detail: "switched off" });
  source.reachable = true;
  await ready(database);
  expect(database.state()).toMatchObject({ status: "ok", detail: expect.stringContaining("PostgreSQL") });
  expect(await database.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("a lost database is noticed without a query, and taken up again when it returns", async () => {
  const source = new SwitchedSource(await server.freshSchema());
  const database = start(source);
  await ready(database);
  let announced = 0;
  database.onReady(() => announced++);
  source.reachable = false;
  await dropConnections(source.config);
  await eventually(() => database.state().status).toBe("down");
  await expect(database.query("SELECT 1")).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  source.reachable = true;
  await eventually(() => announced).toBe(2);
  expect(await database.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("a query cut off by the loss is unavailable, one that is wrong is not", async () => {
  const database = start(new SwitchedSource(await server.freshSchema()));
  const config = await ready(database);
  const cut = database.query("SELECT pg_sleep(60)");
  cut.catch(() => undefined);
  await eventually(() =>
    withClient(
      config,
      async (client) =>
        (await client.query("SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")).rowCount,
    ),
  ).toBe(1);
  await withClient(config, (client) =>
    client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"),
  );
  await expect(cut).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await expect(database.query("SELECT nonsense")).rejects.toMatchObject({ code: "42703" });
});

test("work that fails half-way leaves nothing of its transaction behind", async () => {
  const database = start(new SwitchedSource(await server.freshSchema()));
  await ready(database);
  const failing = database.withClient(async (client) => {
    await client.query("BEGIN; CREATE TABLE half (a int)");
    throw new Error("half-way");
  });
  await expect(failing).rejects.toThrow(/^half-way$/);
  expect(await database.query("SELECT to_regclass('half') AS half")).toEqual([{ half: null }]);
});

test("a database that holds another ledger is refused, and says which", async () => {
  const source = new SwitchedSource(await server.freshSchema());
  await ready(start(source));
  const other = start(source, { ledgerOrigin: "gw.example/2" });
  await eventually(() => other.state().detail).toContain("holds the ledger gw.example/1");
  await expect(other.query("SELECT 1")).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
});

test("a failed migration is the state that readiness shows", async () => {
  const migrationsDir = migrationsWith({ "0001-bad.sql": "SELECT 1/0" });
  const database = start(new SwitchedSource(await server.freshSchema()), { migrationsDir });
  await eventually(() => database.state()).toEqual({
    status: "down",
    detail: "migration 0001-bad.sql failed: division by zero",
  });
});

test("a port where nobody answers does not keep it from stopping", async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const database = start(new SwitchedSource({ host: "127.0.0.1", port, user: "x", database: "x" }));
  await eventually(() => new Promise((resolve) => silent.getConnections((_, count) => resolve(count)))).toBe(1);
  await database.stop();
  expect(database.state().status).toBe("off");
  silent.close();
});

test("the embedded server is started again when it is killed, and stopped with the database", async () => {
  const dataDir = scratchDir("database");
  const database = start(new EmbeddedPostgres({ dataDir }, log));
  await ready(database);
  const [{ pid }] = (await database.query<{ pid: number }>(
    "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid",
  )) as [{ pid: number }];
  let announced = 0;
  database.onReady(() => announced++);
  process.kill(pid, "SIGKILL");
  await eventually(() => announced).toBe(2);
  expect(await database.query("SELECT origin FROM ledger")).toEqual([{ origin: "gw.example/1" }]);
  await database.stop();
  await expect(database.query("SELECT 1")).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
});
