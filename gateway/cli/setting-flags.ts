import { didYouMean } from "../../src/schema/did-you-mean.ts";
import { settings } from "../config/settings.ts";
import { UsageError } from "./context.ts";

/**
 * Every setting is a flag too: `--mqtt-port 1884`, `--mqtt-port=1884`, and for a switch just `--log-pretty`.
 * Secrets are not, because anyone on the machine can read a command line.
 * @param args what the command itself did not understand
 * @returns text by dotted path
 * @throws UsageError
 */
export function settingFlags(args: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  const open = settings.filter(({ schema }) => !schema.secret);
  for (let index = 0; index < args.length; index++) {
    const [, name, inline] = /^(--[^=]+)(?:=(.*))?$/s.exec(args[index]!) ?? [];
    if (name === undefined) throw new UsageError(`"${args[index]}" is not expected here`);
    const setting = open.find(({ flag }) => flag === name);
    if (!setting)
      throw new UsageError(
        `unknown option ${name}${didYouMean(
          name,
          open.map(({ flag }) => flag),
        )}`,
      );
    const next = args[index + 1];
    if (inline !== undefined) flags[setting.path] = inline;
    else if (next !== undefined && !next.startsWith("--")) flags[setting.path] = args[++index]!;
    else if (setting.schema.type === "boolean") flags[setting.path] = "true";
    else throw new UsageError(`${name} needs a value`);
  }
  return flags;
}
