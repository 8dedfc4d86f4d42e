import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../../../gateway/store/migrate.ts";
import { migrationsWith, startServer, type TestServer, withClient } from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const one = { "0001-one.sql": "CREATE TABLE one (a int);" };

test("the second start applies nothing", async () => {
  const config = await server.freshSchema();
  const first = await withClient(config, (client) => migrate(client));
  expect(first.length).toBeGreaterThan(0);
  expect(await withClient(config, (client) => migrate(client))).toEqual([]);
});

test("two gateways that start at once apply each file once", async () => {
  const config = await server.freshSchema();
  const applied = await Promise.all([1, 2, 3].map(() => withClient(config, (client) => migrate(client))));
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
});

test("only what is new is applied", async () => {
  const config = await server.freshSchema();
  await withClient(config, async (client) => {
    await migrate(client, migrationsWith(one));
    const more = migrationsWith({ ...one, "0002-two.sql": "ALTER TABLE one ADD b int;" });
    expect(await migrate(client, more)).toEqual(["0002-two.sql"]);
  });
});

test("an applied file that was edited is refused, line ends aside", async () => {
  const config = await server.freshSchema();
  await withClient(config, async (client) => {
    await migrate(client, migrationsWith({ "0001-one.sql": "CREATE TABLE one (\n a int);" }));
    expect(await migrate(client, migrationsWith({ "0001-one.sql": "CREATE TABLE one (\r\n a int);" }))).toEqual([]);
    const edited = migrate(client, migrationsWith({ "0001-one.sql": "CREATE TABLE one (\n b int);" }));
    await expect(edited).rejects.toMatchObject({
      code: "DATABASE_MISMATCH",
      message: expect.stringContaining("0001-one.sql"),
    });
  });
});

test("a database that a newer gateway has migrated is refused by name of the unknown file", async () => {
  const config = await server.freshSchema();
  await withClient(config, async (client) => {
    await migrate(client, migrationsWith({ ...one, "0002-later.sql": "SELECT 1;" }));
    const older = migrate(client, migrationsWith(one));
    await expect(older).rejects.toMatchObject({
      code: "DATABASE_MISMATCH",
      message: expect.stringContaining("0002-later.sql"),
    });
  });
});

test("a failing migration leaves the database as it was, the good ones before it included", async () => {
  const config = await server.freshSchema();
  await withClient(config, async (client) => {
    const failing = migrate(
      client,
      migrationsWith({ ...one, "0002-bad.sql": "CREATE TABLE two (a int); SELECT 1/0;" }),
    );
    await expect(failing).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("0002-bad.sql"),
    });
    const tables = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()");
    expect(tables.rows).toEqual([]);
  });
});

test("entries can be neither changed nor removed, retention aside", async () => {
  const config = await server.freshSchema();
  await withClient(config, async (client) => {
    await migrate(client);
    await client.query("INSERT INTO entries (leaf_index, kind, device_clock, entry) VALUES (0, 0, false, '')");
    for (const change of ["UPDATE entries SET entry = 'x'", "DELETE FROM entries", "TRUNCATE entries"]) {
      await expect(client.query(change)).rejects.toMatchObject({ message: "entries are append-only" });
    }
    await client.query("BEGIN; SET LOCAL mycogate.retention = 'on'");
    expect((await client.query("DELETE FROM entries")).rowCount).toBe(1);
    await client.query("COMMIT");
    await expect(client.query("DELETE FROM entries")).rejects.toThrow();
  });
});
