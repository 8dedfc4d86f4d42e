/**
 * What a port speaks, from the messages that were read on it. It goes by the latest ones, so firmware that changes is
 * noticed; frames outrank lines, since a board with frames prints lines for people beside them.
 */
import type { FrameDialectName } from "./dialect.ts";
import type { LineDialectName } from "./line.ts";

export type SpokenDialect = FrameDialectName | LineDialectName;

const remembered = 16;

export class DialectDetector {
  #latest: SpokenDialect[] = [];
  #current: SpokenDialect | undefined;

  /** Undefined until a message was read. */
  get current(): SpokenDialect | undefined {
    return this.#current;
  }

  /** @returns whether it changed what the port is taken to speak */
  note(dialect: SpokenDialect): boolean {
    this.#latest = [...this.#latest.slice(1 - remembered), dialect];
    const frames = this.#latest.filter((name) => name.startsWith("mdp-"));
    const before = this.#current;
    this.#current = mostFrequent(frames.length > 0 ? frames : this.#latest);
    return this.#current !== before;
  }
}

/** Of equally frequent ones the latest. */
function mostFrequent(names: readonly SpokenDialect[]): SpokenDialect | undefined {
  const counts = new Map<SpokenDialect, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return names.findLast((name) => counts.get(name) === most);
}
