/**
 * Rows of the database against entries of the ledger. What the rows should be is copied beside them, by the encoder that
 * writes them, and the server compares; what differs is compared once more with the tailer and retention held off, and is
 * then written anew. docs/adr/0074-rows-against-the-journal.md
 */
import pg, { type Client, type ClientConfig } from "pg";
import { hashBytes, leafHash } from "../../src/ledger/merkle.ts";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import { tombstoneIn } from "../../src/ledger/tombstone.ts";
import { storedLeafHash } from "../journal/leaf-hashes.ts";
import { changingEntries } from "../store/append-only.ts";
import { CopyBuffer } from "../store/copy-buffer.ts";
import { copyIn } from "../store/copy-in.ts";
import { copyInto, EntryEncoder } from "../store/entry-encoder.ts";
import { Names } from "../store/names.ts";
import { createExpectedDevices, devicesFinding, differingDevices, repairDevices } from "./device-tables.ts";
import type { SignedRun } from "./journal-check.ts";
import type { LedgerEvents } from "./ledger-events.ts";
import { countAnew, createTouchedBuckets, touchBuckets } from "./touched-rollups.ts";

export interface ComparedRows {
  /** Entries that the database has copied, and whose rows were compared. */
  readonly rows: number;
  readonly findings: readonly ScrubFinding[];
}

type Difference = "missing" | "extra" | "entry" | "columns" | "lost" | "unknown";

const sentences: Readonly<Record<Difference, string>> = {
  missing: "rows were missing",
  extra: "there were rows of entries that the ledger does not have",
  entry: "rows did not hold the entry of the ledger",
  columns: "columns of rows did not say what their entry says",
  lost: "rows of readings that the ledger does not keep any more are lost: nothing has their content",
  unknown: "rows are not those of the signed entries, and the journal cannot be read there",
};

interface DifferingRow {
  readonly leaf: number;
  readonly difference: Difference;
}

/** What the rows are compared with. */
interface Expected {
  /** Entries that the database has. */
  readonly copied: number;
  /** Leaves whose rows cannot be made anew, because nothing has their entry. */
  readonly unknown: readonly number[];
  /** Leaves whose row is to say that the reading is gone, although it should have it. */
  readonly lost: ReadonlySet<number>;
}

const applicationName = "mycogate scrub";
const statementTimeoutMs = 60_000;

/** A row is compared as PostgreSQL stores it: 21.7 is not 21.70. */
const differingRows = `
SELECT coalesce(e.leaf_index, x.leaf_index) AS leaf,
       CASE WHEN e.leaf_index IS NULL THEN 'missing' WHEN x.leaf_index IS NULL THEN 'extra'
            WHEN e.entry IS DISTINCT FROM x.entry THEN 'entry' ELSE 'columns' END AS difference
FROM (SELECT * FROM entries WHERE leaf_index >= $1 AND leaf_index < $2) e
FULL JOIN expected_entries x ON x.leaf_index = e.leaf_index
WHERE coalesce(e.leaf_index, x.leaf_index) < (SELECT leaf_index FROM tailer_cursors WHERE name = 'entries')
  AND (e.leaf_index IS NOT NULL OR x.leaf_index >= (SELECT leaf_index FROM tailer_cursors WHERE name = 'retention'))
  AND NOT coalesce(e.leaf_index, x.leaf_index) = ANY ($3)
  AND (e.leaf_index IS NULL OR x.leaf_index IS NULL OR e *<> x)
ORDER BY 1`;

/** Beyond the cursor the tailer would find its place taken, and stop there. */
const strayRows = `leaf_index < 0 OR leaf_index >= (SELECT leaf_index FROM tailer_cursors WHERE name = 'entries')`;

export class RowSession {
  readonly #client: Client;
  readonly #out = new CopyBuffer();
  #names: Names;

  private constructor(client: Client, names: Names) {
    this.#client = client;
    this.#names = names;
  }

