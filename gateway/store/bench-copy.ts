/**
 * How fast this schema takes entries by COPY, on an idle server and with nothing else to do: the limit that
 * `mycogate bench ingest` is shown beside. For comparison also the layout that was not chosen, one row per reading.
 */
import pg, { type Client, type ClientConfig } from "pg";
import type { ReadingEntry } from "../../src/ledger/types.ts";
import type { Sample } from "../../src/reading.ts";
import { CopyBuffer } from "./copy-buffer.ts";
import { copyIn } from "./copy-in.ts";
import { copyEntries, EntryEncoder } from "./entry-encoder.ts";
import { migrate } from "./migrate.ts";
import { Names } from "./names.ts";

export interface CopyBenchOptions {
  readonly entries: number;
  readonly readingsPerEntry: number;
  readonly entryBytes: number;
  readonly entriesPerBatch: number;
}

export interface CopyBenchResult {
  readonly entriesPerSecond: number;
  readonly readingsPerSecond: number;
  /** Time in this thread to write an entry's rows in COPY's binary form; decoding the entry is not in it. */
  readonly encodeMicrosPerEntry: number;
  /** Time from sending a batch until it is committed, per entry. */
  readonly serverMicrosPerEntry: number;
  /** Tables with their indexes. */
  readonly bytesPerEntry: number;
}

const defaults: CopyBenchOptions = { entries: 200_000, readingsPerEntry: 6, entryBytes: 300, entriesPerBatch: 2_000 };
const deviceCount = 200;

/** Runs in a schema of its own, which is dropped afterwards. */
export async function benchCopy(
  config: ClientConfig,
  options: Partial<CopyBenchOptions> = {},
): Promise<{ wide: CopyBenchResult; long: CopyBenchResult }> {
  const client = new pg.Client({ ...config, options: "-c search_path=mycogate_bench -c synchronous_commit=off" });
  await client.connect();
  try {
    await client.query("CREATE SCHEMA mycogate_bench");
    await migrate(client);
    await client.query(longLayout);
    const merged = { ...defaults, ...options };
    const wide = await measure(client, merged, wideBatches(merged), ["entries"]);
    const long = await measure(client, merged, longBatches(merged), ["long_entries", "long_readings"]);
    return { wide, long };
  } finally {
    await client.query("DROP SCHEMA IF EXISTS mycogate_bench CASCADE");
    await client.end();
  }
}

/** Fills a batch of entries from `firstLeaf` on; each item is one COPY statement with its rows. */
type EncodeBatch = (firstLeaf: number) => { statement: string; messages: Buffer }[];

async function measure(
  client: Client,
  options: CopyBenchOptions,
  encode: EncodeBatch,
  tables: string[],
): Promise<CopyBenchResult> {
  let encodeMs = 0;
  let serverMs = 0;
  for (let leaf = 0; leaf < options.entries; leaf += options.entriesPerBatch) {
    const startMs = performance.now();
    const copies = encode(leaf);
    const encodedMs = performance.now();
    await client.query("BEGIN");
    for (const { statement, messages } of copies) await copyIn(client, statement, messages);
    await client.query("COMMIT");
    encodeMs += encodedMs - startMs;
    serverMs += performance.now() - encodedMs;
  }
  const sizes = await client.query<{ bytes: string }>(
    "SELECT sum(pg_total_relation_size(t::regclass)) AS bytes FROM unnest($1::text[]) t",
    [tables],
  );
  const entries = Math.ceil(options.entries / options.entriesPerBatch) * options.entriesPerBatch;
  const entriesPerSecond = (entries / (encodeMs + serverMs)) * 1000;
  return {
    entriesPerSecond,
    readingsPerSecond: entriesPerSecond * options.readingsPerEntry,
    encodeMicrosPerEntry: (encodeMs / entries) * 1000,
    serverMicrosPerEntry: (serverMs / entries) * 1000,
    bytesPerEntry: Number(sizes.rows[0]!.bytes) / entries,
  };
}

