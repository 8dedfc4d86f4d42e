import type { ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forEachEntry } from "../../../gateway/journal/frame.ts";
import { journalDir, type Ledger } from "../../../gateway/journal/ledger.ts";
import { listSegments, segmentPath } from "../../../gateway/journal/segment.ts";
import { CopySession } from "../../../gateway/store/copy-session.ts";
import { dropExpired } from "../../../gateway/store/retention.ts";
import { rollUp } from "../../../gateway/store/rollups.ts";
import { decodeEntry, encodeEntry } from "../../../src/ledger/entry.ts";
import { eventEntry } from "../../../src/registry/events.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { ledgerDir, openLedger } from "../../support/ledger-workload.ts";
import { record } from "../../support/removal-support.ts";
import { ScrubBench } from "../../support/scrub-support.ts";
import { migratedSchema, receivedUs, startServer, type TestServer, telemetry, withClient } from "./support.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const enrolled = eventEntry(
  { type: "device.enrolled", id: "a", name: "A", role: "", transport: "", publicKey: undefined },
  receivedUs,
);
const reading = (seq: number) =>
  telemetry({ seq, readings: [{ id: "temp", v: seq + 0.5, u: "C" }] }, { deviceId: seq % 2 ? "a" : "b" });

/** A ledger of 700 readings with their seals, an enrolment first, all copied; on a database of its own. */
class Copied {
  readonly files: FaultyFiles;
  readonly bench: ScrubBench;
  readonly config: ClientConfig;

  private constructor(files: FaultyFiles, bench: ScrubBench, config: ClientConfig) {
    this.files = files;
    this.bench = bench;
    this.config = config;
  }

  static async open(count = 700): Promise<Copied> {
    const [files, config] = [new FaultyFiles(), await migratedSchema(server)];
    const ledger = await openLedger(files, { block: { leaves: 100, ms: 86_400_000 }, segmentBytes: 40_000 });
    await record(ledger, [encodeEntry(enrolled)], true);
    for (let seq = 0; seq < count; seq += 50)
      await record(
        ledger,
        Array.from({ length: 50 }, (_, index) => encodeEntry(reading(seq + index))),
        false,
      );
    while (ledger.checkpointSize < ledger.durableSize) await new Promise((resolve) => setImmediate(resolve));
    const database = { onReady: (listener: (config: ClientConfig) => void) => listener(config) };
    const copied = new Copied(files, await ScrubBench.open(ledger, files, { database }), config);
    await copied.copy();
    return copied;
  }

  get ledger(): Ledger {
    return this.bench.ledger;
  }

  /** As the tailer does. */
  async copy(): Promise<void> {
    const session = await CopySession.open(this.config);
    for await (const run of this.ledger.frames(session.cursor, this.ledger.durableSize)) session.add(run);
    await session.commit();
    await session.close();
  }

  sql<Row>(text: string): Promise<Row[]> {
    return withClient(this.config, async (client) => (await client.query(text)).rows as Row[]);
  }

  /** With nothing in the way, as whoever owns the server can. */
  async asSuperuser(...texts: readonly string[]): Promise<void> {
    await withClient(this.config, async (client) => {
      await client.query("SET session_replication_role = replica");
      for (const text of texts) expect((await client.query(text)).rowCount, text).toBeGreaterThan(0);
    });
  }

  async rows(before = 700): Promise<object[]> {
    return this.sql(`SELECT entries::text FROM entries WHERE leaf_index < ${before} ORDER BY leaf_index`);
  }

  /** Leaf indexes of an entry of each kind. */
  async leaves(): Promise<Record<"reading" | "seal" | "event" | "removed", number>> {
    const leaves: Record<string, number> = {};
    for await (const { firstLeaf, bundle } of this.ledger.frames(0, 600)) {
      forEachEntry(bundle, (bytes, index) => {
        const entry = decodeEntry(bytes);
        if (entry.ok) leaves[entry.value.kind] = firstLeaf + index;
      });
    }
    return leaves as Record<"reading" | "seal" | "event" | "removed", number>;
  }

  close(): Promise<void> {
    return this.bench.close();
  }
}