  /** @throws what pg reports */
  static async open(config: ClientConfig): Promise<RowSession> {
    const timeouts = { connectionTimeoutMillis: 10_000, statement_timeout: statementTimeoutMs };
    const client = new pg.Client({ ...config, ...timeouts, application_name: applicationName });
    // The failure itself reaches whoever waits for a query.
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("SET synchronous_commit = off; SET timezone = 'UTC'");
      await client.query("CREATE TEMPORARY TABLE expected_entries (LIKE entries) ON COMMIT DELETE ROWS");
      await client.query(`${createExpectedDevices}; ${createTouchedBuckets}`);
      await client.query("BEGIN");
      await lockCursor(client);
      const names = await Names.load(client);
      await client.query("COMMIT");
      return new RowSession(client, names);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  /** @throws what pg reports; the session is then done for */
  async compare(run: SignedRun, events: LedgerEvents): Promise<ComparedRows> {
    const client = this.#client;
    await client.query("BEGIN");
    const expected = await this.#expect(run, events);
    const differing = await this.#differing(run, expected);
    await client.query("COMMIT");
    const rows = Math.max(0, Math.min(expected.copied, run.firstLeaf + run.entries.length) - run.firstLeaf);
    const unknown = expected.unknown.map((leaf): DifferingRow => ({ leaf, difference: "unknown" }));
    const repaired = differing.length === 0 ? [] : await this.#repair(run, events, differing);
    return { rows, findings: [...repaired, ...findingsOf(unknown, false)] };
  }

  /** Removes rows where no entry can be. @throws as `compare` */
  async removeStrays(): Promise<readonly ScrubFinding[]> {
    const client = this.#client;
    const found = await client.query(`SELECT FROM entries WHERE ${strayRows} LIMIT 1`);
    if (found.rowCount === 0) return [];
    await client.query("BEGIN");
    await lockCursor(client);
    const removed = await changingEntries(client, "repair", () =>
      client.query<{ leaf_index: string }>(`DELETE FROM entries WHERE ${strayRows} RETURNING leaf_index`),
    );
    await client.query("COMMIT");
    const strays = removed.rows.map(
      ({ leaf_index }): DifferingRow => ({ leaf: Number(leaf_index), difference: "extra" }),
    );
    return findingsOf(
      strays.sort((a, b) => a.leaf - b.leaf),
      true,
    );
  }

  /** Puts right what the database says of devices. @throws as `compare` */
  async checkDevices(events: LedgerEvents): Promise<readonly ScrubFinding[]> {
    const client = this.#client;
    await client.query("BEGIN");
    const logged = events.registryEvents(await copiedBy(client));
    const differing = logged === undefined ? [] : await differingDevices(client, this.#names, logged);
    await client.query("COMMIT");
    if (differing.length === 0) return [];
    // Once more with the tailer held off, which may just have applied an event.
    await client.query("BEGIN");
    await lockCursor(client);
    this.#names = await Names.load(client);
    const now = events.registryEvents(await copiedBy(client))!;
    const wrong = await differingDevices(client, this.#names, now);
    await client.query("TRUNCATE expected_devices, expected_device_keys");
    // Rows of devices that were deleted come back first.
    await this.#names.save(client);
    await differingDevices(client, this.#names, now);
    await repairDevices(client);
    await client.query("COMMIT");
    return wrong.length === 0 ? [] : [devicesFinding(wrong, now)];
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  /** With the tailer and retention held off, so that what differs now is really wrong. */
  async #repair(
    run: SignedRun,
    events: LedgerEvents,
    before: readonly DifferingRow[],
  ): Promise<readonly ScrubFinding[]> {
    const client = this.#client;
    try {
      await client.query("BEGIN");
      // The tailer takes this lock before that of changingEntries, too.
      await lockCursor(client);
      this.#names = await Names.load(client);
      const differing = await changingEntries(client, "repair", async () => {
        const expected = await this.#expect(run, events);
        await this.#names.save(client);
        const differing = await this.#differing(run, expected);
        const leaves = (of: (difference: Difference) => boolean) =>
          differing.filter(({ difference }) => of(difference)).map(({ leaf }) => leaf);
        await touchBuckets(
          client,
          leaves(() => true).filter((leaf) => !expected.lost.has(leaf)),
        );
        await client.query("DELETE FROM entries WHERE leaf_index = ANY ($1)", [leaves((what) => what !== "missing")]);
        await client.query("INSERT INTO entries SELECT * FROM expected_entries WHERE leaf_index = ANY ($1)", [
          leaves((what) => what !== "extra"),
        ]);
        await countAnew(client);
        return differing.map((row) => (expected.lost.has(row.leaf) ? { ...row, difference: "lost" as const } : row));
      });
      await client.query("COMMIT");
      return [
        ...findingsOf(
          differing.filter(({ difference }) => difference !== "lost"),
          true,
        ),
        ...findingsOf(
          differing.filter(({ difference }) => difference === "lost"),
          false,
        ),
      ];
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !/^(23|42|25)/.test(error.code ?? "")) throw error;
      // Somebody has changed more than rows.
      await client.query("ROLLBACK");
      const failed = findingsOf(before, false);
      return failed.map(({ what, ...finding }) => ({
        ...finding,
        what: `${what}; writing them anew failed: ${error.message}`,
      }));
    }
  }

  /** Fills the table of what the rows should be, within the caller's transaction. */
  async #expect({ firstLeaf, entries, hashes }: SignedRun, events: LedgerEvents): Promise<Expected> {
    const client = this.#client;
    await client.query("DELETE FROM expected_entries");
    const copied = await copiedBy(client);
    const bare = entries.flatMap((entry, index) =>
      entry === undefined || tombstoneIn(entry) !== undefined ? [firstLeaf + index] : [],
    );
    const kept = await this.#entriesOf(bare);
    const unknown: number[] = [];
    const lost = new Set<number>();
    const out = this.#out;
    const encoder = new EntryEncoder(this.#names, out);
    out.start();
    for (const [index, entry] of entries.entries()) {
      const leaf = firstLeaf + index;
      const hash = hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
      const row = kept.get(leaf);
      const tombstone = entry && tombstoneIn(entry);
      if (tombstone !== undefined) {
        // Retention of the ledger leaves the database its readings; who is erased is erased there too.
        const stays = row !== undefined && hash.equals(leafHash(row)) && !events.areErased(tombstone, copied);
        if (!stays && !events.areErased(tombstone, copied)) lost.add(leaf);
        encoder.add(leaf, stays ? row : entry!);
      } else if (entry !== undefined) encoder.add(leaf, entry);
      else if (row !== undefined && hash.equals(storedLeafHash(row))) encoder.add(leaf, row);
      else if (leaf < copied) unknown.push(leaf);
    }
    await copyIn(client, copyInto("expected_entries"), out.finish());
    return { copied, unknown, lost };
  }

  async #differing({ firstLeaf, entries }: SignedRun, { unknown }: Expected): Promise<DifferingRow[]> {
    const { rows } = await this.#client.query<{ leaf: string; difference: Difference }>(differingRows, [
      firstLeaf,
      firstLeaf + entries.length,
      unknown,
    ]);
    return rows.map(({ leaf, difference }) => ({ leaf: Number(leaf), difference }));
  }

