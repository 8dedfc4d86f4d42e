/**
 * One connection that copies ledger entries into the database, each batch with the cursor in one transaction: exactly once,
 * whatever crashes when. After any error the session is done for; a new one begins where the database says.
 */
import pg, { type Client, type ClientConfig } from "pg";
import { CopyBuffer } from "./copy-buffer.ts";
import { copyIn } from "./copy-in.ts";
import { applyEvents } from "./device-rows.ts";
import { type CopyWarnings, copyEntries, EntryEncoder } from "./entry-encoder.ts";
import { eraseRows } from "./erase-rows.ts";
import { Names } from "./names.ts";

/** A run of ledger entries: `count` × (u16be length ‖ entry). */
export interface EntryRun {
  readonly firstLeaf: number;
  readonly count: number;
  readonly bundle: Uint8Array;
}

export class CopySession {
  readonly #client: Client;
  readonly #out = new CopyBuffer();
  readonly #names: Names;
  readonly #encoder: EntryEncoder;
  #committed: number;
  #next: number;

  private constructor(client: Client, names: Names, cursor: number) {
    this.#client = client;
    this.#names = names;
    this.#encoder = new EntryEncoder(names, this.#out);
    this.#committed = cursor;
    this.#next = cursor;
    this.#out.start();
  }

  static async open(config: ClientConfig): Promise<CopySession> {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 10_000, application_name: "mycogate tailer" });
    // The failure itself reaches whoever waits for a query.
    client.on("error", () => undefined);
    try {
      await client.connect();
      // A commit that the server's crash undoes is copied again from the journal: it need not wait for the disk.
      await client.query("SET synchronous_commit = off");
      await client.query("BEGIN");
      const cursor = await client.query<{ leaf_index: string }>(
        "SELECT leaf_index FROM tailer_cursors WHERE name = 'entries' FOR UPDATE",
      );
      const names = await Names.load(client);
      await client.query("COMMIT");
      return new CopySession(client, names, Number(cursor.rows[0]!.leaf_index));
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }

  /** The first leaf index that the database does not have. */
  get cursor(): number {
    return this.#committed;
  }

  /** Take entries into the batch. @throws RangeError where they do not follow the last ones */
  add({ firstLeaf, count, bundle }: EntryRun): void {
    if (firstLeaf !== this.#next)
      throw new RangeError(`the journal gives leaf ${firstLeaf} where ${this.#next} is next`);
    let offset = 0;
    for (let index = 0; index < count; index++) {
      const start = offset + 2;
      offset = start + ((bundle[offset]! << 8) | bundle[offset + 1]!);
      this.#encoder.add(firstLeaf + index, bundle.subarray(start, offset));
    }
    this.#next += count;
  }

  /** Bytes of the batch so far. */
  get batchBytes(): number {
    return this.#out.size;
  }

  /**
   * Write the batch.
   * @returns what of it could not be copied in full
   * @throws what pg reports, or an Error when another tailer has moved the cursor
   */
  async commit(): Promise<CopyWarnings> {
    const client = this.#client;
    await client.query("BEGIN");
    // Locks the row and compares it at once: a second tailer waits here, and then finds that it is not its turn.
    const turn = await client.query(
      `UPDATE tailer_cursors SET leaf_index = ${this.#next} WHERE name = 'entries' AND leaf_index = ${this.#committed}`,
    );
    if (turn.rowCount !== 1) throw new Error(`another tailer has moved the cursor from ${this.#committed}`);
    await this.#names.save(client);
    await copyIn(client, copyEntries, this.#out.finish());
    await applyEvents(client, this.#names, this.#encoder.events.splice(0));
    await eraseRows(client, this.#names, this.#encoder.erased.splice(0));
    await client.query("COMMIT");
    this.#committed = this.#next;
    this.#out.start();
    return this.#encoder.takeWarnings();
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}
