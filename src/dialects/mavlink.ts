/**
 * MAVLink 2: whole frames one after another, as the gateway gathers them from one system and component (docs/adr/0086).
 * Every field that is read keeps the digits it was sent with; the texts of STATUSTEXT are in the entry's bytes.
 */
import { sensorCode, unitCode } from "../../protocol/names.ts";
import type { UnitName } from "../../protocol/spec.ts";
import { type Decimal, decimalOf } from "../codec/decimal.ts";
import { decimalOfFloat32 } from "../codec/float32.ts";
import { type MavlinkFrame, readMavlinkFrame } from "../mavlink/frame.ts";
import { type FieldLayout, layouts, type MessageLayout } from "../mavlink/messages.ts";
import type { ArrayReading, Reading, Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";

interface Channel {
  readonly sensor: string;
  /** A name of the unit table, or text. */
  readonly unit: UnitName | "rad";
  /** Decimal places of the integer on the wire: millimetres are metres with 3. */
  readonly places?: number;
  /** What the field says where it has nothing to say. */
  readonly absent?: number;
}

const noU16 = 0xffff;

/** By message and field. https://mavlink.io/en/messages/common.html */
const channels: Readonly<Record<string, Readonly<Record<string, Channel>>>> = {
  HEARTBEAT: {
    custom_mode: { sensor: "flight_mode", unit: "index" },
    base_mode: { sensor: "base_mode", unit: "index" },
    system_status: { sensor: "system_status", unit: "index" },
  },
  SYS_STATUS: {
    load: { sensor: "cpu_load", unit: "%", places: 1 },
    voltage_battery: { sensor: "battery_voltage", unit: "V", places: 3, absent: noU16 },
    current_battery: { sensor: "battery_current", unit: "A", places: 2, absent: -1 },
    battery_remaining: { sensor: "battery_percent", unit: "%", absent: -1 },
  },
  GPS_RAW_INT: {
    fix_type: { sensor: "gps_fix", unit: "index" },
    satellites_visible: { sensor: "gps_satellites", unit: "count", absent: 0xff },
    eph: { sensor: "gps_hdop", unit: "index", places: 2, absent: noU16 },
  },
  SCALED_PRESSURE: {
    press_abs: { sensor: "pressure", unit: "hPa" },
    temperature: { sensor: "temp", unit: "C", places: 2 },
  },
  ATTITUDE: {
    roll: { sensor: "roll", unit: "rad" },
    pitch: { sensor: "pitch", unit: "rad" },
    yaw: { sensor: "yaw", unit: "rad" },
  },
  GLOBAL_POSITION_INT: {
    alt: { sensor: "altitude", unit: "m", places: 3 },
    relative_alt: { sensor: "altitude_above_home", unit: "m", places: 3 },
    vx: { sensor: "velocity_north", unit: "m_s", places: 2 },
    vy: { sensor: "velocity_east", unit: "m_s", places: 2 },
    vz: { sensor: "velocity_down", unit: "m_s", places: 2 },
    hdg: { sensor: "heading", unit: "deg", places: 2, absent: noU16 },
  },
  MISSION_CURRENT: {
    seq: { sensor: "mission_item", unit: "count" },
    total: { sensor: "mission_total", unit: "count", absent: noU16 },
    mission_state: { sensor: "mission_state", unit: "index", absent: 0 },
  },
  MISSION_ITEM_REACHED: { seq: { sensor: "mission_reached", unit: "count" } },
  VFR_HUD: {
    airspeed: { sensor: "air_speed", unit: "m_s" },
    groundspeed: { sensor: "ground_speed", unit: "m_s" },
    climb: { sensor: "climb_rate", unit: "m_s" },
    throttle: { sensor: "throttle", unit: "%" },
  },
  RADIO_STATUS: {
    rssi: { sensor: "radio_rssi", unit: "index", absent: 0xff },
    remrssi: { sensor: "radio_remote_rssi", unit: "index", absent: 0xff },
    rxerrors: { sensor: "radio_errors", unit: "count" },
  },
  BATTERY_STATUS: {
    temperature: { sensor: "battery_temperature", unit: "C", places: 2, absent: 0x7fff },
    current_consumed: { sensor: "battery_consumed_mah", unit: "count", absent: -1 },
    voltages: { sensor: "battery_cells", unit: "V", places: 3, absent: noU16 },
  },
  HOME_POSITION: {
    latitude: { sensor: "home_latitude", unit: "deg", places: 7 },
    longitude: { sensor: "home_longitude", unit: "deg", places: 7 },
    altitude: { sensor: "home_altitude", unit: "m", places: 3 },
  },
  EXTENDED_SYS_STATE: { landed_state: { sensor: "landed_state", unit: "index" } },
  STATUSTEXT: { severity: { sensor: "status_severity", unit: "index" } },
};

const armedFlag = 0x80;
/** GPS_FIX_TYPE from which on a position is one. */
const fix2d = 2;
const earliestUnixUs = 1_000_000_000_000n;

/** @param payload one or more whole MAVLink 2 frames and nothing else, all of one system and component */
export function decodeMavlink(payload: Uint8Array): Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  const frames: MavlinkFrame[] = [];
  for (let at = 0; at < payload.length; at += frames.at(-1)!.wire.length) {
    const frame = readMavlinkFrame(payload, at);
    if (!frame.ok) return refuse("NOT_WELL_FORMED", `at ${at}: ${frame.detail}`);
    frames.push(frame.value);
  }
  const first = frames[0];
  if (!first) return refuse("NOT_WELL_FORMED", "no frame");
  if (frames.some(({ system, component }) => system !== first.system || component !== first.component))
    return refuse("SCHEMA_INVALID", "frames of more than one component");
  const readings: Reading[] = [];
  const arrays: ArrayReading[] = [];
  let geo: Sample["geo"];
  let epochMs: number | undefined;
  for (const { messageId, payload: fields } of frames) {
    const layout = layouts.get(messageId);
    if (!layout) continue;
    const message = new MavlinkMessage(layout, fields);
    collect(message, readings, arrays);
    geo = message.position() ?? geo;
    epochMs = message.unixMs() ?? epochMs;
  }
  const header = { claimedDeviceId: undefined, msgId: undefined, seq: undefined, epochMs };
  return accept({ ...header, ...(geo && { geo }), readings, ...(arrays.length > 0 && { arrays }) });
}

