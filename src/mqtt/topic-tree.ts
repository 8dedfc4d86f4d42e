/** Values filed under topic filters, found by topic: the routing table of the broker. */

interface Node<T> {
  readonly children: Map<string, Node<T>>;
  readonly values: Set<T>;
}

function node<T>(): Node<T> {
  return { children: new Map(), values: new Set() };
}

export class TopicTree<T> {
  readonly #root: Node<T> = node();
  #size = 0;

  /** Number of (filter, value) pairs. */
  get size(): number {
    return this.#size;
  }

  /** @param filter a valid topic filter; adding the same pair again changes nothing */
  add(filter: string, value: T): void {
    let at = this.#root;
    for (const level of filter.split("/")) {
      const next = at.children.get(level) ?? node();
      at.children.set(level, next);
      at = next;
    }
    if (at.values.has(value)) return;
    at.values.add(value);
    this.#size++;
  }

  remove(filter: string, value: T): void {
    const path: [Node<T>, string][] = [];
    let at = this.#root;
    for (const level of filter.split("/")) {
      const next = at.children.get(level);
      if (!next) return;
      path.push([at, level]);
      at = next;
    }
    if (!at.values.delete(value)) return;
    this.#size--;
    // Prune, so that filters that come and go leave nothing behind.
    for (const [parent, level] of path.reverse()) {
      const child = parent.children.get(level)!;
      if (child.values.size > 0 || child.children.size > 0) return;
      parent.children.delete(level);
    }
  }

  /** Values whose filter matches the topic, once for each such filter. Leading wildcards skip `$` topics (MQTT-4.7.2-1). */
  match(topic: string): T[] {
    const found: T[] = [];
    if (this.#size > 0) collect(this.#root, topic.split("/"), 0, topic.startsWith("$"), found);
    return found;
  }
}

function collect<T>(at: Node<T>, levels: readonly string[], depth: number, skipWildcards: boolean, found: T[]): void {
  const rest = skipWildcards ? undefined : at.children.get("#");
  if (rest) found.push(...rest.values);
  if (depth === levels.length) {
    found.push(...at.values);
    return;
  }
  const exact = at.children.get(levels[depth]!);
  if (exact) collect(exact, levels, depth + 1, false, found);
  const one = skipWildcards ? undefined : at.children.get("+");
  if (one) collect(one, levels, depth + 1, false, found);
}
