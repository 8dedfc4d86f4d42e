import { verifyEd25519 } from "../codec/ed25519.ts";
import { portableLineKey } from "./portable-lines.ts";
import type { SignedSeal } from "./seal.ts";
import { SealKeyOrder } from "./seal-key-order.ts";
import type { EventEntry } from "./types.ts";

/** Of sound keys only. @see verifyEd25519, which answers the same */
export type VerifyEd25519 = typeof verifyEd25519;

/**
 * Holds the signatures of seals against the keys that the log announces, which the signed checkpoint covers like every entry;
 * and, where somebody has named one of these keys, the log's word against theirs. docs/adr/0079-seal-keys-of-an-exported-log.md
 */
export class SealSignatures {
  readonly #named: readonly string[];
  readonly #verify: VerifyEd25519;
  readonly #order = new SealKeyOrder();
  /** Of vkeys; undefined for what is no key. */
  readonly #publicKeys = new Map<string, Uint8Array | undefined>();
  #checked = 0;

  /** @param named vkeys that somebody trusts, perhaps none; one of the log's, old or new, is enough */
  constructor(named: readonly string[], verify: VerifyEd25519 = verifyEd25519) {
    this.#named = named;
    this.#verify = verify;
  }

  /** Seals whose key was known. */
  get checked(): number {
    return this.#checked;
  }

  /** vkeys, oldest first, as the log tells of them. */
  get keys(): readonly string[] {
    return [...new Set(this.#order.runs.flatMap(({ keys }) => keys))];
  }

  /** Events and seals in the order of the log. */
  observe(entry: EventEntry, leafIndex: number): void {
    this.#order.observe(entry, leafIndex);
  }

  /** What follows is not there. */
  gap(): void {
    this.#order.gap();
  }

  /** Undefined also where nothing says whose signature it should be: see `checked`. */
  flawOf(signed: SignedSeal): string | undefined {
    const before = this.#order.runs.at(-1)?.keys ?? [];
    const inForce = this.#order.next(() => this.#guess(signed));
    if (inForce === undefined)
      return this.#named.length > 0 ? "is signed with none of the seals' keys that the policy names" : undefined;
    this.#checked++;
    if (this.#isBy(inForce, signed)) return undefined;
    const replaced = before.slice(0, before.indexOf(inForce)).some((vkey) => this.#isBy(vkey, signed));
    return replaced ? "is signed with a key that had a successor by then" : "has a signature that does not verify";
  }

  /** What is wrong with the keys themselves, once the whole log was seen. */
  flaw(): { readonly what: string; readonly leafIndex: number } | undefined {
    if (this.#order.flaw !== undefined) return this.#order.flaw;
    if (this.#named.length === 0) return undefined;
    const strange = this.#order.runs.find(
      ({ keys }, index, runs) =>
        !keys.some((vkey) => this.#named.includes(vkey) || vkey === runs[index - 1]?.keys.at(-1)),
    );
    if (strange === undefined) return undefined;
    const what = "none of the seals' keys that the log announces is one that the policy names";
    return { what, leafIndex: strange.since ?? 0 };
  }

  /** Where the log has not told: what somebody knows, or the key from before a gap. */
  #guess(signed: SignedSeal): string | undefined {
    const last = this.#order.runs.at(-1)?.keys.at(-1);
    const replaced = this.#order.runs.flatMap(({ keys }) => keys).filter((vkey) => vkey !== last);
    const candidates = [
      ...this.#named.filter((vkey) => !replaced.includes(vkey)),
      ...(last === undefined ? [] : [last]),
    ];
    return candidates.find((vkey) => this.#isBy(vkey, signed));
  }

  #isBy(vkey: string, { signature, signedBytes }: SignedSeal): boolean {
    const publicKey = this.#publicKeyOf(vkey);
    return publicKey !== undefined && this.#verify(signature, signedBytes, publicKey);
  }

  #publicKeyOf(vkey: string): Uint8Array | undefined {
    if (!this.#publicKeys.has(vkey)) {
      const key = portableLineKey(vkey);
      this.#publicKeys.set(vkey, key.ok && key.value.type === "ed25519" ? key.value.publicKey : undefined);
    }
    return this.#publicKeys.get(vkey);
  }
}
