/** The YAML file: found, parsed, and able to say on which line a setting stands. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
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
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const problems: Problem[] = document.errors.map(({ message, pos }) => invalid(message, at(pos[0])));
  const values: unknown = problems.length === 0 ? (document.toJS() ?? {}) : {};
  const isMapOfSettings = typeof values === "object" && !Array.isArray(values);
  if (!isMapOfSettings) problems.push(invalid("must hold a map of settings", at(0)));
  return {
    name,
    values: isMapOfSettings ? (values as Record<string, unknown>) : {},
    problems,
    where(path) {
      let node: unknown = document.contents;
      let offset = 0;
      for (const key of path) {
        const pair = isMap(node)
          ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
          : undefined;
        const place = isSeq(node) ? node.items[Number(key)] : pair?.key;
        if (isNode(place)) offset = place.range?.[0] ?? offset;
        node = pair ? pair.value : place;
      }
      return at(offset);
    },
    has: (path) => document.hasIn(path),
  };
}

function invalid(message: string, where: string): Problem {
  return { code: "CONFIG_INVALID", path: "", message, where };
}
