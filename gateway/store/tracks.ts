/** Where a device was, out of the database, in order of time; whatever dialect said so. */
import { GatewayError } from "../../src/errors.ts";
import type { TrackPoint, TrackQuery, TrackService } from "../http/services.ts";
import type { Database } from "./database.ts";
import { sqlTime } from "./readings.ts";
import { timestampText } from "./timestamp.ts";

/** A row as pg gives it: bigint and numeric as text. */
interface SqlRow {
  readonly time_us: string;
  readonly leaf_index: string;
  readonly lat_e7: number;
  readonly lon_e7: number;
  readonly acc_m: number | null;
  readonly altitude: string | null;
  readonly key_epoch: number;
  readonly device_clock: boolean;
}

// The reading `altitude` in metres above the sea, where the entry has one, is GeoJSON's third coordinate.
const select = `
SELECT (extract(epoch FROM e.time) * 1000000)::bigint AS time_us, e.leaf_index, e.lat_e7, e.lon_e7, e.acc_m, e.key_epoch,
       e.device_clock,
       (SELECT r.value FROM unnest(e.channels, e.values) AS r (channel_no, value) JOIN channels c USING (channel_no)
        WHERE c.sensor = 'altitude' AND c.unit = 'm' LIMIT 1) AS altitude
FROM entries e
WHERE e.kind = 1 AND e.lat_e7 IS NOT NULL AND e.device_no = (SELECT device_no FROM devices WHERE id = $1)
  AND e.time >= $2 AND e.time < $3 AND (e.time, e.leaf_index) > ($4::timestamptz, $5::bigint)
ORDER BY e.time, e.leaf_index LIMIT $6`;

export class DatabaseTracks implements TrackService {
  readonly #database: Pick<Database, "query">;

  constructor(database: Pick<Database, "query">) {
    this.#database = database;
  }

  async track({ device, from, to, limit, cursor }: TrackQuery): ReturnType<TrackService["track"]> {
    const after = cursor === undefined ? undefined : placeOf(cursor);
    const values = [
      device,
      from ? sqlTime(from) : "-infinity",
      to ? sqlTime(to) : "infinity",
      after ? timestampText(after.timeUs) : "-infinity",
      after?.leafIndex ?? -1,
      limit + 1,
    ];
    const rows = await this.#database.query<SqlRow>(select, values);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      points: page.map(point),
      next: rows.length > limit && last ? cursorOf(last) : null,
    };
  }
}

function point(row: SqlRow): TrackPoint {
  return {
    time: new Date(Math.floor(Number(row.time_us) / 1000)).toISOString(),
    latE7: row.lat_e7,
    lonE7: row.lon_e7,
    altitudeM: row.altitude === null ? undefined : Number(row.altitude),
    accuracyM: row.acc_m ?? undefined,
    leafIndex: Number(row.leaf_index),
    verification: row.key_epoch > 0 ? "verified" : "attested",
    timeSource: row.device_clock ? "device" : "gateway",
  };
}

function cursorOf({ time_us, leaf_index }: SqlRow): string {
  return Buffer.from(`track ${time_us} ${leaf_index}`).toString("base64url");
}

function placeOf(cursor: string): { readonly timeUs: number; readonly leafIndex: number } {
  const match = /^track (\d{1,16}) (\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString("latin1"));
  if (!match || Number(match[1]) > 8.64e15) {
    throw new GatewayError("REQUEST_INVALID", "the cursor was not given out for a track");
  }
  return { timeUs: Number(match[1]), leafIndex: Number(match[2]) };
}
