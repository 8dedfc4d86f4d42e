/** Decimals as the wire states them: an integer and a count of decimal places, never a binary fraction. */

export interface Decimal {
  /** Unscaled value; a bigint only where a number would not be exact. */
  readonly vi: number | bigint;
  /** Decimal places, 0–20. */
  readonly vs: number;
}

export const maxPlaces = 20;
export const maxDigits = 38;

/**
 * The shortest decimal that names `value`, which is the one a sender wrote if it had up to 15 significant digits.
 * @returns undefined for NaN, infinities, and magnitudes that need over 20 places or 38 digits
 */
export function decimalOf(value: number): Decimal | undefined {
  if (Number.isSafeInteger(value)) return { vi: value, vs: 0 };
  return Number.isFinite(value) ? decimalOfText(String(value)) : undefined;
}

/**
 * A JSON number, digit for digit: `15.80` keeps its two places.
 * @param text matches the grammar of RFC 8259 §6 @returns undefined beyond 20 places or 38 digits
 */
export function decimalOfText(text: string): Decimal | undefined {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!;
  const places = fraction.length - Number(exponent);
  // Before the zeros are written out: an exponent may ask for billions of them.
  if (places > maxPlaces || places < -maxDigits) return undefined;
  const digits = `${whole}${fraction}${"0".repeat(Math.max(0, -places))}`;
  if (digits.replace(/^0+/, "").length > maxDigits) return undefined;
  const vi = BigInt(`${sign}${digits}`);
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
