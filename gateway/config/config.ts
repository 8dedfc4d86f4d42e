/** Configuration: flag > environment > file > default, checked against one schema, every mistake named at its place. */
import { availableParallelism } from "node:os";
import { relative, resolve } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { withDefaults } from "../../src/schema/defaults.ts";
import { type SchemaView, schemaProblems } from "../../src/schema/problems.ts";
import { unprotectedFci } from "../transports/fci/config.ts";
import { unprotectedListeners } from "../transports/mqtt/config.ts";
import { witnessProblems } from "../witness/config.ts";
import { findConfigFile, readConfigFile } from "./config-file.ts";
import { fromText } from "./from-text.ts";
import { type Problem, problemLine } from "./problem.ts";
import { type Config, configSchema } from "./schema.ts";
import { type ConfigSources, fromEnvironment, fromFlags } from "./sources.ts";

export type { Config } from "./schema.ts";
export type { ConfigSources } from "./sources.ts";

export interface ConfigReport {
  /** Undefined where there are problems. */
  readonly config: Config | undefined;
  readonly problems: readonly Problem[];
  /** The file that was read. */
  readonly file: string | undefined;
  /** Which flag, variable or line of the file set a setting; undefined for a default. */
  readonly source: (path: string) => string | undefined;
}

/** @throws GatewayError CONFIG_INVALID, or LISTENER_UNPROTECTED where that is all; `details.problems` lists everything */
export function loadConfig(sources: ConfigSources): Config {
  const { config, problems } = readConfig(sources);
  if (config) return config;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new GatewayError(problems[0]!.code, `${problemLine(problems[0]!)}${more}`, { details: { problems } });
}

/** Everything there is to say about the configuration; never throws. */
export function readConfig({ flags = {}, env, cwd }: ConfigSources): ConfigReport {
  const problems: Problem[] = [];
  const given = new Map<string, Given>();
  for (const { setting, text, where } of [...fromEnvironment(env, problems), ...fromFlags(flags)]) {
    try {
      given.set(setting.path, { value: fromText(setting.schema, text), where });
    } catch {
      problems.push({ code: "CONFIG_INVALID", path: setting.path, message: "is not valid JSON", where });
    }
  }

  const defaults = withDefaults(configSchema as SchemaView, {}) as { data: string };
  const data = String(given.get("data")?.value ?? defaults.data);
  const name = findConfigFile(flags.config ?? (env.MYCOGATE_CONFIG || undefined), cwd, data);
  const file = name === undefined ? undefined : readConfigFile(name);
  problems.push(...(file?.problems ?? []));

  const values = structuredClone({ ...file?.values });
  for (const [path, { value }] of given) place(values, path.split("."), value);
  const complete = withDefaults(configSchema as SchemaView, values);
  const where = (path: readonly string[]): string => givenAround(path, given)?.where ?? file?.where(path) ?? "";
  for (const { path, message } of schemaProblems(configSchema, complete)) {
    problems.push({ code: "CONFIG_INVALID", path: path.join("."), message, where: where(path) });
  }
  const config = problems.length === 0 ? resolved(complete as Config, cwd) : undefined;
  for (const { path, message } of config ? [...unprotectedListeners(config.mqtt), ...unprotectedFci(config.fci)] : []) {
    problems.push({ code: "LISTENER_UNPROTECTED", path, message, where: where(path.split(".")) });
  }
  for (const { path, message } of config ? [...witnessProblems(config.witness), ...anchorProblems(config)] : []) {
    problems.push({ code: "CONFIG_INVALID", path, message, where: where(path.split(".")) });
  }
  const source = (path: string): string | undefined =>
    given.get(path)?.where ?? (file?.has(path.split(".")) ? file.where(path.split(".")) : undefined);
  return { config: problems.length === 0 ? config : undefined, problems, file: name, source };
}

interface Given {
  readonly value: unknown;
  readonly where: string;
}

/** Set a nested value; a section that is no map is left as it is, for the schema to refuse. */
function place(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    values[key] = value;
    return;
  }
  values[key] ??= {};
  if (typeof values[key] === "object") place(values[key] as Record<string, unknown>, rest, value);
}

/** A variable or flag gives a setting as a whole; a mistake may lie deeper. */
function givenAround(path: readonly string[], given: ReadonlyMap<string, Given>): Given | undefined {
  for (let length = path.length; length > 0; length--) {
    const source = given.get(path.slice(0, length).join("."));
    if (source) return source;
  }
  return undefined;
}

function resolved(config: Config, cwd: string): Config {
  const workers = config.ingest.workers || availableParallelism();
  const { anchorFile } = config.ledger;
  const ledger = anchorFile === undefined ? config.ledger : { ...config.ledger, anchorFile: resolve(cwd, anchorFile) };
  return deepFreeze({ ...config, data: resolve(cwd, config.data), ledger, ingest: { ...config.ingest, workers } });
}

/** What is put back together with the ledger remembers nothing of it. */
function anchorProblems({
  data,
  ledger: { anchorFile },
}: Config): { readonly path: string; readonly message: string }[] {
  if (anchorFile === undefined || relative(data, anchorFile).startsWith("..")) return [];
  return [{ path: "ledger.anchorFile", message: `is in the data directory ${data}; it has to be elsewhere` }];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
