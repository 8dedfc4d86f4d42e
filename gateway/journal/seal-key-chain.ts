import type { KeyObject } from "node:crypto";
import { keyEvent, rotationFlaw } from "../../src/ledger/key-events.ts";
import { parseVkey } from "../../src/ledger/note.ts";
import type { SignedSeal } from "../../src/ledger/seal.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { type SealVerifier, sealVerifier } from "./seal-key.ts";
import { ed25519PublicKey } from "./signing-keys.ts";

interface Link {
  readonly vkey: string;
  readonly verifier: SealVerifier;
}

/**
 * Which key has to have signed a seal, as the log itself tells on the way from its first leaf: the one in force, until the
 * seal of the block that announces the next. A key that was not announced by the one before it signs nothing.
 */
export class SealKeyChain implements SealVerifier {
  readonly #given: readonly string[];
  readonly #first: string | undefined;
  readonly #hmacKey: KeyObject | undefined;
  readonly #chain: string[] = [];
  #current: Link | undefined;
  #next: Link | undefined;
  #flaw: { what: string; leafIndex: number | undefined } | undefined;

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
    const event = keyEvent(entry);
    if (event?.type === "keys.introduced") {
      const vkey = event.keys.get("seal");
      if (vkey !== undefined && this.#current === undefined) this.#take(this.#link(vkey));
    } else if (event?.type === "key.rotated" && event.role === "seal") {
      const inForce = this.#next ?? this.#current;
      const flaw = event.previous === inForce?.vkey ? rotationFlaw(event) : "follows another key than the one in force";
      if (flaw === undefined) this.#next = this.#link(event.next);
      else this.#flaw ??= { what: `the rotation of the seals' key ${flaw}`, leafIndex };
    }
  }

  flawOf(signed: SignedSeal): string | undefined {
    return this.#keyOf(signed).flawOf(signed);
  }

  flawSoon(signed: SignedSeal): Promise<string | undefined> {
    return this.#keyOf(signed).flawSoon(signed);
  }

  /** What is wrong with the chain itself, once the whole log was seen. */
  flaw(): { readonly what: string; readonly leafIndex: number | undefined } | undefined {
    if (this.#flaw !== undefined) return this.#flaw;
    const isTrusted = this.#chain.length === 0 || this.#chain.some((vkey) => this.#given.includes(vkey));
    return isTrusted ? undefined : { what: "none of the seals' keys is the one given", leafIndex: undefined };
  }

  /** Called once for each seal. */
  #keyOf(signed: SignedSeal): SealVerifier {
    // A log of before its keys were introduced begins with a key that the verifier has to know.
    if (this.#current === undefined) {
      const candidates = this.#first === undefined ? this.#given : [...this.#given, this.#first];
      const links = candidates.map((vkey) => this.#link(vkey));
      this.#take(links.find(({ verifier }) => verifier.flawOf(signed) === undefined) ?? links[0]!);
    }
    const { verifier } = this.#current!;
    if (this.#next !== undefined) this.#take(this.#next);
    this.#next = undefined;
    return verifier;
  }

  #take(link: Link): void {
    this.#current = link;
    this.#chain.push(link.vkey);
  }

  #link(vkey: string): Link {
    const key = parseVkey(vkey);
    if (!key.ok || key.value.publicKey.length !== 32) return { vkey, verifier: noVerifier };
    return { vkey, verifier: sealVerifier(ed25519PublicKey(key.value.publicKey), this.#hmacKey) };
  }
}

const noKey = "has a key that is none";
const noVerifier: SealVerifier = { flawOf: () => noKey, flawSoon: async () => noKey };
