import { keyEvent, rotationFlaw } from "./key-events.ts";
import type { EventEntry } from "./types.ts";

/** Keys that follow each other without a part of the log missing between. */
export interface SealKeyRun {
  /** vkeys, oldest first. */
  readonly keys: readonly string[];
  /** Leaf index of the entry that tells of the first; undefined where it was guessed. */
  readonly since: number | undefined;
}

/**
 * Which key has to have signed a seal, as the log itself tells on the way from its first leaf: the one in force, until the
 * seal of the block that announces the next. A key that was not announced by the one before it signs nothing.
 * docs/adr/0064-keys-are-announced-in-the-log.md
 */
export class SealKeyOrder {
  readonly #runs: { keys: string[]; since: number | undefined }[] = [];
  #current: string | undefined;
  #next: string | undefined;
  #flaw: { what: string; leafIndex: number } | undefined;

  /** One, and another behind every `gap`. */
  get runs(): readonly SealKeyRun[] {
    return this.#runs;
  }

  /** A rotation that is none. */
  get flaw(): { readonly what: string; readonly leafIndex: number } | undefined {
    return this.#flaw;
  }

  /** The keys so far, the last one in force, of a log without gaps; undefined while a rotation is under way, or is none. */
  get settled(): readonly string[] | undefined {
    return this.#next === undefined && this.#flaw === undefined ? [...(this.#runs[0]?.keys ?? [])] : undefined;
  }

  /** Goes on behind a part of the log that was followed elsewhere. @param settled what it came to there */
  goOnFrom(settled: readonly string[]): void {
    if (settled.length > 0) this.#runs.push({ keys: [...settled], since: undefined });
    this.#current = settled.at(-1);
  }

  /** Events and seals in the order of the log. */
  observe(entry: EventEntry, leafIndex: number): void {
    const event = keyEvent(entry);
    if (event?.type === "keys.introduced") {
      const vkey = event.keys.get("seal");
      // Once and for all: whoever says later that it was another has to show that the one before agrees.
      if (vkey !== undefined && this.#runs.length === 0) this.#begin(vkey, leafIndex);
    } else if (event?.type === "key.rotated" && event.role === "seal") {
      const inForce = this.#next ?? this.#current ?? event.previous;
      const flaw = event.previous === inForce ? rotationFlaw(event) : "follows another key than the one in force";
      if (flaw !== undefined) this.#flaw ??= { what: `the rotation of the seals' key ${flaw}`, leafIndex };
      else {
        if (this.#current === undefined) this.#begin(event.previous, leafIndex);
        this.#next = event.next;
        this.#runs.at(-1)!.keys.push(event.next);
      }
    }
  }

  /** What follows is not there, and may have had a rotation. */
  gap(): void {
    this.#current = undefined;
    this.#next = undefined;
  }

  /** The key of the next seal; to be asked once for each. @param guess the key, where the log has not told of one */
  next(guess: () => string | undefined): string | undefined {
    if (this.#current === undefined) {
      const guessed = guess();
      if (guessed === undefined) return undefined;
      this.#begin(guessed, undefined);
    }
    const key = this.#current;
    this.#current = this.#next ?? key;
    this.#next = undefined;
    return key;
  }

  #begin(vkey: string, since: number | undefined): void {
    this.#current = vkey;
    this.#runs.push({ keys: [vkey], since });
  }
}