function wideBatches({ readingsPerEntry, entryBytes, entriesPerBatch }: CopyBenchOptions): EncodeBatch {
  const out = new CopyBuffer();
  const encoder = new EntryEncoder(new Names(), out);
  const bytes = Buffer.alloc(entryBytes, 0x5a);
  return (firstLeaf) => {
    out.start();
    for (let leaf = firstLeaf; leaf < firstLeaf + entriesPerBatch; leaf++) {
      encoder.addReading(leaf, bytes, entryOf(leaf), sampleOf(leaf, readingsPerEntry));
    }
    return [{ statement: copyEntries, messages: out.finish() }];
  };
}

const longLayout = `
CREATE TABLE long_entries (
  leaf_index bigint PRIMARY KEY, time timestamptz NOT NULL, received_at timestamptz NOT NULL, device_no int NOT NULL,
  source_no int NOT NULL, key_epoch int NOT NULL, kind smallint NOT NULL, device_clock boolean NOT NULL,
  seq numeric, msg_id text, entry bytea NOT NULL);
CREATE TABLE long_readings (
  leaf_index bigint NOT NULL, time timestamptz NOT NULL, device_no int NOT NULL, channel_no int NOT NULL,
  ordinal smallint NOT NULL, quality smallint NOT NULL, value numeric NOT NULL);
CREATE INDEX ON long_entries (time, leaf_index);
CREATE INDEX ON long_readings (device_no, time, leaf_index, ordinal);`;

function longBatches({ readingsPerEntry, entryBytes, entriesPerBatch }: CopyBenchOptions): EncodeBatch {
  const entries = new CopyBuffer();
  const readings = new CopyBuffer();
  const names = new Names();
  const bytes = Buffer.alloc(entryBytes, 0x5a);
  return (firstLeaf) => {
    entries.start();
    readings.start();
    for (let leaf = firstLeaf; leaf < firstLeaf + entriesPerBatch; leaf++) {
      const entry = entryOf(leaf);
      const sample = sampleOf(leaf, readingsPerEntry);
      const device = names.device(entry.deviceId);
      entries.row(11, 256 + bytes.length);
      entries.int64Field(leaf);
      entries.timestampField(Number(sample.epochMs) * 1000);
      entries.timestampField(entry.receivedUs);
      entries.int32Field(device);
      entries.int32Field(names.source(entry.source, entry.format, entry.firmware));
      entries.int32Field(entry.keyEpoch);
      entries.int16Field(1);
      entries.booleanField(true);
      entries.numericField(sample.seq!, 0);
      entries.textField(sample.msgId!);
      entries.bytesField(bytes);
      for (const [ordinal, { sensor, unit, vi, vs, quality }] of sample.readings.entries()) {
        readings.row(7, 128);
        readings.int64Field(leaf);
        readings.timestampField(Number(sample.epochMs) * 1000);
        readings.int32Field(device);
        readings.int32Field(names.channel(sensor, unit));
        readings.int16Field(ordinal + 1);
        readings.int16Field(quality);
        readings.numericField(vi, vs);
      }
    }
    return [
      { statement: "COPY long_entries FROM STDIN (FORMAT binary)", messages: entries.finish() },
      {
        statement:
          "COPY long_readings (leaf_index, time, device_no, channel_no, ordinal, quality, value) FROM STDIN (FORMAT binary)",
        messages: readings.finish(),
      },
    ];
  };
}

const startUs = Date.UTC(2026, 0, 1) * 1000;

function entryOf(leaf: number): ReadingEntry {
  return {
    kind: "reading",
    payload: new Uint8Array(),
    receivedUs: startUs + leaf * 50,
    keyEpoch: 1,
    deviceId: `bench-${leaf % deviceCount}`,
    format: "envelope",
    source: "mqtt",
    firmware: "2.1.0",
  };
}

function sampleOf(leaf: number, readings: number): Sample {
  return {
    claimedDeviceId: undefined,
    msgId: leaf.toString(16).padStart(32, "0"),
    seq: Math.floor(leaf / deviceCount) + 1,
    epochMs: startUs / 1000 + Math.floor(leaf / 20),
    readings: Array.from({ length: readings }, (_, index) => ({
      sensor: index + 1,
      vi: (leaf * 7919 + index * 104_729) % 100_000,
      vs: index % 4,
      unit: index + 1,
      quality: 0,
    })),
  };
}
