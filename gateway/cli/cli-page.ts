/** docs/reference/cli.md, from the table of commands. */
import { type CommandSpec, commands } from "./commands.ts";

export function cliPage(): string {
  return `<!-- Generated from gateway/cli/commands.ts by \`npm run generate\`. -->
# Command line

In a checkout \`npm run -s mycogate -- <command>\`, installed \`mycogate <command>\`. Results go to stdout, progress and errors to
stderr. The exit code is 0 when it is done, 1 when it failed, 2 when the command was misused.

Every command takes \`--data <dir>\`, \`--config <file>\`, \`--json\` (results, and errors, for programs), \`--debug\` (stack traces
with errors) and \`--help\`.

${commands.map(commandText).join("\n")}`;
}

function commandText({ usage, summary, options = [], kind, example }: CommandSpec): string {
  const api =
    kind === "api" ? [["--url <url>", "address of the gateway's HTTP API; not given: that of the configuration"]] : [];
  const settings =
    kind === "settings"
      ? [["--<setting> <value>", "any [setting](config.md): `mqtt.tls.port` is `--mqtt-tls-port`"]]
      : [];
  const rows = [...options, ...api, ...settings].map(
    ([flags, meaning, fallback]) =>
      `| \`${flags}\` | ${meaning}${fallback === undefined ? "" : ` (default ${fallback})`} |`,
  );
  const table = rows.length > 0 ? `\n| Option | Meaning |\n|---|---|\n${rows.join("\n")}\n` : "";
  return `## \`mycogate ${usage}\`

${summary}.
${table}
\`\`\`sh
${example}
\`\`\`
`;
}
