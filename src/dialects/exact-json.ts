/** JSON whose numbers stay as they were written, since a binary fraction would lose the decimals a board states. */
import { accept, type Result, refuse } from "../result.ts";

/** A JSON value with each number as its text. */
export type ExactJson = null | boolean | string | NumberText | readonly ExactJson[] | ExactObject;
export type ExactObject = ReadonlyMap<string, ExactJson>;

export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

// Of valid JSON this matches the strings and the numbers, and nothing else.
const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @param bytes one JSON text in UTF-8, white space around it allowed */
export function parseExactJson(bytes: Uint8Array): Result<ExactJson, "NOT_WELL_FORMED"> {
  try {
    const text = utf8.decode(bytes);
    JSON.parse(text);
    // Each token becomes a string marked with what it was; then the platform's parser can do the rest.
    return accept(
      unmarked(JSON.parse(text.replace(tokens, (token) => (token[0] === '"' ? `"s${token.slice(1)}` : `"n${token}"`)))),
    );
  } catch {
    return refuse("NOT_WELL_FORMED", "not one JSON text in UTF-8");
  }
}

function unmarked(value: unknown): ExactJson {
  if (typeof value === "string") return value[0] === "s" ? value.slice(1) : new NumberText(value.slice(1));
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== "object" || value === null) return value as boolean | null;
  return new Map(Object.entries(value).map(([key, child]) => [key.slice(1), unmarked(child)]));
}
