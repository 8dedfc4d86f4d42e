import fc from "fast-check";
import type { ClientConfig } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ReadingRow, ReadingsQuery } from "../../../gateway/http/services.ts";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { Database } from "../../../gateway/store/database.ts";
import { DatabaseReadings } from "../../../gateway/store/readings.ts";
import { sensorName, unitName } from "../../../protocol/names.ts";
import type { ReadingEntry } from "../../../src/ledger/types.ts";
import { log, receivedUs, runOf, startServer, type TestServer, telemetry } from "./support.ts";

let server: TestServer;
let config: ClientConfig;
let database: Database;
let readings: DatabaseReadings;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

async function emptyDatabase(): Promise<void> {
  await database?.stop();
  config = await server.freshSchema();
  const own = config;
  database = new Database({ source: { open: async () => own, close: async () => undefined }, ledgerOrigin: "o", log });
  database.start();
  await new Promise((resolve) => database.onReady(resolve));
  readings = new DatabaseReadings(database);
}

async function append(entries: readonly ReadingEntry[]): Promise<void> {
  const session = await CopySession.open(config);
  session.add(runOf(session.cursor, entries));
  await session.commit();
  await session.close();
}

async function allPages(query: Partial<ReadingsQuery>, between?: () => Promise<void>): Promise<ReadingRow[]> {
  const rows: ReadingRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await readings.query({ limit: 7, order: "asc", ...query, cursor });
    expect(page.data.length).toBeLessThanOrEqual(query.limit ?? 7);
    rows.push(...page.data);
    cursor = page.next ?? undefined;
    await between?.();
  } while (cursor !== undefined);
  return rows;
}

const arbInt = fc.integer({ min: -99, max: 99 });
const arbInts = fc.array(arbInt, { minLength: 1, maxLength: 3 });
const arbEntry = fc
  .record({
    device: fc.constantFrom("a", "b", "c"),
    /** Few different times, so that many are equal. */
    ms: fc.integer({ min: 0, max: 5 }).map((step) => Date.UTC(2026, 5, 1) + step),
    pack: fc.array(
      fc.record({ id: fc.constantFrom("t", "h", 1), v: fc.oneof(arbInt, arbInts), u: fc.constantFrom("x", 1) }),
      { maxLength: 5 },
    ),
  })
  .map(({ device, ms, pack }) => telemetry({ pack, ts: { ms } }, { deviceId: device }));

const arbQuery: fc.Arbitrary<Partial<ReadingsQuery>> = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  order: fc.constantFrom("asc", "desc"),
  device: fc.option(fc.constantFrom("a", "b", "nobody"), { nil: undefined }),
  sensor: fc.option(fc.constantFrom("t", "1", "absent"), { nil: undefined }),
  from: fc.option(fc.constant(new Date(Date.UTC(2026, 5, 1) + 2)), { nil: undefined }),
  to: fc.option(fc.constant(new Date(Date.UTC(2026, 5, 1) + 4)), { nil: undefined }),
});

/** What the pages ought to hold, from the entries themselves. */
function expected(
  entries: readonly ReadingEntry[],
  { device, sensor, from, to, order }: Partial<ReadingsQuery>,
): unknown[] {
  const rows = entries.flatMap((entry, leafIndex) => {
    const message = JSON.parse(Buffer.from(entry.payload).toString()) as {
      pack: { id: string | number; v: number | number[] }[];
      ts: { ms: number };
    };
    // Single values first.
    const pack = [false, true].flatMap((array) => message.pack.filter(({ v }) => Array.isArray(v) === array));
    return pack.map(({ id, v }, place) => ({
      time: message.ts.ms,
      leafIndex,
      place,
      device: entry.deviceId,
      id: String(id),
      value: Array.isArray(v) ? v.map(String) : String(v),
    }));
  });
  const kept = rows.filter(
    (row) =>
      (device === undefined || row.device === device) &&
      (sensor === undefined || row.id === sensor) &&
      (from === undefined || row.time >= from.getTime()) &&
      (to === undefined || row.time < to.getTime()),
  );
  kept.sort((a, b) => a.time - b.time || a.leafIndex - b.leafIndex || a.place - b.place);
  if (order === "desc") kept.reverse();
  return kept.map(({ time, leafIndex, value }) => ({ time: new Date(time).toISOString(), leafIndex, value }));
}