/** What a component calls itself in HEARTBEAT: 6 is a ground station, which measures nothing. */
export function isGroundStation({ messageId, payload }: MavlinkFrame): boolean {
  const layout = layouts.get(messageId);
  return layout?.name === "HEARTBEAT" && new MavlinkMessage(layout, payload).number("type") === 6;
}

function collect(message: MavlinkMessage, readings: Reading[], arrays: ArrayReading[]): void {
  for (const [field, { sensor, unit, places = 0, absent }] of Object.entries(channels[message.name] ?? {})) {
    const common = { sensor: sensorCode(sensor) ?? sensor, unit: unitCode(unit) ?? unit, quality: 0 };
    const values = message.values(field).filter(({ vi, vs }) => !(vs === 0 && vi === absent));
    const scaled = values.map(({ vi, vs }): Decimal => ({ vi, vs: vs + places }));
    if (message.isArray(field)) {
      if (scaled.length > 0) arrays.push({ ...common, values: scaled });
    } else readings.push(...scaled.map((value) => ({ ...common, ...value })));
  }
  if (message.name !== "HEARTBEAT") return;
  const armed = Number((message.number("base_mode") & armedFlag) !== 0);
  readings.push({ sensor: sensorCode("armed") ?? "armed", vi: armed, vs: 0, unit: unitCode("bool")!, quality: 0 });
}

/** One message's fields; what was cut from the end is zero. */
class MavlinkMessage {
  readonly name: string;
  readonly #fields: ReadonlyMap<string, FieldLayout>;
  readonly #view: DataView;

  constructor({ name, fields }: MessageLayout, payload: Uint8Array) {
    this.name = name;
    this.#fields = new Map(fields.map((field) => [field[0], field]));
    const whole = new Uint8Array(256 + 8);
    whole.set(payload);
    this.#view = new DataView(whole.buffer);
  }

  isArray(field: string): boolean {
    return this.#fields.get(field)![3] > 0;
  }

  /** Without those that are no numbers. */
  values(field: string): Decimal[] {
    const [, offset, type, elements] = this.#fields.get(field)!;
    const size = sizes[type] ?? 1;
    const all = Array.from({ length: Math.max(1, elements) }, (_, at) => this.#decimal(type, offset + at * size));
    return all.filter((value) => value !== undefined);
  }

  number(field: string): number {
    return Number(this.values(field)[0]?.vi ?? Number.NaN);
  }

  /** Where it says it is, unless it knows no better than 0, 0. */
  position(): Sample["geo"] {
    const isFix = this.name === "GPS_RAW_INT" && this.number("fix_type") >= fix2d;
    if (!isFix && this.name !== "GLOBAL_POSITION_INT") return undefined;
    const [latE7, lonE7] = [this.number("lat"), this.number("lon")];
    if ((latE7 === 0 && lonE7 === 0) || Math.abs(latE7) > 900_000_000 || Math.abs(lonE7) > 1_800_000_000)
      return undefined;
    return { latE7, lonE7, accM: undefined };
  }

  unixMs(): number | undefined {
    if (this.name !== "SYSTEM_TIME") return undefined;
    const us = this.#view.getBigUint64(this.#fields.get("time_unix_usec")![1], true);
    return us < earliestUnixUs ? undefined : Number(us / 1000n);
  }

  #decimal(type: string, at: number): Decimal | undefined {
    const view = this.#view;
    switch (type) {
      case "float":
        return decimalOfFloat32(view.getFloat32(at, true));
      case "double":
        return decimalOf(view.getFloat64(at, true));
      case "uint64_t":
        return { vi: view.getBigUint64(at, true), vs: 0 };
      case "int64_t":
        return { vi: view.getBigInt64(at, true), vs: 0 };
      case "uint32_t":
        return { vi: view.getUint32(at, true), vs: 0 };
      case "int32_t":
        return { vi: view.getInt32(at, true), vs: 0 };
      case "uint16_t":
        return { vi: view.getUint16(at, true), vs: 0 };
      case "int16_t":
        return { vi: view.getInt16(at, true), vs: 0 };
      case "int8_t":
        return { vi: view.getInt8(at), vs: 0 };
      default:
        return { vi: view.getUint8(at), vs: 0 };
    }
  }
}

const sizes: Readonly<Record<string, number>> = {
  double: 8,
  uint64_t: 8,
  int64_t: 8,
  float: 4,
  uint32_t: 4,
  int32_t: 4,
  uint16_t: 2,
  int16_t: 2,
};
