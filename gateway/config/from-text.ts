import type { SchemaView } from "../../src/schema/problems.ts";

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/**
 * The value that a variable, a flag or a query parameter stands for: text, a number, true/yes/on/1 and their opposites,
 * a list parted by commas, or JSON for anything deeper. Text that is none of what the schema asks for comes back as
 * text, for the schema to refuse.
 * @throws SyntaxError for broken JSON
 */
export function fromText(schema: SchemaView, text: string): unknown {
  if (schema.type === "integer" || schema.type === "number")
    return /^[-+]?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (schema.type === "boolean") return booleans[text.toLowerCase()] ?? text;
  if (schema.type === "null") return text === "null" ? null : text;
  if (schema.type === "string" || schema.enum) return text;
  if (schema.anyOf) return schema.anyOf.map((branch) => fromText(branch, text)).find((value) => value !== text) ?? text;
  if (schema.type === "array" && !text.trimStart().startsWith("[")) return text.split(",").map((part) => part.trim());
  return JSON.parse(text);
}
