/** Takes the readings of erased devices out of the database, when the tailer comes to the entry that says so. */
import type { Client } from "pg";
import { encodeTombstone } from "../../src/ledger/tombstone.ts";
import { changingEntries } from "./append-only.ts";
import { kind } from "./entry-encoder.ts";
import type { Names } from "./names.ts";

export interface ErasedDevice {
  readonly id: string;
  /** Leaf index of the order: the readings before it are gone. */
  readonly order: number;
}

/** What a tombstone has before the hash and after it. */
const hashBytes = 32;
const hashStart = 4;

/** Within the caller's transaction. The rows stay, as what the ledger has in the place of those readings. */
export async function eraseRows(client: Client, names: Names, erased: readonly ErasedDevice[]): Promise<void> {
  for (const { id, order } of erased) {
    const device = names.device(id);
    const tombstone = Buffer.from(encodeTombstone({ leafHash: new Uint8Array(hashBytes), order }));
    const values = [
      device,
      order,
      kind.removed,
      tombstone.subarray(0, hashStart),
      tombstone.subarray(hashStart + hashBytes),
    ];
    await changingEntries(client, "repair", async () => {
      await client.query(
        `WITH gone AS (DELETE FROM entries WHERE device_no = $1 AND kind = ${kind.reading} AND leaf_index < $2
                       RETURNING leaf_index, entry)
         INSERT INTO entries (leaf_index, kind, device_clock, entry)
         SELECT leaf_index, $3, false, $4::bytea || sha256('\\x00'::bytea || entry) || $5::bytea FROM gone`,
        values,
      );
    });
    for (const table of ["rollup_1m", "rollup_1h"])
      await client.query(`DELETE FROM ${table} WHERE device_no = $1`, [device]);
  }
}
