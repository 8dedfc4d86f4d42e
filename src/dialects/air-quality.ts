/**
 * What the readings of a BME688 or BME690 are worth. Nothing is corrected: a doubtful value keeps its digits and gets a
 * quality, and a pressure that no site can be expected to have is flagged beside it. wire-facts §6, §11; docs/adr/0082.
 */
import { sensorName } from "../../protocol/names.ts";
import { sensors, units } from "../../protocol/spec.ts";
import type { ArrayReading, Reading } from "../reading.ts";
import { disagreementOf } from "./disagreement.ts";
import type { Measured } from "./json-readings.ts";

const quality = { ok: 0, warn: 1, bad: 2 } as const;

/** BSEC: 0 unreliable, 1 low, 2 medium, 3 calibrated. An unreliable value is never ok. */
const qualityOfAccuracy: readonly number[] = [quality.bad, quality.warn, quality.ok, quality.ok];

/** What BSEC estimates, and therefore is as good as its accuracy says. Temperature, humidity and pressure are measured. */
const estimated: ReadonlySet<string> = new Set([
  "iaq",
  "iaq_static",
  "co2_equivalent",
  "voc_equivalent",
  "gas_percentage",
  "gas_class",
  "gas_probability",
]);
const measured: ReadonlySet<string> = new Set([
  "temp",
  "humidity",
  "pressure",
  "gas_resistance",
  "gas_resistance_comp",
]);

const smellClasses = ["gas_estimate_1", "gas_estimate_2", "gas_estimate_3", "gas_estimate_4"] as const;

/** From the deepest low to 3 000 m above the sea. The sensor itself measures 300–1100 hPa. */
const plausibleHpa = { min: 700, max: 1_100 };
const hpaPerPa = 0.01;

type BySensor = ReadonlyMap<string, Reading>;

/** @param readings of one board, possibly of both its sensors: then names begin with the slot, `amb.temp` */
export function judgeAir({ readings, arrays = [] }: Measured): Measured {
  const slots = new Map<string, Map<string, Reading>>();
  for (const reading of readings) {
    const [slot, name] = partsOf(reading);
    slots.set(slot, (slots.get(slot) ?? new Map<string, Reading>()).set(name, reading));
  }
  const smells = [...slots.values()].flatMap((values) => smellOf(values) ?? []);
  const inSmells = new Set(smells.flatMap(({ parts }) => parts));
  const judged = readings
    .filter((reading) => !inSmells.has(reading))
    .flatMap((reading) => {
      const [slot, name] = partsOf(reading);
      const values = slots.get(slot)!;
      const rated = { ...reading, quality: Math.max(reading.quality, worthOf(name, values)) };
      return name === "pressure" ? judgePressure(rated) : [rated];
    });
  judged.push(...disagreementIn(judged));
  const all = [...arrays, ...smells.map(({ array }) => array)];
  return { readings: judged, ...(all.length > 0 && { arrays: all }) };
}

/**
 * Gives a pressure without a unit the one that its magnitude fits; one that fits no site is `warn` and gets a flag.
 * @returns the reading, and the flag if it is suspect
 */
export function judgePressure(reading: Reading): readonly Reading[] {
  const value = numberOf(reading);
  const isHpa = reading.unit === units.hPa.code || (reading.unit === "" && isPlausible(value));
  const isPa = reading.unit === units.Pa.code || (reading.unit === "" && isPlausible(value * hpaPerPa));
  const unit = isHpa ? units.hPa.code : isPa ? units.Pa.code : reading.unit;
  if (isHpa ? isPlausible(value) : isPa && isPlausible(value * hpaPerPa)) return [{ ...reading, unit }];
  const flag = {
    sensor: `${partsOf(reading).join("")}_suspect`,
    vi: 1,
    vs: 0,
    unit: units.bool.code,
    quality: quality.ok,
  };
  return [{ ...reading, unit, quality: Math.max(reading.quality, quality.warn) }, flag];
}

/** Where a message has both sensors of a board, how much they disagree; what is bad says nothing about that. */
function disagreementIn(readings: readonly Reading[]): readonly Reading[] {
  const values = { "amb.": new Map<string, number>(), "env.": new Map<string, number>() };
  for (const reading of readings) {
    const [slot, name] = partsOf(reading);
    if ((slot === "amb." || slot === "env.") && reading.quality !== quality.bad)
      values[slot].set(name, numberOf(reading));
  }
  const disagreement = disagreementOf(values["amb."], values["env."]);
  if (!disagreement) return [];
  const { code } = sensors.disagreement;
  return [
    { sensor: code, vi: Math.round(disagreement.index * 1e4), vs: 4, unit: units.index.code, quality: quality.ok },
  ];
}

/** The estimates of all four trained classes are one vector: which smell it is shows in their proportion. */
function smellOf(values: BySensor): { readonly array: ArrayReading; readonly parts: readonly Reading[] } | undefined {
  const parts = smellClasses.map((name) => values.get(name));
  if (!parts.every((part) => part !== undefined)) return undefined;
  const [slot] = partsOf(parts[0]!);
  const accuracy = values.get("gas_estimate_accuracy");
  const worth = Math.max(accuracy ? accuracyQuality(numberOf(accuracy)) : quality.ok, worthOf("gas_estimates", values));
  const sensor = slot === "" ? sensors.gas_estimates.code : `${slot}gas_estimates`;
  return {
    array: { sensor, unit: units.index.code, quality: worth, values: parts.map(({ vi, vs }) => ({ vi, vs })) },
    parts,
  };
}

function worthOf(name: string, values: BySensor): number {
  const isAir = estimated.has(name) || measured.has(name) || name === "gas_estimates";
  const valid = values.get("valid");
  if (isAir && valid && numberOf(valid) === 0) return quality.bad;
  const accuracy = values.get("iaq_accuracy");
  return estimated.has(name) && accuracy ? accuracyQuality(numberOf(accuracy)) : quality.ok;
}

function accuracyQuality(accuracy: number): number {
  return qualityOfAccuracy[accuracy] ?? quality.bad;
}

/** `amb.temp` → `amb.` and `temp`. */
function partsOf({ sensor }: Reading): readonly [slot: string, name: string] {
  const name = typeof sensor === "string" ? sensor : (sensorName(sensor) ?? String(sensor));
  const slot = /^(amb|env)\./.exec(name)?.[0] ?? "";
  return [slot, name.slice(slot.length)];
}

function isPlausible(hpa: number): boolean {
  return hpa >= plausibleHpa.min && hpa <= plausibleHpa.max;
}

function numberOf({ vi, vs }: Pick<Reading, "vi" | "vs">): number {
  return Number(vi) / 10 ** vs;
}
