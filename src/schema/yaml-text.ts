/** YAML as a person wrote it: its values, and where each of them stands, so that a mistake can be named at its place. */
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

export interface YamlMistake {
  readonly message: string;
  readonly where: string;
}

export interface YamlText {
  /** The document as plain values; empty where it has mistakes of its own. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly mistakes: readonly YamlMistake[];
  /** `name:line:column` of a value, or of the nearest map around it. */
  where(path: readonly string[]): string;
  has(path: readonly string[]): boolean;
}

/** Total. @param name of the file, for the places @param what the map at the top holds, as in "must hold a map of settings" */
export function readYaml(text: string, name: string, what: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const mistakes = document.errors.map(({ message, pos }) => ({ message, where: at(pos[0]) }));
  const values: unknown = mistakes.length === 0 ? (document.toJS() ?? {}) : {};
  const isMapAtTop = typeof values === "object" && !Array.isArray(values);
  if (!isMapAtTop) mistakes.push({ message: `must hold a map of ${what}`, where: at(0) });
  return {
    values: isMapAtTop ? (values as Record<string, unknown>) : {},
    mistakes,
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
