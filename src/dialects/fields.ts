/**
 * One quantity has many field names in the field, by firmware: this table gives it one. wire-facts §3.4, §4.2, §5, §6, §11.
 * A name that is not here stays as sent, and its number has no unit.
 */
import { sensorCode, unitCode } from "../../protocol/names.ts";
import type { SensorName, UnitName } from "../../protocol/spec.ts";
import type { Reading } from "../reading.ts";

/** The two gas sensors of a board: ambient (address 0x77, slot a) and environment (0x76, slot b). wire-facts §11 */
export type Slot = "amb" | "env";

export interface Field {
  /** A name of the sensor table, or one of ours that is text. */
  readonly sensor: SensorName | (string & {});
  readonly unit: UnitName | "";
  /** The number is a thousand times what the unit says: milliseconds of a time in seconds. */
  readonly milli?: true;
  /** Of the board as a whole, also in a message about one of its sensors. */
  readonly board?: true;
}

const temp: Field = { sensor: "temp", unit: "C" };
const humidity: Field = { sensor: "humidity", unit: "%RH" };
const pressureHpa: Field = { sensor: "pressure", unit: "hPa" };
const gas: Field = { sensor: "gas_resistance", unit: "Ohm" };
const iaq: Field = { sensor: "iaq", unit: "index" };
const iaqStatic: Field = { sensor: "iaq_static", unit: "index" };
const iaqAccuracy: Field = { sensor: "iaq_accuracy", unit: "index" };
const co2: Field = { sensor: "co2_equivalent", unit: "ppm" };
const voc: Field = { sensor: "voc_equivalent", unit: "ppm" };
const uptime: Field = { sensor: "uptime", unit: "s", board: true };
/** Milliseconds since boot, beside a coarser uptime in the same message. */
const boardClock: Field = { sensor: "board_clock", unit: "s", milli: true, board: true };

const table: Readonly<Record<string, Field>> = {
  temperature: temp,
  temperature_c: temp,
  temperature_c_comp: temp,
  tC: temp,
  T: temp,
  temperature_f_comp: { sensor: "temp_f", unit: "F" },
  ambient_temperature_c: { sensor: "temp_raw", unit: "C" },
  ambient_temperature_f: { sensor: "temp_raw_f", unit: "F" },
  humidity,
  humidity_pct: humidity,
  humidity_pct_comp: humidity,
  rh: humidity,
  RH: humidity,
  ambient_humidity_pct: { sensor: "humidity_raw", unit: "%RH" },
  // Names no unit: told by its magnitude, in air-quality.ts.
  pressure: { sensor: "pressure", unit: "" },
  pressure_hpa: pressureHpa,
  p_hPa: pressureHpa,
  P: pressureHpa,
  gas_resistance: gas,
  gas_resistance_ohm: gas,
  gas_ohm: gas,
  gas,
  Gas: gas,
  gas_resistance_ohm_comp: { sensor: "gas_resistance_comp", unit: "Ohm" },
  iaq,
  IAQ: iaq,
  iaq_static: iaqStatic,
  siaq: iaqStatic,
  sIAQ: iaqStatic,
  iaq_accuracy: iaqAccuracy,
  acc: iaqAccuracy,
  co2_equivalent: co2,
  co2eq: co2,
  CO2eq: co2,
  eco2_ppm: co2,
  voc_equivalent: voc,
  bvoc_ppm: voc,
  voc,
  VOC: voc,
  gas_percentage: { sensor: "gas_percentage", unit: "%" },
  gas_estimates: { sensor: "gas_estimates", unit: "index" },
  gas_scan: { sensor: "gas_scan", unit: "Ohm" },
  gas_class: { sensor: "gas_class", unit: "index" },
  gas_probability: { sensor: "gas_probability", unit: "index" },
  ai1: { sensor: "analog_1", unit: "count" },
  ai2: { sensor: "analog_2", unit: "count" },
  ai3: { sensor: "analog_3", unit: "count" },
  ai4: { sensor: "analog_4", unit: "count" },
  ai1_voltage: { sensor: "analog_1", unit: "V" },
  ai2_voltage: { sensor: "analog_2", unit: "V" },
  ai3_voltage: { sensor: "analog_3", unit: "V" },
  ai4_voltage: { sensor: "analog_4", unit: "V" },
  mos1: { sensor: "output_1", unit: "bool" },
  mos2: { sensor: "output_2", unit: "bool" },
  mos3: { sensor: "output_3", unit: "bool" },
  "mosfet_states.0": { sensor: "output_1", unit: "bool" },
  "mosfet_states.1": { sensor: "output_2", unit: "bool" },
  "mosfet_states.2": { sensor: "output_3", unit: "bool" },
  soil_moisture: { sensor: "soil_moisture", unit: "count" },
  queue_depth: { sensor: "queue_depth", unit: "count" },
  uptime_s: uptime,
  uptime_seconds: uptime,
  uptime_ms: { ...uptime, milli: true },
  mono_ms: { ...uptime, milli: true },
  ts_ms: boardClock,
  t_ms: boardClock,
  boot_count: { sensor: "boot_count", unit: "count", board: true },
  heap: { sensor: "free_memory", unit: "count" },
};

/** Parts of a path that only say which sensor of the board is meant. */
const slots: Readonly<Record<string, Slot>> = { a: "amb", b: "env", amb: "amb", env: "env", AMB: "amb", ENV: "env" };

export function slotOf(text: unknown): Slot | undefined {
  return typeof text === "string" && Object.hasOwn(slots, text) ? slots[text] : undefined;
}

/** @param path keys from the message's top to the value */
export function fieldAt(path: readonly string[]): {
  readonly field: Field | undefined;
  readonly slot: Slot | undefined;
} {
  const [bus, sensor] = path;
  const slot = path.length > 2 && /^bme6(88|90)$/.test(bus!) ? slotOf(sensor) : undefined;
  return { field: lookUp(path.slice(-2).join(".")) ?? lookUp(path.at(-1)!), slot };
}

/** Codes where the tables have them; with a slot a sensor's name is text, `amb.temp`. */
export function sensorOf(name: string, slot: Slot | undefined): Reading["sensor"] {
  return slot ? `${slot}.${name}` : (sensorCode(name) ?? name);
}

export function unitOf(name: string): Reading["unit"] {
  return unitCode(name) ?? name;
}

function lookUp(name: string): Field | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
