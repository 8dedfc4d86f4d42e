/** Registry events as changes of the tables `devices` and `device_keys`, by the rules of src/registry/device-table.ts. */
import type { Client } from "pg";
import type { DatedEvent } from "./entry-encoder.ts";
import type { Names } from "./names.ts";
import { timestampText } from "./timestamp.ts";

const tables = { devices: "devices", keys: "device_keys" };

/** Apply events in ledger order, within the caller's transaction. @param into tables with the columns of those two */
export async function applyEvents(
  client: Client,
  names: Names,
  events: readonly DatedEvent[],
  into = tables,
): Promise<void> {
  const { devices, keys } = into;
  for (const { event, receivedUs } of events) {
    const no = names.device(event.id);
    const at = timestampText(receivedUs);
    switch (event.type) {
      case "device.enrolled": {
        const { name, role, transport, publicKey } = event;
        const first = await client.query(
          `UPDATE ${devices} SET name = $2, role = $3, transport = $4, enrolled_at = $5 WHERE device_no = $1 AND enrolled_at IS NULL`,
          [no, storable(name), storable(role), storable(transport), at],
        );
        if (first.rowCount === 1 && publicKey) await addKey(client, keys, no, 1, publicKey, at);
        break;
      }
      case "device.key_rotated":
        await client.query(`UPDATE ${keys} SET valid_until = least(valid_until, $2) WHERE device_no = $1`, [
          no,
          timestampText(event.previousValidUntilUs),
        ]);
        await addKey(client, keys, no, event.epoch, event.publicKey, at);
        break;
      case "device.revoked":
        await client.query(`UPDATE ${devices} SET revoked_at = coalesce(revoked_at, $2) WHERE device_no = $1`, [
          no,
          at,
        ]);
        break;
      case "device.firmware":
        await client.query(`UPDATE ${devices} SET firmware = $2 WHERE device_no = $1`, [no, storable(event.firmware)]);
        break;
      case "device.sparse_signing_set":
      case "quarantine.released":
        break;
    }
  }
}

async function addKey(
  client: Client,
  table: string,
  no: number,
  epoch: number,
  publicKey: Uint8Array,
  validFrom: string,
): Promise<void> {
  await client.query(
    `INSERT INTO ${table} (device_no, epoch, public_key, valid_from) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [no, epoch, Buffer.from(publicKey), validFrom],
  );
}

function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd");
}