test("a true copy gives no finding, and every row was compared", async () => {
  const copied = await Copied.open();
  const { size, rows, missedRows, findings } = await copied.bench.pass();
  expect({ rows, missedRows, findings }).toEqual({ rows: size, missedRows: 0, findings: [] });
  await copied.close();
});

describe("what a superuser does to rows is undone, and an entry tells it", () => {
  let shared: Copied;
  beforeAll(async () => {
    shared = await Copied.open();
  });
  afterAll(() => shared.close());

  test.each([
    ["a value of a reading", "columns", "reading", "UPDATE entries SET values = ARRAY[99.5] WHERE leaf_index = $"],
    [
      "the decimals of a value",
      "columns",
      "reading",
      "UPDATE entries SET values[1] = values[1] * 1.00 WHERE leaf_index = $",
    ],
    ["the time of a reading", "columns", "reading", "UPDATE entries SET time = time + '1 day' WHERE leaf_index = $"],
    ["whose reading it is", "columns", "reading", "UPDATE entries SET device_no = 3 - device_no WHERE leaf_index = $"],
    [
      "the bytes of a seal",
      "hold the entry",
      "seal",
      "UPDATE entries SET entry = set_byte(entry, 40, 255 - get_byte(entry, 40)) WHERE leaf_index = $",
    ],
    ["a reading taken away", "missing", "reading", "DELETE FROM entries WHERE leaf_index = $"],
    ["an enrolment taken away", "missing", "event", "DELETE FROM entries WHERE leaf_index = $"],
  ] as const)("%s", async (_, what, kind, statement) => {
    const before = await shared.rows();
    const leafIndex = (await shared.leaves())[kind];
    await shared.asSuperuser(statement.replace("$", String(leafIndex)));
    expect(await shared.rows()).not.toEqual(before);
    const { findings } = await shared.bench.pass();
    const finding = { part: "database", what: expect.stringContaining(what), leafIndex, count: 1, repaired: true };
    expect(findings).toEqual([finding]);
    expect(await shared.rows()).toEqual(before);
    const told = (await shared.bench.events()).filter(({ type }) => type.startsWith("ledger."));
    expect(told.slice(-1).map(({ type, body }) => [type, body.get("part"), body.get("leaf_index")])).toEqual([
      ["ledger.repaired", "database", leafIndex],
    ]);
    expect((await shared.bench.pass()).findings).toEqual([]);
  });

  test("rows that no entry stands for; the tailer goes on where they were", async () => {
    const copied = await Copied.open();
    const end = copied.ledger.durableSize;
    const columns = "kind, device_clock, time, received_at, device_no, source_no, key_epoch, channels, values, entry";
    for (const leaf of [-1, end])
      await copied.asSuperuser(
        `INSERT INTO entries (leaf_index, ${columns}) SELECT ${leaf}, ${columns} FROM entries WHERE leaf_index = 5`,
      );
    await record(copied.ledger, [encodeEntry(reading(1000))], false);
    await expect(copied.copy()).rejects.toThrow(/duplicate key/);
    const { findings } = await copied.bench.pass();
    expect(findings).toMatchObject([{ part: "database", leafIndex: -1, count: 2, repaired: true }]);
    await copied.copy();
    expect(await copied.sql("SELECT seq::int FROM entries WHERE kind = 1 ORDER BY leaf_index DESC LIMIT 1")).toEqual([
      { seq: 1000 },
    ]);
    await copied.close();
  });

  test("everything at once, told in few entries", async () => {
    const copied = await Copied.open();
    const before = await copied.rows();
    await copied.asSuperuser("UPDATE entries SET values = ARRAY[0] WHERE kind = 1 AND leaf_index % 3 = 0");
    await copied.asSuperuser("DELETE FROM entries WHERE leaf_index % 3 = 1");
    await copied.bench.pass();
    expect(await copied.rows()).toEqual(before);
    expect((await copied.bench.events()).filter(({ type }) => type === "ledger.repaired").length).toBeLessThan(5);
    await copied.close();
  });

  test("other names for devices and channels", async () => {
    const copied = await Copied.open();
    const view = "SELECT device_id, sensor, value::text FROM readings ORDER BY leaf_index LIMIT 100";
    const before = await copied.sql(view);
    await copied.asSuperuser("UPDATE devices SET id = 'someone-else' WHERE id = 'a'", "DELETE FROM sources");
    await copied.asSuperuser(`UPDATE channels SET key = '["other","other"]', sensor = 'other'`);
    expect(await copied.sql(view)).not.toEqual(before);
    await copied.bench.pass();
    expect(await copied.sql(view)).toEqual(before);
    expect((await copied.bench.pass()).findings).toEqual([]);
    await record(copied.ledger, [encodeEntry(reading(1000)), encodeEntry({ ...reading(1001), source: "udp" })], false);
    await copied.copy();
    await copied.close();
  });
});

