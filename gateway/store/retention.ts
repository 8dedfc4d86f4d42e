/** Dropping what is older than wanted. Only the copy shrinks: the journal and its hashes are not touched. */
import type { PoolClient } from "pg";

/** Days to keep; undefined keeps for ever. */
export interface Retention {
  /** Entries with their readings, by receive time. */
  readonly entriesDays?: number | undefined;
  /** Minute rollups. */
  readonly minutesDays?: number | undefined;
  /** Hour rollups. */
  readonly hoursDays?: number | undefined;
}

const entriesPerStep = 10_000;

/** Entries leave from the oldest leaf on, and only once they are in the rollups. */
export async function dropExpired(
  client: PoolClient,
  { entriesDays, minutesDays, hoursDays }: Retention,
): Promise<void> {
  if (entriesDays !== undefined) {
    while ((await dropEntries(client, entriesDays)) === entriesPerStep);
  }
  if (minutesDays !== undefined) await client.query(dropBuckets("rollup_1m"), [minutesDays]);
  if (hoursDays !== undefined) await client.query(dropBuckets("rollup_1h"), [hoursDays]);
}

async function dropEntries(client: PoolClient, days: number): Promise<number> {
  await client.query("BEGIN");
  await client.query("SET LOCAL statement_timeout = 0; SET LOCAL mycogate.retention = 'on'");
  const dropped = await client.query(
    `DELETE FROM entries WHERE leaf_index = ANY (ARRAY(
       SELECT leaf_index FROM entries
       WHERE leaf_index < (SELECT leaf_index FROM tailer_cursors WHERE name = 'rollups')
       ORDER BY leaf_index LIMIT ${entriesPerStep}))
     AND coalesce(received_at, 'epoch') < now() - $1 * interval '1 day'`,
    [days],
  );
  await client.query("COMMIT");
  return dropped.rowCount ?? 0;
}

function dropBuckets(table: string): string {
  return `DELETE FROM ${table} WHERE bucket < now() - $1 * interval '1 day'`;
}
