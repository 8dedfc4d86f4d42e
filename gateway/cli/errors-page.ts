/** docs/reference/errors.md, from the tables of codes. */
import { errorCatalog } from "../../src/errors.ts";
import { quarantineReasons, rejectReasons } from "../../src/rejects.ts";

export function errorsPage(): string {
  const errors = Object.entries(errorCatalog).map(
    ([code, { http, retry, hint }]) => `| \`${code}\` | ${http} | ${retry ? "yes" : "no"} | ${hint} |`,
  );
  return `<!-- Generated from src/errors.ts and src/rejects.ts by \`npm run generate\`. -->
# Errors, and messages that are refused

## Errors

The same codes in the log, on the command line and in the API, where an error is a problem of RFC 9457 with \`code\`, \`detail\`
(what happened) and \`hint\` (what to do). A code is never given another meaning. Where trying again helps, the answer has
\`Retry-After\`.

| Code | HTTP | Try again | What to do |
|---|---|---|---|
${errors.join("\n")}

## Quarantine reasons

The bytes are kept aside with their reason; see \`mycogate quarantine list\`.

${reasons(quarantineReasons)}

## Reject reasons

Counted, and not kept: nothing usable came, or the sender may not speak at all.

${reasons(rejectReasons)}
`;
}

function reasons(table: Readonly<Record<string, string>>): string {
  const rows = Object.entries(table).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return `| Code | Meaning |\n|---|---|\n${rows.join("\n")}`;
}
