/**
 * The small numbers that stand for devices, sources and channels in the database. Handed out here and written in the
 * transaction of the entries that use them; whoever holds the tailer's cursor row is the only one to do so.
 */
import type { Client } from "pg";
import { sensorName, unitName } from "../../protocol/names.ts";

/** Longer texts are cut, in the names only: the key of an index has 2700 bytes, and JSON takes up to 6 for a character. */
const maxNameLength = 200;

type Code = number | string;

export class Names {
  readonly #devices = new Map<string, number>();
  readonly #sources = new Map<string, number>();
  readonly #channels = new Map<Code, Map<Code, number>>();
  /** The highest numbers given: somebody may have deleted rows below them. */
  #lastDevice = 0;
  #lastSource = 0;
  #lastChannel = 0;
  #newDevices: [number, string][] = [];
  #newSources: [number, string, string, string][] = [];
  #newChannels: [number, string, string, string][] = [];

  /** Everything the database knows. Call with the cursor row locked. */
  static async load(client: Client): Promise<Names> {
    const names = new Names();
    const devices = await client.query<{ device_no: number; id: string }>("SELECT device_no, id FROM devices");
    for (const { device_no, id } of devices.rows) {
      names.#devices.set(id, device_no);
      names.#lastDevice = Math.max(names.#lastDevice, device_no);
    }
    const sources = await client.query<{ source_no: number; source: string; format: string; firmware: string }>(
      "SELECT source_no, source, format, firmware FROM sources",
    );
    for (const { source_no, source, format, firmware } of sources.rows) {
      names.#sources.set(sourceKey(source, format, firmware), source_no);
      names.#lastSource = Math.max(names.#lastSource, source_no);
    }
    const channels = await client.query<{ channel_no: number; key: string; sensor: string; unit: string }>(
      "SELECT channel_no, key, sensor, unit FROM channels",
    );
    for (const { channel_no, key, ...shown } of channels.rows) {
      const [sensor, unit] = JSON.parse(key) as [Code, Code];
      names.#setChannel(sensor, unit, channel_no);
      // The code tables may have learnt a name since.
      const now = { sensor: displayName(sensor, sensorName), unit: displayName(unit, unitName) };
      if (shown.sensor !== now.sensor || shown.unit !== now.unit) {
        const values = [channel_no, now.sensor, now.unit];
        await client.query("UPDATE channels SET sensor = $2, unit = $3 WHERE channel_no = $1", values);
      }
    }
    return names;
  }

  device(id: string): number {
    return this.#devices.get(id) ?? this.#newDevice(storable(id));
  }

  source(source: string, format: string, firmware: string): number {
    return (
      this.#sources.get(sourceKey(source, format, firmware)) ??
      this.#newSource(storable(source), format, storable(firmware))
    );
  }

  channel(sensor: Code, unit: Code): number {
    return this.#channels.get(sensor)?.get(unit) ?? this.#newChannel(storable(sensor), storable(unit));
  }

  /** Write the numbers handed out since the last call. */
  async save(client: Client): Promise<void> {
    await insert(client, "devices (device_no, id)", "int[], text[]", this.#newDevices);
    await insert(
      client,
      "sources (source_no, source, format, firmware)",
      "int[], text[], text[], text[]",
      this.#newSources,
    );
    await insert(
      client,
      "channels (channel_no, key, sensor, unit)",
      "int[], text[], text[], text[]",
      this.#newChannels,
    );
    this.#newDevices = [];
    this.#newSources = [];
    this.#newChannels = [];
  }

  // What has been made storable may be known by that name.

  #newDevice(id: string): number {
    const known = this.#devices.get(id);
    if (known !== undefined) return known;
    const no = ++this.#lastDevice;
    this.#devices.set(id, no);
    this.#newDevices.push([no, id]);
    return no;
  }

  #newSource(source: string, format: string, firmware: string): number {
    const key = sourceKey(source, format, firmware);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const no = ++this.#lastSource;
    this.#sources.set(key, no);
    this.#newSources.push([no, source, format, firmware]);
    return no;
  }

  #newChannel(sensor: Code, unit: Code): number {
    const known = this.#channels.get(sensor)?.get(unit);
    if (known !== undefined) return known;
    const no = this.#lastChannel + 1;
    this.#setChannel(sensor, unit, no);
    this.#newChannels.push([
      no,
      JSON.stringify([sensor, unit]),
      displayName(sensor, sensorName),
      displayName(unit, unitName),
    ]);
    return no;
  }

  #setChannel(sensor: Code, unit: Code, no: number): void {
    const units = this.#channels.get(sensor) ?? new Map<Code, number>();
    this.#channels.set(sensor, units.set(unit, no));
    this.#lastChannel = Math.max(this.#lastChannel, no);
  }
}

function sourceKey(source: string, format: string, firmware: string): string {
  return `${source}\n${format}\n${firmware}`;
}

/** U+0000 has no place in PostgreSQL's text. */
function storable<T extends Code>(code: T): T;
function storable(code: Code): Code {
  return typeof code === "string" ? code.slice(0, maxNameLength).replaceAll("\0", "\ufffd") : code;
}

function displayName(code: Code, nameOf: (code: number) => string | undefined): string {
  return typeof code === "string" ? code : (nameOf(code) ?? String(code));
}

async function insert(
  client: Client,
  into: string,
  types: string,
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  if (rows.length === 0) return;
  const columns = types.split(", ").map((_, column) => rows.map((row) => row[column]));
  const parameters = types.split(", ").map((type, column) => `$${column + 1}::${type}`);
  await client.query(`INSERT INTO ${into} SELECT * FROM unnest(${parameters.join(", ")})`, columns);
}
