import type { SchemaView } from "./validate.ts";

/** A copy that can be shown: whatever the schema marks secret is replaced, however deep. */
export function masked(schema: SchemaView, value: unknown): unknown {
  if (schema.secret) return value === "" || value === undefined ? value : "********";
  if (Array.isArray(value)) return value.map((item) => masked(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, masked(schema.properties?.[key] ?? {}, child)]),
  );
}