test("devices and their keys are what the ledger has decided", async () => {
  const copied = await Copied.open();
  const publicKey = Buffer.alloc(32, 7);
  const enrolled = { type: "device.enrolled", id: "k", name: "K", role: "", transport: "", publicKey } as const;
  const rotated = {
    type: "device.key_rotated",
    id: "k",
    epoch: 2,
    publicKey,
    previousValidUntilUs: receivedUs,
  } as const;
  for (const event of [enrolled, rotated])
    await record(copied.ledger, [encodeEntry(eventEntry(event, receivedUs))], true);
  await copied.copy();
  const [devices, keys] = [
    "SELECT devices::text FROM devices ORDER BY 1",
    "SELECT k::text FROM device_keys k ORDER BY 1",
  ];
  const before = [await copied.sql(devices), await copied.sql(keys)];
  expect((await copied.bench.pass()).findings).toEqual([]);
  await copied.asSuperuser(
    "UPDATE devices SET name = 'mine', revoked_at = now() WHERE id = 'a'",
    "UPDATE device_keys SET public_key = '\\x00', valid_until = null WHERE epoch = 1",
    "DELETE FROM device_keys WHERE epoch = 2",
    "INSERT INTO device_keys SELECT device_no, 9, '\\x01', now() FROM devices WHERE id = 'b'",
  );
  const { findings } = await copied.bench.pass();
  expect(findings).toMatchObject([
    { part: "database", what: expect.stringContaining("devices"), count: 3, repaired: true },
  ]);
  expect([await copied.sql(devices), await copied.sql(keys)]).toEqual(before);
  await copied.asSuperuser("DELETE FROM devices WHERE id = 'k'");
  await copied.bench.pass();
  expect(
    await copied.sql(
      "SELECT name, count(*)::int FROM devices JOIN device_keys USING (device_no) WHERE id = 'k' GROUP BY 1",
    ),
  ).toEqual([{ name: "K", count: 2 }]);
  expect((await copied.bench.pass()).findings).toEqual([]);
  await copied.close();
});

test("rollups that have taken in a false value are counted anew", async () => {
  const copied = await Copied.open();
  const roll = () =>
    withClient(copied.config, async (client) => expect(await rollUp(client as never)).toBeGreaterThan(0));
  const both = "SELECT 'm', m::text FROM rollup_1m m UNION ALL SELECT 'h', h::text FROM rollup_1h h ORDER BY 1, 2";
  await roll();
  const before = await copied.sql(both);
  await copied.asSuperuser("DELETE FROM rollup_1m", "DELETE FROM rollup_1h");
  await copied.asSuperuser("UPDATE tailer_cursors SET leaf_index = 0 WHERE name = 'rollups'");
  const leaf = (await copied.leaves()).reading;
  await copied.asSuperuser(
    `UPDATE entries SET values = ARRAY[99999], time = time + '1 hour' WHERE leaf_index = ${leaf}`,
  );
  await roll();
  expect(await copied.sql(both)).not.toEqual(before);
  await copied.bench.pass();
  expect(await copied.sql(both)).toEqual(before);
  await copied.close();
});

