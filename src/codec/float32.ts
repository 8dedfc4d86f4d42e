/** Single-precision numbers as decimals: with the digits that they carry, and not those that widening to a double invents. */
import { type Decimal, decimalOfText } from "./decimal.ts";

/** A single holds between 6 and 9 significant decimal digits (IEEE 754-2019 §5.12.2). */
const fewestDigits = 1;
const mostDigits = 9;

/**
 * The shortest decimal that names this single and no other: 32.7157, where the double that equals it is 32.7156982421875.
 * @param value a number that a single can hold exactly @returns undefined for NaN, infinities, and beyond 20 places or 38 digits
 */
export function decimalOfFloat32(value: number): Decimal | undefined {
  if (!Number.isFinite(value)) return undefined;
  for (let digits = fewestDigits; digits < mostDigits; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return decimalOfText(text);
  }
  return decimalOfText(value.toPrecision(mostDigits));
}
