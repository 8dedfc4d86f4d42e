/**
 * The numbers in a board's JSON as readings, whatever firmware wrote it: field names and units by the table of
 * fields.ts, arrays of numbers as one reading each, and the qualities that BSEC's accuracy and plain physics imply.
 */
import { type Decimal, decimalOfText, maxDigits, maxPlaces } from "../codec/decimal.ts";
import type { ArrayReading, Reading } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import { judgeAir } from "./air-quality.ts";
import { type ExactJson, type ExactObject, NumberText } from "./exact-json.ts";
import { type Field, fieldAt, type Slot, sensorOf, unitOf } from "./fields.ts";

const maxReadings = 256;
const maxArrayLength = 4096;
const maxDepth = 8;
const maxNameLength = 128;

export interface Measured {
  readonly readings: readonly Reading[];
  readonly arrays?: readonly ArrayReading[];
}

/** Readings as the fields give them, before any judgement. */
interface Collected {
  readonly readings: Reading[];
  readonly arrays: ArrayReading[];
  /** A quantity that a message gives twice keeps its field name the second time. */
  readonly taken: Set<Reading["sensor"]>;
  readonly slot: Slot | undefined;
}

/**
 * Every number and every boolean, as 0 or 1, wherever it stands; text and null are no readings.
 * @param slot whose sensor it is, where the whole message is about one of them
 * @param omit top-level fields that say something else than a measured value
 */
export function readingsOf(
  object: ExactObject,
  { slot, omit = [] }: { readonly slot?: Slot | undefined; readonly omit?: readonly string[] } = {},
): Result<Measured, "SCHEMA_INVALID"> {
  const into: Collected = { readings: [], arrays: [], taken: new Set(), slot };
  for (const [key, value] of object) {
    const fault = omit.includes(key) ? undefined : collect(value, [key], into);
    if (fault !== undefined) return refuse("SCHEMA_INVALID", fault);
  }
  return accept(judgeAir(into));
}

/** @returns what is wrong, or undefined */
function collect(value: ExactJson, path: readonly string[], into: Collected): string | undefined {
  if (value === null || typeof value === "string") return undefined;
  if (value instanceof NumberText || typeof value === "boolean") {
    const decimal = typeof value === "boolean" ? { vi: Number(value), vs: 0 } : decimalOfText(value.text);
    if (!decimal) return unrepresentable;
    const named = nameOf(path, into, typeof value === "boolean");
    if (typeof named === "string") return named;
    const { milli, ...name } = named;
    into.readings.push({ ...name, ...(milli ? thousandth(decimal) : decimal), quality: 0 });
    return undefined;
  }
  if (path.length === maxDepth) return `nested deeper than ${maxDepth}`;
  if (Array.isArray(value) && value.length > 0 && value.every((item) => item instanceof NumberText)) {
    return collectArray(value, path, into);
  }
  for (const [key, child] of value.entries()) {
    const fault = collect(child, [...path, String(key)], into);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function collectArray(numbers: readonly NumberText[], path: readonly string[], into: Collected): string | undefined {
  if (numbers.length > maxArrayLength) return `an array of more than ${maxArrayLength} numbers`;
  const values = numbers.map(({ text }) => decimalOfText(text));
  if (!values.every((decimal) => decimal !== undefined)) return unrepresentable;
  const named = nameOf(path, into, false);
  if (typeof named === "string") return named;
  const { sensor, unit } = named;
  into.arrays.push({ sensor, unit, quality: 0, values });
  return undefined;
}

/** @returns text: what is wrong */
function nameOf(
  path: readonly string[],
  { readings, arrays, taken, slot: wholeSlot }: Collected,
  isBoolean: boolean,
): (Pick<Reading, "sensor" | "unit"> & Pick<Field, "milli">) | string {
  if (readings.length + arrays.length === maxReadings) return `more than ${maxReadings} values`;
  const asSent = path.join(".");
  if (asSent.length > maxNameLength || !/^[\x20-\x7e]+$/.test(asSent))
    return "a field name is too long or not printable";
  const { field, slot: ownSlot } = fieldAt(path);
  const slot = field?.board ? undefined : (ownSlot ?? wholeSlot);
  const plain = ownSlot ? path.slice(2).join(".") : asSent;
  const known = field && sensorOf(field.sensor, slot);
  const isNew = known !== undefined && !taken.has(known);
  const sensor = isNew ? known : sensorOf(plain, slot);
  taken.add(sensor);
  const unit = field?.unit ?? (isBoolean ? "bool" : "");
  return { sensor, unit: unitOf(unit), ...(field?.milli && { milli: true }) };
}

function thousandth({ vi, vs }: Decimal): Decimal {
  return { vi, vs: vs + 3 };
}

const unrepresentable = `a number needs more than ${maxPlaces} places or ${maxDigits} digits`;
