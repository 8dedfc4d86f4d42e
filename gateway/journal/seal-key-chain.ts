import type { KeyObject } from "node:crypto";
import { parseVkey } from "../../src/ledger/note.ts";
import type { SignedSeal } from "../../src/ledger/seal.ts";
import { SealKeyOrder } from "../../src/ledger/seal-key-order.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { type SealFollower, type SealVerifier, sealVerifier } from "./seal-key.ts";
import { ed25519PublicKey } from "./signing-keys.ts";

/** Holds every seal against the key that signs at its place in the log. */
export class SealKeyChain implements SealFollower {
  readonly #given: readonly string[];
  readonly #first: string | undefined;
  readonly #hmacKey: KeyObject | undefined;
  readonly #order = new SealKeyOrder();
  readonly #verifiers = new Map<string, SealVerifier>();

  /**
   * @param given vkeys that the verifier trusts; one of the chain's, at any place of it, is enough
   * @param first what a log whose first seals are older than the introduction of their key says that it was
   */
  constructor(given: readonly string[], first?: string, hmacKey?: KeyObject) {
    this.#given = given;
    this.#first = first;
    this.#hmacKey = hmacKey;
  }

  /** Events and seals in the order of the log. */
  observe(entry: EventEntry, leafIndex: number): void {
    this.#order.observe(entry, leafIndex);
  }

  get settled(): readonly string[] | undefined {
    return this.#order.settled;
  }

  goOnFrom(settled: readonly string[]): void {
    this.#order.goOnFrom(settled);
  }

  flawOf(signed: SignedSeal): string | undefined {
    return this.#keyOf(signed).flawOf(signed);
  }

  flawSoon(signed: SignedSeal): Promise<string | undefined> {
    return this.#keyOf(signed).flawSoon(signed);
  }

  /** What is wrong with the chain itself, once the whole log was seen. */
  flaw(): { readonly what: string; readonly leafIndex: number | undefined } | undefined {
    if (this.#order.flaw !== undefined) return this.#order.flaw;
    const isTrusted = this.#order.runs.every(({ keys }) => keys.some((vkey) => this.#given.includes(vkey)));
    return isTrusted ? undefined : { what: "none of the seals' keys is the one given", leafIndex: undefined };
  }

  /** Called once for each seal. */
  #keyOf(signed: SignedSeal): SealVerifier {
    // A log of before its keys were introduced begins with a key that the verifier has to know.
    const candidates = this.#first === undefined ? this.#given : [...this.#given, this.#first];
    const vkey = this.#order.next(
      () => candidates.find((vkey) => this.#verifierOf(vkey).flawOf(signed) === undefined) ?? candidates[0],
    );
    return this.#verifierOf(vkey!);
  }

  #verifierOf(vkey: string): SealVerifier {
    const known = this.#verifiers.get(vkey);
    if (known !== undefined) return known;
    const verifier = vkeyVerifier(vkey, this.#hmacKey);
    this.#verifiers.set(vkey, verifier);
    return verifier;
  }
}

/** Of a vkey that may be anything. @param hmacKey as for sealVerifier */
export function vkeyVerifier(vkey: string, hmacKey?: KeyObject): SealVerifier {
  const key = parseVkey(vkey);
  const isKey = key.ok && key.value.publicKey.length === 32;
  return isKey ? sealVerifier(ed25519PublicKey(key.value.publicKey), hmacKey) : noVerifier;
}

const noKey = "has a key that is none";
const noVerifier: SealVerifier = { flawOf: () => noKey, flawSoon: async () => noKey };
