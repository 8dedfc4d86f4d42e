/** Dropping what is older than wanted. Only the copy shrinks: the journal and its hashes are not touched. */
import type { PoolClient } from "pg";
import { changingEntries } from "./append-only.ts";

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
  await client.query("SET LOCAL statement_timeout = 0");
  const dropped = await changingEntries(client, "retention", () =>
    client.query(
      // What has no time of its own goes when something younger does.
      `WITH oldest AS (
         SELECT leaf_index, received_at < now() - $1 * interval '1 day' AS expired FROM entries
         WHERE leaf_index < (SELECT leaf_index FROM tailer_cursors WHERE name = 'rollups')
         ORDER BY leaf_index LIMIT ${entriesPerStep})
       DELETE FROM entries WHERE leaf_index = ANY (ARRAY(
         SELECT leaf_index FROM oldest
         WHERE coalesce(expired, true) AND leaf_index <= (SELECT max(leaf_index) FROM oldest WHERE expired)))
       RETURNING leaf_index`,
      [days],
    ),
  );
  // Whoever compares the copy with the ledger must know what may be missing.
  const last = dropped.rows.reduce((most, { leaf_index }) => Math.max(most, Number(leaf_index)), -1);
  if (last >= 0)
    await client.query("UPDATE tailer_cursors SET leaf_index = $1 WHERE name = 'retention' AND leaf_index < $1", [
      last + 1,
    ]);
  await client.query("COMMIT");
  return dropped.rowCount ?? 0;
}

function dropBuckets(table: string): string {
  return `DELETE FROM ${table} WHERE bucket < now() - $1 * interval '1 day'`;
}
