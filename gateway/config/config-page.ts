/** docs/reference/config.md, from the schema. */

import type { SchemaView } from "../../src/schema/problems.ts";
import { type Setting, settings } from "./settings.ts";

export function configPage(): string {
  const sectionOf = ({ path }: Setting): string => path.split(".").slice(0, -1).join(".");
  const sections = [...new Set(settings.map(sectionOf))];
  return `<!-- Generated from gateway/config/schema.ts by \`npm run generate\`. -->
# Configuration

A setting comes from, strongest first: a flag of the command line, the environment, the file \`mycogate.yaml\`, its default.
How they work together is in [the guide](../guides/configuration.md). Every change takes effect at the next start.

${sections
  .map((name) =>
    sectionText(
      name,
      settings.filter((setting) => sectionOf(setting) === name),
    ),
  )
  .join("\n")}`;
}

function sectionText(name: string, rows: readonly Setting[]): string {
  const lines = rows.map(
    ({ path, env, schema }) =>
      `| \`${path}\` | \`${env}\`${schema.secret ? " or `…_FILE`" : ""} | ${typeText(schema)} | ${defaultText(schema)} | ${cell(schema.description ?? "")} |`,
  );
  return `## ${name === "" ? "The gateway" : `\`${name}\``}

| Setting | Variable | Type | Default | Meaning |
|---|---|---|---|---|
${lines.join("\n")}
`;
}

function typeText(schema: SchemaView): string {
  const { type, minimum, maximum, unit } = schema;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.anyOf)
    return schema.anyOf
      .filter((branch) => branch.type !== "null")
      .map(typeText)
      .join(" or ");
  if (type === "array") return `list of ${schema.items?.enum ? typeText(schema.items) : `${itemText(schema.items)}s`}`;
  if (type === "integer" || type === "number") {
    const range = maximum !== undefined ? `${minimum} to ${maximum}` : minimum !== undefined ? `from ${minimum}` : type;
    return unit ? `${range} ${unit}` : range;
  }
  return type === "boolean" ? "`true` or `false`" : type === "string" ? "text" : (type ?? "");
}

function itemText(schema: SchemaView | undefined): string {
  return schema?.type === "string" ? "text" : "map";
}

function defaultText({ default: fallback }: SchemaView): string {
  return fallback === undefined ? "" : `\`${JSON.stringify(fallback)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
