import fc from "fast-check";
import type { ClientConfig } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { Database } from "../../../gateway/store/database.ts";
import { Maintenance } from "../../../gateway/store/maintenance.ts";
import type { Retention } from "../../../gateway/store/retention.ts";
import type { ReadingEntry } from "../../../src/ledger/types.ts";
import {
  log,
  migratedSchema,
  receivedUs,
  runOf,
  startServer,
  type TestServer,
  telemetry,
  withClient,
} from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

async function append(config: ClientConfig, entries: readonly ReadingEntry[]): Promise<void> {
  const session = await CopySession.open(config);
  session.add(runOf(session.cursor, entries));
  await session.commit();
  await session.close();
}

async function withMaintenance(
  config: ClientConfig,
  retention: Retention,
  work: (maintenance: Maintenance) => Promise<void>,
): Promise<void> {
  const database = new Database({
    source: { open: async () => config, close: async () => undefined },
    ledgerOrigin: "o",
    log,
  });
  database.start();
  await new Promise((resolve) => database.onReady(resolve));
  try {
    await work(new Maintenance({ database, retention, log }));
  } finally {
    await database.stop();
  }
}

/** The same figures straight from the entries. */
function direct(unit: "minute" | "hour"): string {
  return `SELECT device_id, sensor, unit, date_trunc('${unit}', time, 'UTC') AS time, count(*)::text, sum(value), min(value), max(value),
    (array_agg(value ORDER BY time DESC, leaf_index DESC, ordinal DESC))[1] AS last
    FROM readings GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;
}

function kept(table: string): string {
  return `SELECT device_id, sensor, unit, time, count::text, sum, min, max, last FROM ${table} ORDER BY 1, 2, 3, 4`;
}

const arbEntry = fc
  .record({
    device: fc.constantFrom("a", "b"),
    // Three hours in any order: most of it is late. Few different times, some of them in one minute.
    ms: fc.integer({ min: 0, max: 60 }).map((step) => Date.UTC(2026, 5, 1, 9) + 20_000 * (step < 6 ? step : step * 9)),
    pack: fc.array(
      fc.record({
        id: fc.constantFrom("t", "h"),
        v: fc.integer({ min: -9999, max: 9999 }).map((value) => value / 100),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ device, ms, pack }) => telemetry({ pack, ts: { ms } }, { deviceId: device }));

test("rollups equal a direct aggregate, whatever the order of arrival and wherever a run begins", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(arbEntry, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 }),
      async (arrivals) => {
        const config = { ...(await migratedSchema(server)) };
        // A server's own time zone must not move the hours.
        config.options += " -c timezone=Asia/Kolkata";
        await withMaintenance(config, {}, async (maintenance) => {
          for (const entries of arrivals) {
            await append(config, entries);
            await maintenance.runOnce();
          }
          await maintenance.runOnce();
        });
        await withClient(config, async (client) => {
          expect((await client.query(kept("readings_1m"))).rows).toEqual((await client.query(direct("minute"))).rows);
          expect((await client.query(kept("readings_1h"))).rows).toEqual((await client.query(direct("hour"))).rows);
        });
      },
    ),
    { numRuns: 8 },
  );
});

test("rollups that run at the same time count each reading once", async () => {
  const config = await migratedSchema(server);
  await append(
    config,
    Array.from({ length: 300 }, (_, index) => telemetry({ pack: [{ id: "t", v: index }] })),
  );
  await withMaintenance(config, {}, async (maintenance) => {
    await Promise.all([maintenance.runOnce(), maintenance.runOnce(), maintenance.runOnce()]);
  });
  const { rows } = await withClient(config, (client) =>
    client.query("SELECT count, min, max, last, avg FROM readings_1h"),
  );
  expect(rows).toEqual([{ count: "300", min: "0", max: "299", last: "299", avg: expect.stringMatching(/^149\.50*$/) }]);
});

test("retention drops what is older than wanted once it is rolled up, and nothing else", async () => {
  const config = await migratedSchema(server);
  const dayUs = 86_400_000_000;
  const nowUs = Date.now() * 1000;
  const entries = [10, 9, 1, 0].map((days) =>
    telemetry({ pack: [{ id: "t", v: days }] }, { receivedUs: nowUs - days * dayUs }),
  );
  await append(config, entries);
  await withMaintenance(config, { entriesDays: 5, minutesDays: 9.5 }, (maintenance) => maintenance.runOnce());
  await withClient(config, async (client) => {
    expect((await client.query("SELECT leaf_index FROM entries ORDER BY 1")).rows).toEqual([
      { leaf_index: "2" },
      { leaf_index: "3" },
    ]);
    expect((await client.query("SELECT last FROM readings_1m ORDER BY time")).rows.map(({ last }) => last)).toEqual([
      "9",
      "1",
      "0",
    ]);
    expect((await client.query("SELECT last FROM readings_1h ORDER BY time")).rows.map(({ last }) => last)).toEqual([
      "10",
      "9",
      "1",
      "0",
    ]);
  });
});

test("without retention nothing is dropped", async () => {
  const config = await migratedSchema(server);
  await append(config, [
    telemetry({ pack: [{ id: "t", v: 1 }] }, { receivedUs: receivedUs - 20 * 365 * 86_400_000_000 }),
  ]);
  await withMaintenance(config, {}, (maintenance) => maintenance.runOnce());
  await withClient(config, async (client) => {
    expect((await client.query("SELECT FROM entries")).rowCount).toBe(1);
    expect((await client.query("SELECT FROM rollup_1m")).rowCount).toBe(1);
  });
});
