/** Functions to be told of something, in the order they were added. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** @returns stops the telling */
  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notify(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }
}
