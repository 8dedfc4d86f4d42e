import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CopyBuffer, fitsNumeric } from "../../../gateway/store/copy-buffer.ts";
import { copyIn } from "../../../gateway/store/copy-in.ts";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { decimalText } from "../../../src/codec/decimal.ts";
import { encodeEntry } from "../../../src/ledger/entry.ts";
import type { EventEntry, ReadingEntry } from "../../../src/ledger/types.ts";
import { eventEntry, type RegistryEvent } from "../../../src/registry/events.ts";
import { migratedSchema, receivedUs, runOf, startServer, type TestServer, telemetry, withClient } from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

async function copyAll(
  config: ClientConfig,
  entries: readonly (EventEntry | ReadingEntry | Uint8Array)[],
): ReturnType<CopySession["commit"]> {
  const session = await CopySession.open(config);
  try {
    session.add(runOf(session.cursor, entries));
    return await session.commit();
  } finally {
    await session.close();
  }
}

function rows(config: ClientConfig, sql: string): Promise<Record<string, unknown>[]> {
  return withClient(config, async (client) => (await client.query(sql)).rows);
}

describe("numbers", () => {
  test("every decimal that the wire can state comes back digit for digit", async () => {
    const config = await server.freshSchema();
    const arbInt = fc.oneof(
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
      fc.maxSafeInteger().map((value) => value),
      fc.integer({ min: -10_000, max: 10_000 }),
      fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
    );
    await withClient(config, async (client) => {
      await client.query("CREATE TABLE numbers (ordinal int, value numeric)");
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ vi: arbInt, vs: fc.integer({ min: 0, max: 25 }) }), { minLength: 1 }),
          async (decimals) => {
            const out = new CopyBuffer();
            out.start();
            for (const [ordinal, { vi, vs }] of decimals.entries()) {
              out.row(2, 64);
              out.int32Field(ordinal);
              out.numericField(vi, vs);
            }
            await client.query("TRUNCATE numbers");
            await copyIn(client, "COPY numbers FROM STDIN (FORMAT binary)", out.finish());
            const { rows } = await client.query("SELECT value FROM numbers ORDER BY ordinal");
            // PostgreSQL has no negative zero.
            expect(rows.map((row) => row.value)).toEqual(
              decimals.map(({ vi, vs }) => decimalText({ vi: vi === 0 ? 0 : vi, vs })),
            );
          },
        ),
      );
    });
  });

  test("what no numeric can hold is told beforehand", () => {
    for (const [vi, vs] of [
      [Number.NaN, 0],
      [Infinity, 0],
      [1.5, 0],
      [1, -400],
      [1, 400_000],
      [1, 0.5],
      [1, Number.NaN],
    ] as const) {
      expect(fitsNumeric(vi, vs), `${vi} ${vs}`).toBe(false);
    }
    expect(fitsNumeric(10n ** 2000n, 0)).toBe(false);
    expect(fitsNumeric(-(10n ** 2000n), 0)).toBe(false);
    expect(fitsNumeric(-(2n ** 63n), 9)).toBe(true);
  });
});

