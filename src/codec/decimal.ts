/** Decimals as the wire states them: an integer and a count of decimal places, never a binary fraction. */

export interface Decimal {
  /** Unscaled value; a bigint only where a number would not be exact. */
  readonly vi: number | bigint;
  /** Decimal places, 0–20. */
  readonly vs: number;
}

const maxPlaces = 20;
const maxDigits = 38;

/**
 * The shortest decimal that names `value`, which is the one a sender wrote if it had up to 15 significant digits.
 * @returns undefined for NaN, infinities, and magnitudes that need over 20 places or 38 digits
 */
export function decimalOf(value: number): Decimal | undefined {
  if (!Number.isFinite(value)) return undefined;
  if (Number.isSafeInteger(value)) return { vi: value, vs: 0 };
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))!;
  const fraction = match[3] ?? "";
  const exponent = Number(match[4] ?? 0);
  const places = fraction.length - exponent;
  const digits = `${match[1]}${match[2]}${fraction}${"0".repeat(Math.max(0, -places))}`;
  if (places > maxPlaces || digits.length > maxDigits + 1) return undefined;
  const vi = BigInt(digits);
  return { vi: isSafe(vi) ? Number(vi) : vi, vs: Math.max(0, places) };
}

/** `{vi: 217, vs: 1}` → `21.7`: exact, and valid as a JSON number. */
export function decimalText({ vi, vs }: Decimal): string {
  const text = String(vi);
  if (vs === 0) return text;
  const negative = text.startsWith("-");
  const digits = (negative ? text.slice(1) : text).padStart(vs + 1, "0");
  const point = digits.length - vs;
  return `${negative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function isSafe(value: bigint): boolean {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
}
