/**
 * How much the two gas sensors of a board disagree, as one number between 0 and 1 that an alert can use. docs/adr/0081.
 *
 * For each quantity that both give, x is their distance in units of what two sound sensors a few centimetres apart may
 * differ by, and d = x ÷ (1 + x): 0 where they agree, ½ at that distance, towards 1 beyond. Resistances span decades, so
 * theirs is a distance of logarithms. The index is the root mean square of all d: one sensor that is far off counts for
 * more than several that are a little off, and more quantities that agree lower it.
 */

/** Values of one sensor by the names of the sensor table: `temp` in °C, `humidity` in %RH, `pressure` in hPa and so on. */
export type SensorValues = ReadonlyMap<string, number>;

export interface Disagreement {
  /** 0 … 1 */
  readonly index: number;
  readonly parts: readonly QuantityDisagreement[];
}

export interface QuantityDisagreement {
  readonly quantity: string;
  readonly amb: number;
  readonly env: number;
  /** 0 … 1 */
  readonly index: number;
}

/** Distances at which a quantity counts ½: twice and more what the BME688 data sheet allows between two sensors. */
const halfAt: Readonly<Record<string, number>> = { temp: 2, humidity: 8, pressure: 2, iaq: 50 };
/** A factor between two gas resistances that counts ½; heaters and coatings differ from one sensor to the next. */
const halfAtFactor = 4;

export const comparedQuantities: readonly string[] = [...Object.keys(halfAt), "gas_resistance"];

/** @returns undefined where the two have no quantity in common */
export function disagreementOf(amb: SensorValues, env: SensorValues): Disagreement | undefined {
  const parts = comparedQuantities.flatMap((quantity) => {
    const [a, b] = [amb.get(quantity), env.get(quantity)];
    if (a === undefined || b === undefined) return [];
    const x = distance(quantity, a, b);
    return x === undefined
      ? []
      : [{ quantity, amb: a, env: b, index: x === Number.POSITIVE_INFINITY ? 1 : x / (1 + x) }];
  });
  if (parts.length === 0) return undefined;
  const meanSquare = parts.reduce((sum, { index }) => sum + index * index, 0) / parts.length;
  return { index: Math.min(1, Math.sqrt(meanSquare)), parts };
}

/** A reading of one of a board's two gas sensors: `sensor` begins with its slot, `amb.temp`. */
export interface SlotReading {
  readonly atMs: number;
  readonly sensor: string;
  readonly value: number;
  readonly quality: number;
}

/** Readings further apart are of another air. */
const sameAirMs = 300_000;
const bad = 2;

/** Of boards that send a line for each sensor: the latest readings of both. @param readings newest first */
export function latestDisagreement(
  readings: readonly SlotReading[],
): (Disagreement & { readonly atMs: number }) | undefined {
  const latest = new Map<string, SlotReading>();
  for (const reading of readings) {
    if (reading.quality < bad && !latest.has(reading.sensor)) latest.set(reading.sensor, reading);
  }
  const [ambient, environment] = [new Map<string, number>(), new Map<string, number>()];
  let atMs = Number.NEGATIVE_INFINITY;
  for (const quantity of comparedQuantities) {
    const [amb, env] = [latest.get(`amb.${quantity}`), latest.get(`env.${quantity}`)];
    if (!amb || !env || Math.abs(amb.atMs - env.atMs) > sameAirMs) continue;
    ambient.set(quantity, amb.value);
    environment.set(quantity, env.value);
    atMs = Math.max(atMs, amb.atMs, env.atMs);
  }
  const disagreement = disagreementOf(ambient, environment);
  return disagreement && { ...disagreement, atMs };
}

function distance(quantity: string, a: number, b: number): number | undefined {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return undefined;
  const half = halfAt[quantity];
  if (half !== undefined) return Math.abs(a - b) / half;
  // A resistance of nothing is no resistance.
  return a > 0 && b > 0 ? Math.abs(Math.log(a) - Math.log(b)) / Math.log(halfAtFactor) : undefined;
}
