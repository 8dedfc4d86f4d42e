import type { SchemaView } from "../../src/schema/problems.ts";

/** A copy that can be shown: whatever the schema marks secret is replaced, however deep. */
export function masked(schema: SchemaView, value: unknown): unknown {
  if (schema.secret) return isEmpty(value) ? value : "********";
  if (Array.isArray(value)) return value.map((item) => masked(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, masked(schema.properties?.[key] ?? {}, child)]),
  );
}

/** Nothing is set, so there is nothing to hide, and what is printed stays a valid file. */
function isEmpty(value: unknown): boolean {
  return value === "" || value === undefined || (Array.isArray(value) && value.length === 0);
}
