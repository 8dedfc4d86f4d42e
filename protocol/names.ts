/** Names of the code tables' numbers and back. Unknown numbers are legal and have no name. */
import { type CodeEntry, type SensorName, sensors, type UnitName, units } from "./spec.ts";

export function sensorName(code: number): SensorName | undefined {
  return sensorNames.get(code);
}

export function sensorCode(name: string): number | undefined {
  return codeOf(sensors, name);
}

export function unitName(code: number): UnitName | undefined {
  return unitNames.get(code);
}

export function unitCode(name: string): number | undefined {
  return codeOf(units, name);
}

const sensorNames = namesByCode(sensors);
const unitNames = namesByCode(units);

function namesByCode<Name extends string>(table: Record<Name, CodeEntry>): ReadonlyMap<number, Name> {
  return new Map(Object.entries<CodeEntry>(table).map(([name, { code }]) => [code, name as Name]));
}

function codeOf(table: Record<string, CodeEntry>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name]!.code : undefined;
}