describe("entries", () => {
  test("the envelopes of the golden vectors come back with exact values, and their leaves byte for byte", async () => {
    const vectors = JSON.parse(
      readFileSync(new URL("../../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
    ) as {
      deviceId: string;
      msgId: string;
      seq: number | string;
      epochMs: number;
      geo: { latE7: number; lonE7: number; accM: number } | null;
      readings: [number | string, number | string, number, number | string, number][];
      cbor: string;
    }[];
    const entries = vectors.map(({ deviceId, cbor }) =>
      telemetry({}, { payload: Buffer.from(cbor, "hex"), format: "envelope", keyEpoch: 1, deviceId }),
    );
    const config = await migratedSchema(server);
    expect(await copyAll(config, entries)).toEqual({ undecodable: 0, unstorable: 0 });
    const copied = await rows(
      config,
      `SELECT e.*, d.id, (SELECT array_agg(c.key ORDER BY n) FROM unnest(e.channels) WITH ORDINALITY u (no, n) JOIN channels c ON channel_no = no) AS keys,
       values::text[] AS numbers FROM entries e JOIN devices d USING (device_no) ORDER BY leaf_index`,
    );
    expect(copied).toHaveLength(vectors.length);
    for (const [index, row] of copied.entries()) {
      const vector = vectors[index]!;
      expect(Buffer.compare(row.entry as Buffer, encodeEntry(entries[index]!))).toBe(0);
      expect(row).toMatchObject({
        id: vector.deviceId,
        msg_id: vector.msgId,
        seq: String(vector.seq),
        lat_e7: vector.geo?.latE7 ?? null,
        lon_e7: vector.geo?.lonE7 ?? null,
        acc_m: vector.geo?.accM ?? null,
        keys:
          vector.readings.length > 0
            ? vector.readings.map(([sensor, , , unit]) => `[${JSON.stringify(sensor)},${JSON.stringify(unit)}]`)
            : null,
        numbers: vector.readings.map(([, vi, vs]) => decimalText({ vi: BigInt(vi), vs })),
      });
      expect(row.qualities ?? vector.readings.map(() => 0)).toEqual(vector.readings.map((reading) => reading[4]));
    }
  });

  test("a plausible device clock gives the time; before 2020, over ten minutes ahead, or none at all gives the receive time", async () => {
    const receivedMs = receivedUs / 1000;
    const clocks = [
      Date.UTC(2020, 0, 1),
      Date.UTC(2020, 0, 1) - 1,
      Math.floor(receivedMs) + 600_000,
      Math.ceil(receivedMs) + 600_001,
      -5,
      0,
    ];
    const entries = [...clocks.map((ms) => telemetry({ pack: [], ts: { ms } })), telemetry({ pack: [] })];
    const config = await migratedSchema(server);
    await copyAll(config, entries);
    const copied = await rows(
      config,
      "SELECT device_clock, (extract(epoch FROM time) * 1e6)::bigint AS us FROM entries ORDER BY leaf_index",
    );
    const gateway = { device_clock: false, us: String(receivedUs) };
    expect(copied).toEqual([
      { device_clock: true, us: String(clocks[0]! * 1000) },
      gateway,
      { device_clock: true, us: String(clocks[2]! * 1000) },
      gateway,
      gateway,
      gateway,
      gateway,
    ]);
  });

  test("hostile texts, numbers and bytes are kept as far as they can be, counted, and stop nothing", async () => {
    const config = await migratedSchema(server);
    const long = "x".repeat(255);
    const warnings = await copyAll(config, [
      telemetry(
        { pack: [{ id: long, v: 1, u: long }], msgId: "a'\";\\--☃", seq: Number.MAX_SAFE_INTEGER },
        { deviceId: "d", source: "serial:/dev/ttyUSB\u0000☃" },
      ),
      telemetry({}, { payload: Buffer.from([0xff, 0, 1]) }),
      telemetry({}, { payload: Buffer.alloc(0) }),
      telemetry({}, { payload: Buffer.from('{"pack":[{"id":"t","v":1e400}]}') }),
      Buffer.from([0x99]),
      Buffer.alloc(0),
      Buffer.alloc(60_000, 7),
      telemetry({
        pack: [
          { id: "t", v: 1e-7 },
          { id: "t", v: 1.7976931348623157e308 },
        ],
      }),
      telemetry({ pack: [{ id: "last", v: 0.1, u: "V" }] }),
    ]);
    expect(warnings.undecodable).toBeGreaterThanOrEqual(6);
    const copied = await rows(
      config,
      "SELECT leaf_index, kind, octet_length(entry) AS length, values::text[] FROM entries ORDER BY leaf_index",
    );
    expect(copied).toHaveLength(9);
    expect(copied.at(-1)).toMatchObject({ kind: 1, values: ["0.1"] });
    expect(copied[6]).toMatchObject({ kind: 0, length: 60_000, values: null });
    const cut = long.slice(0, 200);
    expect(await rows(config, "SELECT sensor, unit FROM channels ORDER BY channel_no LIMIT 1")).toEqual([
      { sensor: cut, unit: cut },
    ]);
  });

  test("texts that are the same once storable get one number, now and in a later session", async () => {
    const config = await migratedSchema(server);
    const entry = (id: string): EventEntry | ReadingEntry =>
      telemetry({ pack: [] }, { deviceId: id, source: id, firmware: id });
    const twins = [entry("a\0"), entry("a\ufffd"), entry("b".repeat(200)), entry("b".repeat(300))];
    await copyAll(config, twins);
    await copyAll(config, twins);
    const [counts] = await rows(
      config,
      "SELECT (SELECT count(*) FROM devices) AS devices, (SELECT count(*) FROM sources) AS sources, count(*) FROM entries",
    );
    expect(counts).toEqual({ devices: "2", sources: "2", count: "8" });
  });

  test("a code that got its name after it was stored is shown by name", async () => {
    const config = await migratedSchema(server);
    await copyAll(config, [telemetry({ pack: [{ id: 1, v: 1, u: 1 }] })]);
    const named = await rows(config, "SELECT sensor, unit FROM channels");
    await rows(config, "UPDATE channels SET sensor = '1', unit = '1'");
    await copyAll(config, [telemetry({ pack: [] })]);
    expect(await rows(config, "SELECT sensor, unit FROM channels")).toEqual(named);
  });

  test("the view gives names, quality, verification and place", async () => {
    const config = await migratedSchema(server);
    await copyAll(config, [
      telemetry(
        {
          pack: [
            { id: 1, v: 21.7, u: 1 },
            { id: "moss", v: -3, u: "furlong", q: 2 },
          ],
          seq: 7,
          msgId: "m",
        },
        { keyEpoch: 2, firmware: "2.1.0" },
      ),
    ]);
    const view = await rows(config, "SELECT * FROM readings ORDER BY ordinal");
    expect(view).toMatchObject([
      {
        device_id: "dev-1",
        value: "21.7",
        quality: 0,
        seq: "7",
        msg_id: "m",
        leaf_index: "0",
        ordinal: "1",
        verification: "verified",
        time_source: "gateway",
      },
      { sensor: "moss", value: "-3", unit: "furlong", quality: 2, ordinal: "2", source: "mqtt", firmware: "2.1.0" },
    ]);
  });
});

test("registry events become devices and keys, by the registry's own rules", async () => {
  const config = await migratedSchema(server);
  const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  const events: RegistryEvent[] = [
    { type: "device.enrolled", id: "a", name: "A", role: "mushroom1", transport: "mqtt", publicKey: key(1) },
    { type: "device.enrolled", id: "a", name: "again", role: "", transport: "", publicKey: key(9) },
    { type: "device.key_rotated", id: "a", epoch: 2, publicKey: key(2), previousValidUntilUs: receivedUs + 60_000_000 },
    { type: "device.key_rotated", id: "a", epoch: 3, publicKey: key(3), previousValidUntilUs: receivedUs + 90_000_000 },
    { type: "device.firmware", id: "a", firmware: "2.2.0" },
    { type: "device.enrolled", id: "b", name: "B", role: "", transport: "serial", publicKey: undefined },
    { type: "device.revoked", id: "b", reason: "lost" },
  ];
  // A reading first: its device number must be the one that the enrolment finds.
  await copyAll(config, [
    telemetry({ pack: [] }, { deviceId: "a" }),
    ...events.map((event) => eventEntry(event, receivedUs)),
  ]);
  const at = new Date(Math.floor(receivedUs / 1000));
  expect(
    await rows(config, "SELECT id, name, role, transport, enrolled_at, revoked_at, firmware FROM devices ORDER BY id"),
  ).toEqual([
    { id: "a", name: "A", role: "mushroom1", transport: "mqtt", enrolled_at: at, revoked_at: null, firmware: "2.2.0" },
    { id: "b", name: "B", role: "", transport: "serial", enrolled_at: at, revoked_at: at, firmware: "" },
  ]);
  expect(
    await rows(
      config,
      "SELECT epoch, get_byte(public_key, 0) AS fill, extract(epoch FROM valid_until - valid_from)::int AS seconds FROM device_keys ORDER BY epoch",
    ),
  ).toEqual([
    { epoch: 1, fill: 1, seconds: 60 },
    { epoch: 2, fill: 2, seconds: 90 },
    { epoch: 3, fill: 3, seconds: null },
  ]);
});
