/** The text that flags and environment give for settings, and what in them is no setting at all. */
import { readFileSync } from "node:fs";
import { didYouMean } from "../../src/schema/did-you-mean.ts";
import type { Problem } from "./problem.ts";
import { type Setting, settings } from "./settings.ts";

export interface ConfigSources {
  /** Text by dotted path, as in `{"mqtt.port": "1884"}`; `config` names the file. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start and the file is looked for. */
  readonly cwd: string;
}

export interface GivenText {
  readonly setting: Setting;
  readonly text: string;
  /** Name of the variable or flag. */
  readonly where: string;
}

/** Names of variables that are ours without being settings. */
const otherVariables = ["MYCOGATE_CONFIG"];

/** An empty variable is as good as none, so that a compose file can pass one on that nobody set. */
export function fromEnvironment(env: ConfigSources["env"], problems: Problem[]): GivenText[] {
  const given: GivenText[] = [];
  const known = new Set(otherVariables);
  for (const setting of settings) {
    known.add(setting.env);
    const text = env[setting.env];
    if (text) given.push({ setting, text, where: setting.env });
    if (!setting.schema.secret) continue;

    const where = `${setting.env}_FILE`;
    known.add(where);
    const file = env[where];
    if (!file) continue;
    if (text)
      problems.push({
        code: "CONFIG_INVALID",
        path: setting.path,
        message: `is also set by ${setting.env}; keep one`,
        where,
      });
    try {
      given.push({ setting, text: readFileSync(file, "utf8").trimEnd(), where });
    } catch (error) {
      problems.push({
        code: "CONFIG_INVALID",
        path: setting.path,
        message: `cannot be read: ${(error as Error).message}`,
        where,
      });
    }
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("MYCOGATE_") || known.has(name)) continue;
    problems.push({
      code: "CONFIG_INVALID",
      path: "",
      message: `is not a setting${didYouMean(name, [...known])}`,
      where: name,
    });
  }
  return given;
}

export function fromFlags(flags: NonNullable<ConfigSources["flags"]>): GivenText[] {
  return settings.flatMap((setting) => {
    const text = flags[setting.path];
    return text === undefined ? [] : [{ setting, text, where: setting.flag }];
  });
}
