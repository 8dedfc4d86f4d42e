import type { SchemaView } from "./problems.ts";

/** A value with the schema's defaults where it says nothing. An optional section stays absent unless something in it is set. */
export function withDefaults(schema: SchemaView, value: unknown): unknown {
  if (schema.items && Array.isArray(value)) return value.map((item) => withDefaults(schema.items!, item));
  if (!schema.properties) return value === undefined ? structuredClone(schema.default) : value;
  const section = value ?? {};
  if (typeof section !== "object" || Array.isArray(section)) return section;
  const given = section as Record<string, unknown>;
  const filled: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(schema.properties)) {
    const isAbsentOption = given[key] === undefined && child.properties && !schema.required?.includes(key);
    const completed = isAbsentOption ? undefined : withDefaults(child, given[key]);
    if (completed !== undefined) filled[key] = completed;
  }
  return { ...filled, ...Object.fromEntries(Object.entries(given).filter(([key]) => !(key in filled))) };
}
