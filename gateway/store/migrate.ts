/**
 * Brings the database to this version's schema. Forward only: the numbered files of `migrations/` in order, each once, all
 * pending ones in one transaction, so that a failure leaves the database as it was. Applied files are recorded with their
 * checksum; an edited one is refused, and so is a database that a newer gateway has been at.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import pg, { type Client } from "pg";
import { GatewayError } from "../../src/errors.ts";
import { projectRoot } from "../project-root.ts";

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** Any constant will do, as long as it stays. */
const advisoryLock = 0x6d79636f;

/**
 * @returns names of the files applied now
 * @throws GatewayError MIGRATION_FAILED, DATABASE_MISMATCH (an edited file, or a database newer than this gateway)
 */
export async function migrate(client: Client, folder = join(projectRoot, "migrations")): Promise<readonly string[]> {
  const migrations = await readMigrations(folder);
  let current = "schema_migrations";
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock($1)", [advisoryLock]);
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const recorded = await client.query<Migration>(
      "SELECT version, name, sha256 FROM schema_migrations ORDER BY version",
    );
    const pending = checkHistory(migrations, recorded.rows);
    for (const { version, name, sql, sha256 } of pending) {
      current = name;
      await client.query(sql);
      await client.query("INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)", [
        version,
        name,
        sha256,
      ]);
    }
    // Not a numbered step: the extension may arrive long after the tables.
    current = "timescaledb.sql";
    await client.query(await readFile(join(projectRoot, "migrations", current), "utf8"));
    await client.query("COMMIT");
    return pending.map(({ name }) => name);
  } catch (cause) {
    await client.query("ROLLBACK").catch(() => undefined); // The connection may be what failed; the server rolls back itself then.
    if (!(cause instanceof pg.DatabaseError)) throw cause;
    throw new GatewayError("MIGRATION_FAILED", `migration ${current} failed: ${cause.message}`, { cause });
  }
}

/** @returns what is still to be applied */
function checkHistory(
  migrations: readonly Migration[],
  recorded: readonly Omit<Migration, "sql">[],
): readonly Migration[] {
  for (const [index, applied] of recorded.entries()) {
    const ours = migrations[index];
    if (!ours) {
      const message = `the database has migration ${applied.name}, which this gateway does not know: a newer one has used it`;
      throw new GatewayError("DATABASE_MISMATCH", message);
    }
    if (ours.version !== applied.version || ours.sha256 !== applied.sha256) {
      throw new GatewayError(
        "DATABASE_MISMATCH",
        `${ours.name} is not the file that was applied to the database as ${applied.name}`,
      );
    }
  }
  return migrations.slice(recorded.length);
}

async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      // A checkout may have turned the line ends.
      const sql = (await readFile(join(folder, name), "utf8")).replaceAll("\r\n", "\n");
      return { version: Number(name.slice(0, 4)), name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}
