/** What `devices` and `device_keys` say, against the decisions in the ledger. Within transactions of the caller. */
import type { Client } from "pg";
import type { ScrubFinding } from "../../src/ledger/scrub-events.ts";
import { applyEvents } from "../store/device-rows.ts";
import type { Names } from "../store/names.ts";
import type { LoggedEvent } from "./ledger-events.ts";

const expected = { devices: "expected_devices", keys: "expected_device_keys" } as const;

/** For the session. */
export const createExpectedDevices = `
CREATE TEMPORARY TABLE expected_devices (LIKE devices INCLUDING DEFAULTS INCLUDING INDEXES) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE expected_device_keys (LIKE device_keys INCLUDING INDEXES) ON COMMIT DELETE ROWS`;

const wrongDevices = "SELECT d.id FROM devices d JOIN expected_devices x USING (device_no) WHERE d *<> x";
const wrongKeys = `
SELECT device_no FROM device_keys k WHERE NOT EXISTS (SELECT FROM expected_device_keys x WHERE k *= x)
UNION SELECT device_no FROM expected_device_keys x WHERE NOT EXISTS (SELECT FROM device_keys k WHERE k *= x)`;

/** @param events of the entries that the database has. @returns ids of devices with a wrong row, or a wrong key */
export async function differingDevices(
  client: Client,
  names: Names,
  events: readonly LoggedEvent[],
): Promise<readonly string[]> {
  await client.query("INSERT INTO expected_devices (device_no, id) SELECT device_no, id FROM devices");
  await applyEvents(client, names, events, expected);
  const { rows } = await client.query<{ id: string }>(
    `${wrongDevices} UNION SELECT id FROM devices WHERE device_no IN (${wrongKeys}) ORDER BY 1`,
  );
  const known = new Set((await client.query<{ id: string }>("SELECT id FROM devices")).rows.map(({ id }) => id));
  const gone = events.map(({ event }) => event.id).filter((id) => !known.has(id));
  return [...new Set([...rows.map(({ id }) => id), ...gone])];
}

/** After `differingDevices` in the same transaction, the cursor's row locked. */
export async function repairDevices(client: Client): Promise<void> {
  await client.query(
    `UPDATE devices d SET name = x.name, role = x.role, transport = x.transport, enrolled_at = x.enrolled_at,
       revoked_at = x.revoked_at, firmware = x.firmware
     FROM expected_devices x WHERE x.device_no = d.device_no AND d *<> x`,
  );
  await client.query("DELETE FROM device_keys k WHERE NOT EXISTS (SELECT FROM expected_device_keys x WHERE k *= x)");
  await client.query("INSERT INTO device_keys SELECT * FROM expected_device_keys ON CONFLICT DO NOTHING");
}

export function devicesFinding(ids: readonly string[], events: readonly LoggedEvent[]): ScrubFinding {
  const leafIndex = events.find(({ event }) => ids.includes(event.id))?.leafIndex ?? 0;
  const what = "devices or their keys were not what the ledger has decided";
  return { part: "database", what, leafIndex, count: ids.length, repaired: true };
}