  async #entriesOf(leaves: readonly number[]): Promise<Map<number, Buffer>> {
    if (leaves.length === 0) return new Map();
    const { rows } = await this.#client.query<{ leaf_index: string; entry: Buffer }>(
      "SELECT leaf_index, entry FROM entries WHERE leaf_index = ANY ($1)",
      [leaves],
    );
    return new Map(rows.map(({ leaf_index, entry }) => [Number(leaf_index), entry]));
  }
}

async function lockCursor(client: Client): Promise<void> {
  await client.query("SELECT FROM tailer_cursors WHERE name = 'entries' FOR UPDATE");
}

async function copiedBy(client: Client): Promise<number> {
  const { rows } = await client.query<{ leaf_index: string }>(
    "SELECT leaf_index FROM tailer_cursors WHERE name = 'entries'",
  );
  return Number(rows[0]?.leaf_index ?? 0);
}

/** One for each way to be wrong. */
function findingsOf(differing: readonly DifferingRow[], repaired: boolean): ScrubFinding[] {
  const ways = [...new Set(differing.map(({ difference }) => difference))];
  return ways.map((way) => {
    const rows = differing.filter(({ difference }) => difference === way);
    return { part: "database", what: sentences[way], leafIndex: rows[0]!.leaf, count: rows.length, repaired };
  });
}
