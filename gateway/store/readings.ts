/**
 * Readings out of the database, page by page. Pages follow the key (time, leaf index, place in the entry), which never
 * changes, so that a reading is neither skipped nor repeated while others arrive.
 */
import { sensorName, unitName } from "../../protocol/names.ts";
import { GatewayError } from "../../src/errors.ts";
import type { ReadingRow, ReadingsQuery, ReadingsService } from "../http/services.ts";
import type { Database } from "./database.ts";
import { timestampText } from "./timestamp.ts";

interface Key {
  /** Microseconds since 1970. */
  readonly timeUs: number;
  readonly leafIndex: number;
  /** From 1. */
  readonly ordinal: number;
}

/** A row as pg gives it: bigint and numeric as text. */
interface SqlRow {
  readonly time_us: string;
  readonly leaf_index: string;
  readonly ordinal: string;
  readonly device_id: string;
  readonly channel: string;
  /** Null: an array reading, whose numbers are in `array`. */
  readonly value: string | null;
  readonly array: readonly string[] | null;
  readonly quality: number;
  readonly seq: string | null;
  readonly msg_id: string | null;
  readonly key_epoch: number;
  readonly device_clock: boolean;
}

export class DatabaseReadings implements ReadingsService {
  readonly #database: Pick<Database, "query">;

  constructor(database: Pick<Database, "query">) {
    this.#database = database;
  }

  async query(query: ReadingsQuery): ReturnType<ReadingsService["query"]> {
    const channels = query.sensor === undefined ? undefined : await this.#channelsOf(query.sensor);
    if (channels?.length === 0) return { data: [], next: null };
    const { text, values } = select(query, channels);
    const rows = await this.#database.query<SqlRow>(text, values);
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      data: page.map(readingRow),
      next: rows.length > page.length && last ? cursorOf(query.order, keyOf(last)) : null,
    };
  }

  /** A sensor may be asked for by name, by code, or by the text that a device sent. */
  async #channelsOf(sensor: string): Promise<readonly number[]> {
    const found = await this.#database.query<{ channel_no: number }>(
      "SELECT channel_no FROM channels WHERE sensor = $1 OR ($2 AND starts_with(key, '[' || $1 || ','))",
      [sensor.replaceAll("\0", "\ufffd"), /^\d+$/.test(sensor)],
    );
    return found.map(({ channel_no }) => channel_no);
  }
}

/** The entries that can hold the page, each giving at least one reading but the one the cursor points into; then their readings. */
function select(query: ReadingsQuery, channels: readonly number[] | undefined): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const { device, from, to, limit, order } = query;
  const after = query.cursor === undefined ? undefined : keyAt(query.cursor, order);
  const past = order === "asc" ? ">" : "<";
  const entry = ["e.kind = 1", "(cardinality(e.channels) > 0 OR cardinality(e.array_channels) > 0)"];
  const reading = ["true"];
  if (device !== undefined) {
    entry.push(
      `e.device_no = (SELECT device_no FROM devices WHERE id = ${parameter(device.replaceAll("\0", "\ufffd"))})`,
    );
  }
  if (from) entry.push(`e.time >= ${parameter(sqlTime(from))}`);
  if (to) entry.push(`e.time < ${parameter(sqlTime(to))}`);
  if (channels) {
    const wanted = parameter(channels);
    entry.push(`(e.channels && ${wanted}::int[] OR e.array_channels && ${wanted}::int[])`);
    reading.push(`r.channel_no = ANY (${wanted}::int[])`);
  }
  if (after) {
    const place = `${parameter(timestampText(after.timeUs))}::timestamptz, ${parameter(after.leafIndex)}::bigint`;
    entry.push(`(e.time, e.leaf_index) ${past}= (${place})`);
    reading.push(`(e.time, e.leaf_index, r.ordinal) ${past} (${place}, ${parameter(after.ordinal)}::bigint)`);
  }
  const text = `
SELECT (extract(epoch FROM e.time) * 1000000)::bigint AS time_us, e.leaf_index, r.ordinal, d.id AS device_id, c.key AS channel,
       r.value, r.array, coalesce(r.quality, 0) AS quality, e.seq, e.msg_id, e.key_epoch, e.device_clock
FROM (SELECT * FROM entries e WHERE ${entry.join(" AND ")}
      ORDER BY e.time ${order}, e.leaf_index ${order} LIMIT ${parameter(limit + 2)}) e
CROSS JOIN LATERAL (
  SELECT channel_no, value, NULL::text[] AS array, quality, ordinal
  FROM unnest(e.channels, e.values, e.qualities) WITH ORDINALITY AS s (channel_no, value, quality, ordinal)
  UNION ALL
  SELECT channel_no, NULL, e.array_values[coalesce(e.array_ends[ordinal - 1], 0) + 1 : array_end]::text[], quality,
         coalesce(cardinality(e.channels), 0) + ordinal
  FROM unnest(e.array_channels, e.array_ends, e.array_qualities) WITH ORDINALITY AS a (channel_no, array_end, quality, ordinal)
) r
JOIN channels c USING (channel_no)
JOIN devices d USING (device_no)
WHERE ${reading.join(" AND ")}
ORDER BY e.time ${order}, e.leaf_index ${order}, r.ordinal ${order} LIMIT ${parameter(limit + 1)}`;
  return { text, values };
}

/** PostgreSQL reads neither a year of six digits nor the year 0. */
export function sqlTime(date: Date): string {
  const year = date.getUTCFullYear();
  if (year > 9999) return "infinity";
  return year < 1 ? "-infinity" : date.toISOString();
}

function readingRow(row: SqlRow): ReadingRow {
  const [sensor, unit] = JSON.parse(row.channel) as [number | string, number | string];
  return {
    time: new Date(Math.floor(Number(row.time_us) / 1000)).toISOString(),
    deviceId: row.device_id,
    sensor: typeof sensor === "number" ? (sensorName(sensor) ?? sensor) : sensor,
    value: row.array ?? row.value!,
    unit: typeof unit === "number" ? (unitName(unit) ?? unit) : unit,
    quality: row.quality,
    seq: row.seq,
    msgId: row.msg_id,
    leafIndex: Number(row.leaf_index),
    verification: row.key_epoch > 0 ? "verified" : "attested",
    timeSource: row.device_clock ? "device" : "gateway",
  };
}

function keyOf(row: SqlRow): Key {
  return { timeUs: Number(row.time_us), leafIndex: Number(row.leaf_index), ordinal: Number(row.ordinal) };
}

function cursorOf(order: "asc" | "desc", { timeUs, leafIndex, ordinal }: Key): string {
  return Buffer.from(`${order} ${timeUs} ${leafIndex} ${ordinal}`).toString("base64url");
}

function keyAt(cursor: string, order: "asc" | "desc"): Key {
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  const match = /^(asc|desc) (\d{1,16}) (\d{1,15}) (\d{1,9})$/.exec(text);
  // timestamptz ends in the year 294276, a Date in 275760; no reading is filed beyond its receive time and ten minutes.
  if (match?.[1] !== order || Number(match[2]) > 8.64e15) {
    throw new GatewayError("REQUEST_INVALID", "the cursor was not given out for this query");
  }
  return { timeUs: Number(match[2]), leafIndex: Number(match[3]), ordinal: Number(match[4]) };
}
