/** Single members of an exact JSON object, by the type they must have. */
import { decimalOfText } from "../codec/decimal.ts";
import { type ExactJson, type ExactObject, NumberText } from "./exact-json.ts";

const maxTextLength = 128;

/** Text of up to 128 characters without control characters, or undefined. */
export function textAt(object: ExactObject, key: string): string | undefined {
  const value = object.get(key);
  return isShortText(value) ? value : undefined;
}

export function isShortText(value: ExactJson | undefined): value is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  return typeof value === "string" && value.length <= maxTextLength && !/[\u0000-\u001f]/.test(value);
}

export function objectAt(object: ExactObject, key: string): ExactObject | undefined {
  const value = object.get(key);
  return value instanceof Map ? value : undefined;
}

export function isNumber(value: ExactJson | undefined): value is NumberText {
  return value instanceof NumberText;
}

/** A whole number of 0 or more that a double holds exactly. */
export function counterAt(object: ExactObject, key: string): number | undefined {
  const value = object.get(key);
  const number = value instanceof NumberText ? Number(value.text) : Number.NaN;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** Degrees × 10⁷, from the decimals as sent. */
export function degreesE7At(object: ExactObject, key: string, limit: number): number | undefined {
  const value = object.get(key);
  const decimal = value instanceof NumberText ? decimalOfText(value.text) : undefined;
  if (!decimal) return undefined;
  const e7 = Math.round((Number(decimal.vi) / 10 ** decimal.vs) * 1e7);
  return Math.abs(e7) <= limit * 1e7 ? e7 : undefined;
}

/** A MAC as firmware prints it (`A0B1C2D3E4F5`, `a0:b1:…`, `A-a0b1…`): twelve lower-case hex digits, or undefined. */
export function macOf(value: ExactJson | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  const digits = value.replace(/^A-/, "").replace(/[:-]/g, "").toLowerCase();
  return /^[0-9a-f]{12}$/.test(digits) && !/^(0{12}|f{12})$/.test(digits) ? digits : undefined;
}
