/**
 * Keeps the rollups (migrations/0002-rollups.sql) up to date: each run takes the entries that it has not seen, by leaf
 * index, and adds them to their minutes and hours in one transaction with its cursor. So each reading counts once, late ones
 * in the bucket they belong to, and a crash repeats nothing.
 */
import type { PoolClient } from "pg";

/** Entries of one transaction: bounds its memory, its locks, and what a crash costs. */
const entriesPerStep = 50_000;

/** `last` is the value with the latest (time, leaf index, place in its entry). */
const addStep = `
WITH readings AS (
  SELECT e.device_no, r.channel_no, e.time, e.leaf_index, r.ordinal, r.value
  FROM entries e CROSS JOIN LATERAL unnest(e.channels, e.values) WITH ORDINALITY AS r (channel_no, value, ordinal)
  WHERE e.leaf_index >= $1 AND e.leaf_index < $2
), minutes AS MATERIALIZED (
  SELECT device_no, channel_no, date_trunc('minute', time) AS bucket, max(time) AS last_time,
         count(*) AS count, sum(value) AS sum, min(value) AS min, max(value) AS max,
         (array_agg(value ORDER BY time DESC, leaf_index DESC, ordinal DESC))[1] AS last
  FROM readings GROUP BY 1, 2, 3
), hours AS (
  SELECT device_no, channel_no, date_trunc('hour', bucket) AS bucket, max(last_time) AS last_time,
         sum(count) AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
         (array_agg(last ORDER BY last_time DESC))[1] AS last
  FROM minutes GROUP BY 1, 2, 3
), into_minutes AS (${merge("rollup_1m", "minutes")})
${merge("rollup_1h", "hours")}`;

function merge(table: string, from: string): string {
  const columns = "device_no, channel_no, bucket, last_time, count, sum, min, max, last";
  // Of equal times the new one is later: steps come in the order of leaf indexes.
  return `INSERT INTO ${table} AS t (${columns}) SELECT ${columns} FROM ${from}
  ON CONFLICT (device_no, channel_no, bucket) DO UPDATE SET
    count = t.count + excluded.count, sum = t.sum + excluded.sum,
    min = least(t.min, excluded.min), max = greatest(t.max, excluded.max),
    last = CASE WHEN excluded.last_time >= t.last_time THEN excluded.last ELSE t.last END,
    last_time = greatest(t.last_time, excluded.last_time)`;
}

/**
 * Take in one step of what has been copied since the last.
 * @returns entries taken in; 0 when there are none left
 */
export async function rollUp(client: PoolClient): Promise<number> {
  await client.query("BEGIN");
  // date_trunc goes by the session's time zone.
  await client.query("SET LOCAL statement_timeout = 0; SET LOCAL timezone = 'UTC'");
  // Locks the row, so that two gateways' jobs take turns.
  const cursor = await client.query<{ leaf_index: string }>(
    "SELECT leaf_index FROM tailer_cursors WHERE name = 'rollups' FOR UPDATE",
  );
  const copied = await client.query<{ leaf_index: string }>(
    "SELECT leaf_index FROM tailer_cursors WHERE name = 'entries'",
  );
  const from = Number(cursor.rows[0]!.leaf_index);
  const to = Math.min(Number(copied.rows[0]!.leaf_index), from + entriesPerStep);
  if (to > from) {
    await client.query(addStep, [from, to]);
    await client.query("UPDATE tailer_cursors SET leaf_index = $1 WHERE name = 'rollups'", [to]);
  }
  await client.query("COMMIT");
  return Math.max(0, to - from);
}