describe("what is gone by order is no finding", () => {
  test("a device that was erased: before the database has heard of it, and after", async () => {
    const copied = await Copied.open();
    await copied.asSuperuser("CREATE TABLE kept AS SELECT * FROM entries");
    const { done } = await copied.bench.removal.erase("a");
    await done;
    expect((await copied.bench.pass()).findings).toEqual([]);
    expect(await copied.sql("SELECT FROM entries WHERE kind = 4")).toEqual([]);
    await copied.copy();
    const erased = await copied.rows();
    expect((await copied.bench.pass()).findings).toEqual([]);
    expect((await copied.sql("SELECT FROM entries WHERE kind = 4")).length).toBe(350);
    // Somebody who kept a reading puts it back.
    const leaf = (await copied.leaves()).removed;
    await copied.asSuperuser(`DELETE FROM entries WHERE leaf_index = ${leaf}`);
    await copied.asSuperuser(`INSERT INTO entries SELECT * FROM kept WHERE leaf_index = ${leaf}`);
    expect((await copied.bench.pass()).findings).toMatchObject([{ part: "database", leafIndex: leaf, repaired: true }]);
    expect(await copied.rows()).toEqual(erased);
    await copied.close();
  });

  test("readings that only the database keeps: held against their hashes, and lost when somebody changes them", async () => {
    const copied = await Copied.open();
    await copied.bench.removal.prune(receivedUs + 1, copied.ledger.durableSize);
    const before = await copied.rows();
    const { reading } = await copied.leaves().then(({ removed }) => ({ reading: removed }));
    expect((await copied.bench.pass()).findings).toEqual([]);
    await copied.asSuperuser(`UPDATE entries SET values = ARRAY[1] WHERE leaf_index = ${reading}`);
    expect((await copied.bench.pass()).findings).toMatchObject([{ leafIndex: reading, repaired: true }]);
    expect(await copied.rows()).toEqual(before);
    await copied.asSuperuser(`UPDATE entries SET entry = entry || '\\x00' WHERE leaf_index = ${reading}`);
    const [lost] = (await copied.bench.pass()).findings;
    expect(lost).toMatchObject({
      part: "database",
      what: expect.stringContaining("lost"),
      leafIndex: reading,
      repaired: false,
    });
    expect(await copied.sql(`SELECT kind, values FROM entries WHERE leaf_index = ${reading}`)).toEqual([
      { kind: 4, values: null },
    ]);
    await copied.close();
  });

  test("what the database's own retention has dropped", async () => {
    const copied = await Copied.open();
    await withClient(copied.config, (client) => rollUp(client as never));
    await withClient(copied.config, (client) => dropExpired(client as never, { entriesDays: 1 }));
    expect((await copied.sql("SELECT FROM entries")).length).toBeLessThan(700);
    expect((await copied.bench.pass()).findings).toEqual([]);
    await copied.close();
  });
});

test("where the journal is damaged, the rows are the last copy: they are kept, and held against the hashes", async () => {
  const copied = await Copied.open();
  const dir = journalDir(ledgerDir);
  const segment = copied.files.bytes(segmentPath(dir, (await listSegments(copied.files, dir))[1]!));
  segment[segment.length - 20]! ^= 1;
  const before = await copied.rows();
  const { findings: damage } = await copied.bench.pass();
  expect(damage).toMatchObject([{ part: "journal", repaired: false }]);
  const leaf = damage[0]!.leafIndex;
  expect(await copied.rows()).toEqual(before);
  await copied.asSuperuser(
    `UPDATE entries SET values = ARRAY[1] WHERE kind = 1 AND leaf_index BETWEEN ${leaf} AND ${leaf + 1}`,
  );
  await copied.bench.pass();
  expect(await copied.rows()).toEqual(before);
  await copied.asSuperuser(
    `UPDATE entries SET entry = entry || '\\x00' WHERE leaf_index >= ${leaf} AND leaf_index < ${leaf + 50}`,
  );
  const changed = await copied.rows();
  const { findings } = await copied.bench.pass();
  expect(findings.filter(({ part }) => part === "database")).toMatchObject([
    { what: expect.stringContaining("the journal cannot be read there"), repaired: false },
  ]);
  expect(await copied.rows()).toEqual(changed);
  await copied.close();
});

test("without the database the journal is checked all the same", async () => {
  const files = new FaultyFiles();
  const ledger = await openLedger(files);
  await record(ledger, [encodeEntry(reading(1))], false);
  while (ledger.checkpointSize === 0) await new Promise((resolve) => setImmediate(resolve));
  const bench = await ScrubBench.open(ledger, files);
  const pass = await bench.pass();
  expect(pass).toMatchObject({ rows: 0, missedRows: pass.size, databaseTrouble: "the database is away", findings: [] });
  await bench.close();
});
