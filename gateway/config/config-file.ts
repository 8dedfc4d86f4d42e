/** The YAML file: found, parsed, and able to say on which line a setting stands. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readYaml } from "../../src/schema/yaml-text.ts";
import type { Problem } from "./problem.ts";

export interface ConfigFile {
  readonly name: string;
  /** The document as plain values; empty where the file has mistakes of its own. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: readonly Problem[];
  /** `name:line:column` of a setting, or of the nearest map around it. */
  where(path: readonly string[]): string;
  has(path: readonly string[]): boolean;
}

/** The file named, or `mycogate.yaml` in the working directory, or else in the data directory. */
export function findConfigFile(named: string | undefined, cwd: string, data: string): string | undefined {
  if (named !== undefined) return resolve(cwd, named);
  return [cwd, resolve(cwd, data)].map((folder) => join(folder, "mycogate.yaml")).find((file) => existsSync(file));
}

export function readConfigFile(name: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(name, "utf8");
  } catch (error) {
    const message = `cannot be read: ${(error as Error).message}`;
    return { name, values: {}, problems: [invalid(message, name)], where: () => name, has: () => false };
  }
  const { values, mistakes, where, has } = readYaml(text, name, "settings");
  return { name, values, problems: mistakes.map((mistake) => invalid(mistake.message, mistake.where)), where, has };
}

function invalid(message: string, where: string): Problem {
  return { code: "CONFIG_INVALID", path: "", message, where };
}
