/** The deliberate ways around the rule that entries are append-only. migrations/0003-upkeep.sql */
import type { ClientBase } from "pg";

/** Any constant will do, as long as it stays. */
const advisoryLock = 0x6d79_6367;

/**
 * Lets `change` delete entries, within the caller's transaction and for no longer. A superuser has the right anyway, but
 * passes the trigger no more than others.
 */
export async function changingEntries<T>(
  client: ClientBase,
  why: "retention" | "repair",
  change: () => Promise<T>,
): Promise<T> {
  // One at a time: two transactions cannot change the rights on one table at once.
  await client.query(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
  await client.query(`SET LOCAL mycogate.${why} = 'on'; GRANT DELETE ON entries TO CURRENT_USER`);
  const result = await change();
  await client.query(`SET LOCAL mycogate.${why} = ''; REVOKE DELETE ON entries FROM CURRENT_USER`);
  return result;
}
