/** The fields of a generation-B message as readings: the path in the JSON names the sensor, the field name its unit. wire-facts §4.2. */

import { units as codes } from "../../protocol/spec.ts";
import { decimalOfText, maxDigits, maxPlaces } from "../codec/decimal.ts";
import type { Reading } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import { type ExactJson, type ExactObject, NumberText } from "./mdp-b-json.ts";

const maxReadings = 256;
const maxDepth = 8;
const maxNameLength = 128;

/** By the last part of the path; analog inputs and soil moisture are raw ADC counts. */
const units: ReadonlyMap<string, Reading["unit"]> = new Map<string, Reading["unit"]>([
  ["temperature_c", codes.C.code],
  ["humidity_pct", codes["%RH"].code],
  ["iaq", codes.index.code],
  ["co2_equivalent", codes.ppm.code],
  ["voc_equivalent", codes.ppm.code],
  ["pressure_hpa", "hPa"],
  ["gas_ohm", codes.Ohm.code],
  ["uptime_s", codes.s.code],
  ["ai1", codes.count.code],
  ["ai2", codes.count.code],
  ["ai3", codes.count.code],
  ["ai4", codes.count.code],
  ["soil_moisture", codes.count.code],
  ["queue_depth", codes.count.code],
]);

/** Every number and every boolean, as 0 or 1, wherever it stands; text and null are no readings. */
export function readingsOf(object: ExactObject): Result<readonly Reading[], "SCHEMA_INVALID"> {
  const readings: Reading[] = [];
  const fault = collect(object, [], readings);
  return fault === undefined ? accept(readings) : refuse("SCHEMA_INVALID", fault);
}

/** @returns what is wrong, or undefined */
function collect(value: ExactJson, path: readonly string[], into: Reading[]): string | undefined {
  if (value === null || typeof value === "string") return undefined;
  if (value instanceof NumberText || typeof value === "boolean") {
    const sensor = path.join(".");
    const decimal = typeof value === "boolean" ? { vi: Number(value), vs: 0 } : decimalOfText(value.text);
    if (!decimal) return `a number needs more than ${maxPlaces} places or ${maxDigits} digits`;
    if (sensor.length > maxNameLength || !/^[\x20-\x7e]+$/.test(sensor))
      return "a field name is too long or not printable";
    if (into.length === maxReadings) return `more than ${maxReadings} values`;
    into.push({ sensor, ...decimal, unit: unitOf(value, path.at(-1)!), quality: 0 });
    return undefined;
  }
  if (path.length === maxDepth) return `nested deeper than ${maxDepth}`;
  for (const [key, child] of value.entries()) {
    const fault = collect(child, [...path, String(key)], into);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function unitOf(value: ExactJson, name: string): Reading["unit"] {
  return typeof value === "boolean" ? codes.bool.code : (units.get(name) ?? "");
}
