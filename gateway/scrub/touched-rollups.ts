/**
 * Rollups of readings whose rows were wrong: counted anew from the entries, where they are all still there. Within the
 * transaction that repairs the rows, the session's time zone being UTC.
 */
import type { Client } from "pg";

/** For the session. */
export const createTouchedBuckets = `
CREATE TEMPORARY TABLE touched_buckets (device_no int, channel_no int, minute timestamptz) ON COMMIT DELETE ROWS`;

/** Remembers the buckets of these rows, as they are or as they should be. */
export async function touchBuckets(client: Client, leaves: readonly number[]): Promise<void> {
  for (const table of ["entries", "expected_entries"])
    await client.query(
      `INSERT INTO touched_buckets SELECT DISTINCT device_no, unnest(channels), date_trunc('minute', time) FROM ${table}
       WHERE leaf_index = ANY ($1) AND kind = 1 AND time IS NOT NULL AND device_no IS NOT NULL`,
      [leaves],
    );
}

/** The time before which the database's retention may have dropped entries: a device's clock may be ten minutes ahead. */
const complete = `
SELECT max(received_at) + interval '10 minutes' FROM (
  SELECT received_at FROM entries
  WHERE leaf_index >= (SELECT nullif(leaf_index, 0) FROM tailer_cursors WHERE name = 'retention') AND received_at IS NOT NULL
  ORDER BY leaf_index LIMIT 1) first`;

/** Counts what was touched anew, as far as rollups have come. */
export async function countAnew(client: Client): Promise<void> {
  await client.query("SELECT FROM tailer_cursors WHERE name = 'rollups' FOR UPDATE");
  for (const [table, unit] of [
    ["rollup_1m", "minute"],
    ["rollup_1h", "hour"],
  ] as const) {
    const buckets = `(SELECT DISTINCT device_no, channel_no, date_trunc('${unit}', minute) AS bucket FROM touched_buckets
      WHERE date_trunc('${unit}', minute) >= coalesce((${complete}), '-infinity'))`;
    await client.query(
      `DELETE FROM ${table} t USING ${buckets} b
       WHERE t.device_no = b.device_no AND t.channel_no = b.channel_no AND t.bucket = b.bucket`,
    );
    await client.query(
      `INSERT INTO ${table} (device_no, channel_no, bucket, last_time, count, sum, min, max, last)
       SELECT b.device_no, b.channel_no, b.bucket, max(e.time), count(*), sum(r.value), min(r.value), max(r.value),
              (array_agg(r.value ORDER BY e.time DESC, e.leaf_index DESC, r.ordinal DESC))[1]
       FROM ${buckets} b
       JOIN entries e ON e.device_no = b.device_no AND e.time >= b.bucket AND e.time < b.bucket + interval '1 ${unit}'
         AND e.leaf_index < (SELECT leaf_index FROM tailer_cursors WHERE name = 'rollups')
       CROSS JOIN LATERAL unnest(e.channels, e.values) WITH ORDINALITY AS r (channel_no, value, ordinal)
       WHERE r.channel_no = b.channel_no
       GROUP BY 1, 2, 3`,
    );
  }
}
