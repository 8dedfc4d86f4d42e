import type { ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { migrate } from "../../../gateway/store/migrate.ts";
import { dropExpired } from "../../../gateway/store/retention.ts";
import { rollUp } from "../../../gateway/store/rollups.ts";
import { encodeEntry } from "../../../src/ledger/entry.ts";
import { leafHash } from "../../../src/ledger/merkle.ts";
import { removalEntry } from "../../../src/ledger/removal.ts";
import { encodeTombstone } from "../../../src/ledger/tombstone.ts";
import type { EventEntry, ReadingEntry } from "../../../src/ledger/types.ts";
import { migratedSchema, receivedUs, runOf, startServer, type TestServer, telemetry, withClient } from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

async function copyAll(config: ClientConfig, entries: readonly (EventEntry | ReadingEntry)[]): Promise<void> {
  const session = await CopySession.open(config);
  session.add(runOf(session.cursor, entries));
  await session.commit();
  await session.close();
}

const sql = <Row>(config: ClientConfig, text: string): Promise<Row[]> =>
  withClient(config, async (client) => (await client.query(text)).rows as Row[]);

const longAgoUs = Date.UTC(2025, 0, 1) * 1000;
const reading = (deviceId: string, seq: number) =>
  telemetry({ seq, readings: [{ id: "temp", v: seq, u: "C" }] }, { deviceId, receivedUs: longAgoUs });

describe("erasing a device in the database", () => {
  test("takes its readings and rollups and nothing else, and leaves rows as a copy made anew would have", async () => {
    const config = await migratedSchema(server);
    const entries = [reading("a", 1), reading("b", 1), reading("a", 2), reading("b", 2)];
    await copyAll(config, entries);
    await withClient(config, (client) => rollUp(client as never));
    const order = removalEntry({ type: "device.erasure_ordered", id: "a" }, receivedUs);
    const done = removalEntry({ type: "device.payloads_erased", id: "a", order: 4, count: 2 }, receivedUs);
    await copyAll(config, [order, reading("a", 3), done]);
    const tombstones = new Map(
      [0, 2].map((leaf) => [leaf, encodeTombstone({ leafHash: leafHash(encodeEntry(entries[leaf]!)), order: 4 })]),
    );
    const erased = await sql<object>(config, "SELECT * FROM entries ORDER BY leaf_index");

    const anew = await migratedSchema(server);
    const session = await CopySession.open(anew);
    session.add(
      runOf(0, [...entries.map((entry, leaf) => tombstones.get(leaf) ?? entry), order, reading("a", 3), done]),
    );
    await session.commit();
    await session.close();
    const copied = await sql<{ leaf_index: string }>(anew, "SELECT * FROM entries ORDER BY leaf_index");
    // Numbers of devices and sources are handed out in the order of their first rows.
    const numbers = { device_no: undefined, source_no: undefined, channels: undefined };
    const plain = (rows: readonly object[]) => rows.map((row) => ({ ...row, ...numbers }));
    expect(plain(erased)).toEqual(plain(copied));
    expect(await sql(config, "SELECT DISTINCT device_id FROM readings_1m")).toEqual([{ device_id: "b" }]);
    expect(await sql(config, "SELECT device_id, seq FROM readings ORDER BY leaf_index")).toEqual([
      { device_id: "b", seq: "1" },
      { device_id: "b", seq: "2" },
      { device_id: "a", seq: "3" },
    ]);
  });
});

describe("a role that is no superuser", () => {
  test("copies, retires and erases, but may change nothing otherwise, whatever it sets", async () => {
    const config = await server.freshSchema();
    const schema = /search_path=(\w+)/.exec(config.options!)![1]!;
    const role = `${schema}_role`;
    await withClient(config, async (client) => {
      await client.query(
        `CREATE ROLE ${role} LOGIN PASSWORD 'secret-secret'; GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`,
      );
    });
    const own = { ...config, user: role, password: "secret-secret" };
    await withClient(own, (client) => migrate(client));
    await copyAll(own, [reading("a", 1), reading("b", 1)]);
    await withClient(own, async (client) => {
      for (const change of ["UPDATE entries SET kind = 0", "DELETE FROM entries", "TRUNCATE entries"]) {
        await client.query("BEGIN; SET LOCAL mycogate.repair = 'on'; SET LOCAL mycogate.retention = 'on'");
        await expect(client.query(change), change).rejects.toMatchObject({ code: "42501" });
        await client.query("ROLLBACK");
      }
      // With the right, but without a word.
      await client.query("BEGIN; GRANT DELETE ON entries TO CURRENT_USER");
      await expect(client.query("DELETE FROM entries")).rejects.toThrow(/append-only/);
      await client.query("ROLLBACK");
      await rollUp(client as never);
      await dropExpired(client as never, { entriesDays: 1 });
    });
    const cursors = await sql<{ leaf_index: string }>(
      own,
      "SELECT leaf_index FROM tailer_cursors WHERE name = 'retention'",
    );
    expect(cursors).toEqual([{ leaf_index: "2" }]);
    const done = removalEntry({ type: "device.payloads_erased", id: "b", order: 2, count: 1 }, receivedUs);
    await copyAll(own, [reading("a", 3), removalEntry({ type: "device.erasure_ordered", id: "b" }, receivedUs), done]);
    await withClient(own, async (client) => {
      await expect(client.query("DELETE FROM entries")).rejects.toMatchObject({ code: "42501" });
    });
    await withClient(config, async (client) => {
      await client.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
    });
  });
});