describe("paging", () => {
  test("pages of any size, filter and order hold exactly the readings asked for, in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbEntry, { maxLength: 30 }),
        fc.array(arbQuery, { minLength: 4, maxLength: 8 }),
        async (entries, queries) => {
          await emptyDatabase();
          if (entries.length > 0) await append(entries);
          for (const query of queries) {
            const rows = await allPages(query);
            expect(rows.map(({ time, leafIndex, value }) => ({ time, leafIndex, value }))).toEqual(
              expected(entries, query),
            );
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test.each(["asc", "desc"] as const)(
    "%s: readings that arrive between pages make none of the others be skipped or repeated",
    async (order) => {
      await emptyDatabase();
      const at = (ms: number, v: number): ReadingEntry =>
        telemetry({
          pack: [
            { id: "t", v },
            { id: "t", v },
          ],
          ts: { ms: Date.UTC(2026, 5, 1) + ms },
        });
      const before = Array.from({ length: 40 }, (_, index) => at(index % 10, index));
      await append(before);
      let arrivals = 0;
      const rows = await allPages({ limit: 3, order }, async () => {
        if (arrivals++ < 10) await append([at(arrivals - 1, 1000), at(20, 1000)]);
      });
      const seen = rows.filter(({ value }) => value !== "1000").map(({ leafIndex, value }) => `${leafIndex}:${value}`);
      expect(seen.sort()).toEqual(before.flatMap((_, index) => [`${index}:${index}`, `${index}:${index}`]).sort());
      expect(new Set(rows).size).toBe(rows.length);
    },
  );

  test("a cursor that is not ours, or is for the other order, is refused", async () => {
    await emptyDatabase();
    await append([
      telemetry({
        pack: [
          { id: "t", v: 1 },
          { id: "t", v: 2 },
        ],
      }),
    ]);
    const { next } = await readings.query({ limit: 1, order: "asc" });
    const bad = [
      Buffer.from("asc 99999999999999999999 0 1").toString("base64url"),
      "",
      "%%%",
      Buffer.from("asc 9999999999999999 1 1").toString("base64url"),
    ];
    for (const cursor of bad) {
      await expect(readings.query({ limit: 1, order: "asc", cursor })).rejects.toMatchObject({
        code: "REQUEST_INVALID",
      });
    }
    await expect(readings.query({ limit: 1, order: "desc", cursor: next! })).rejects.toMatchObject({
      code: "REQUEST_INVALID",
    });
  });
});

describe("rows", () => {
  beforeEach(emptyDatabase);

  test("carry exact values, the tables' names, and whose clock the time is", async () => {
    const ms = Date.UTC(2026, 5, 1, 11, 0, 0, 5);
    await append([
      telemetry(
        {
          pack: [
            { id: 1, vi: 217, vs: 2, u: 1 },
            { id: 60_000, v: 1, u: 61_000, q: 1 },
          ],
          seq: 9_007_199_254_740_991,
          msgId: "m",
          ts: { ms },
        },
        { keyEpoch: 3 },
      ),
      telemetry({ pack: [{ id: "moss", v: 0.1, u: "" }] }),
    ]);
    const { data, next } = await readings.query({ limit: 10, order: "asc" });
    expect(next).toBeNull();
    expect(data).toEqual([
      {
        time: "2026-06-01T11:00:00.005Z",
        deviceId: "dev-1",
        sensor: sensorName(1),
        value: "2.17",
        unit: unitName(1),
        quality: 0,
        seq: "9007199254740991",
        msgId: "m",
        leafIndex: 0,
        verification: "verified",
        timeSource: "device",
      },
      {
        time: "2026-06-01T11:00:00.005Z",
        deviceId: "dev-1",
        sensor: 60_000,
        value: "1",
        unit: 61_000,
        quality: 1,
        seq: "9007199254740991",
        msgId: "m",
        leafIndex: 0,
        verification: "verified",
        timeSource: "device",
      },
      {
        time: new Date(Math.floor(receivedUs / 1000)).toISOString(),
        deviceId: "dev-1",
        sensor: "moss",
        value: "0.1",
        unit: "",
        quality: 0,
        seq: null,
        msgId: null,
        leafIndex: 1,
        verification: "attested",
        timeSource: "gateway",
      },
    ]);
  });

  test("an array is one row, exact, after the single values of its message", async () => {
    await append([
      telemetry({
        pack: [
          { id: "spectrum", v: [1, 0.25, -3e-7, 9007199254740991], u: "count", q: 1 },
          { id: "t", v: 21.5, u: "C" },
          { id: "scan", v: [7] },
        ],
      }),
      telemetry({ pack: [{ id: "scan", v: [8, 9] }] }),
    ]);
    const { data } = await readings.query({ limit: 10, order: "asc" });
    expect(
      data.map(({ leafIndex, sensor, value, unit, quality }) => [leafIndex, sensor, value, unit, quality]),
    ).toEqual([
      [0, "t", "21.5", "C", 0],
      [0, "spectrum", ["1", "0.25", "-0.0000003", "9007199254740991"], "count", 1],
      [0, "scan", ["7"], "", 0],
      [1, "scan", ["8", "9"], "", 0],
    ]);
    expect((await readings.query({ limit: 10, order: "desc", sensor: "scan" })).data.map(({ value }) => value)).toEqual(
      [["8", "9"], ["7"]],
    );
    const view = await database.query(
      "SELECT sensor, values::text[], quality FROM array_readings ORDER BY leaf_index, ordinal",
    );
    expect(view).toEqual([
      { sensor: "spectrum", values: ["1", "0.25", "-0.0000003", "9007199254740991"], quality: 1 },
      { sensor: "scan", values: ["7"], quality: 0 },
      { sensor: "scan", values: ["8", "9"], quality: 0 },
    ]);
  });

  test("a sensor is found by its name, by its code, and by the text as sent", async () => {
    await append([
      telemetry({
        pack: [
          { id: 1, v: 1 },
          { id: sensorName(1), v: 2 },
          { id: "moss", v: 3 },
          { id: 60_000, v: 4 },
        ],
      }),
    ]);
    const values = async (sensor: string): Promise<unknown[]> =>
      (await readings.query({ limit: 10, order: "asc", sensor })).data.map(({ value }) => value);
    expect(await values(sensorName(1)!)).toEqual(["1", "2"]);
    expect(await values("1")).toEqual(["1"]);
    expect(await values("moss")).toEqual(["3"]);
    expect(await values("60000")).toEqual(["4"]);
    expect(await values("%")).toEqual([]);
    expect(await values("\0'; DROP TABLE entries")).toEqual([]);
  });

  test("times beyond what PostgreSQL reads are taken as before or after everything", async () => {
    await append([telemetry({ pack: [{ id: "t", v: 1 }] })]);
    const early = new Date(-8.64e15);
    const late = new Date(8.64e15);
    expect((await readings.query({ limit: 1, order: "asc", from: early, to: late })).data).toHaveLength(1);
    expect((await readings.query({ limit: 1, order: "asc", from: late })).data).toEqual([]);
    expect((await readings.query({ limit: 1, order: "asc", to: early })).data).toEqual([]);
  });

  test("a database that is down is DATABASE_UNAVAILABLE", async () => {
    await database.stop();
    await expect(readings.query({ limit: 1, order: "asc" })).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  });
});
