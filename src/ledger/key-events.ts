/**
 * The log's own keys, as the log tells of them: which it has, and which follows which. A rotation is signed by both keys, so
 * that whoever trusts the one before can go over to the next with nothing but this entry; and it is a leaf, so the tree that
 * the key before has signed contains it. docs/adr/0064-keys-are-announced-in-the-log.md
 */
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import type { CborValue } from "../codec/cbor.ts";
import { verifyEd25519 } from "../codec/ed25519.ts";
import { parseVkey, signatureTypes } from "./note.ts";
import type { EventEntry } from "./types.ts";

export const keyRoles = ["checkpoint-ed25519", "checkpoint-mldsa44", "seal", "receipt"] as const;
export type KeyRole = (typeof keyRoles)[number];

/** Keys are C2SP vkeys: `name+keyid+base64(type ‖ key)`. */
export type KeyEvent =
  /** That these are in force, and were before. */
  | { readonly type: "keys.introduced"; readonly keys: ReadonlyMap<KeyRole, string> }
  | KeyRotation
  /** The key that had a successor signs beside it no more. */
  | { readonly type: "key.retired"; readonly role: KeyRole; readonly key: string };

export interface KeyRotation {
  readonly type: "key.rotated";
  readonly role: KeyRole;
  readonly previous: string;
  readonly next: string;
  /** Of the statement, by the key before and by the next one. */
  readonly endorsed: Uint8Array;
  readonly accepted: Uint8Array;
}

export function keyEntry(event: KeyEvent, receivedUs: number): EventEntry {
  const body = new Map<string, CborValue>();
  if (event.type === "keys.introduced") body.set("keys", new Map(event.keys));
  else body.set("role", event.role);
  if (event.type === "key.rotated") {
    body.set("previous", event.previous).set("next", event.next);
    body.set("endorsed", event.endorsed).set("accepted", event.accepted);
  }
  if (event.type === "key.retired") body.set("key", event.key);
  return { kind: "event", type: event.type, receivedUs, body };
}

/** Total. @returns undefined for any other event, and for one of a role of a later version */
export function keyEvent({ type, body }: EventEntry): KeyEvent | undefined {
  if (type === "keys.introduced") {
    const keys = body.get("keys");
    const known = keys instanceof Map ? [...keys].filter(([role, key]) => isRole(role) && typeof key === "string") : [];
    return { type, keys: new Map(known as [KeyRole, string][]) };
  }
  const [role, previous, next, endorsed, accepted, key] = [
    "role",
    "previous",
    "next",
    "endorsed",
    "accepted",
    "key",
  ].map((name) => body.get(name));
  if (!isRole(role)) return undefined;
  if (type === "key.retired") return typeof key === "string" ? { type, role, key } : undefined;
  const valid =
    type === "key.rotated" &&
    typeof previous === "string" &&
    typeof next === "string" &&
    endorsed instanceof Uint8Array &&
    accepted instanceof Uint8Array;
  // Copies: the entry may be a view into a buffer that its reader uses again.
  return valid
    ? { type, role, previous, next, endorsed: Uint8Array.from(endorsed), accepted: Uint8Array.from(accepted) }
    : undefined;
}

/**
 * What both keys sign. No other text that they sign begins so: not a note, whose first line is an origin, not ML-DSA's
 * struct, nor a Sig_structure of COSE.
 */
export function rotationStatement({
  role,
  previous,
  next,
}: Pick<KeyRotation, "role" | "previous" | "next">): Uint8Array {
  return new TextEncoder().encode(`mycogate/key-rotation/v1\n${role}\n${previous}\n${next}\n`);
}

/** Why a rotation is none, whatever the log says; undefined when both keys stand by it. */
export function rotationFlaw(rotation: KeyRotation): string | undefined {
  const statement = rotationStatement(rotation);
  if (nameIn(rotation.previous) !== nameIn(rotation.next)) return "is of keys with different names";
  if (!signedWith(rotation.previous, statement, rotation.endorsed)) return "is not signed by the key before";
  if (!signedWith(rotation.next, statement, rotation.accepted)) return "is not signed by the next key";
  return undefined;
}

function signedWith(vkey: string, message: Uint8Array, signature: Uint8Array): boolean {
  const key = parseVkey(vkey);
  if (!key.ok) return false;
  const { type, publicKey } = key.value;
  if (type === signatureTypes.ed25519) return verifyEd25519(signature, message, publicKey);
  if (type !== signatureTypes.mldsa44) return false;
  try {
    return ml_dsa44.verify(signature, message, publicKey);
  } catch {
    return false;
  }
}

function nameIn(vkey: string): string {
  return vkey.split("+", 1)[0]!;
}

function isRole(value: unknown): value is KeyRole {
  return keyRoles.some((role) => role === value);
}

/** The keys of every role, oldest first, folded from the log. Rotations that do not hold, or do not follow, change nothing. */
export class KeyHistory {
  readonly #chains = new Map<KeyRole, string[]>();
  readonly #rotated = new Map<KeyRole, number>();
  readonly #retired = new Set<string>();

  replay(entry: EventEntry, leafIndex: number): void {
    const event = keyEvent(entry);
    if (event?.type === "keys.introduced") {
      for (const [role, key] of event.keys) if (!this.#chains.has(role)) this.#chains.set(role, [key]);
    } else if (event?.type === "key.rotated" && this.inForce(event.role) === event.previous) {
      if (rotationFlaw(event) !== undefined) return;
      this.#chains.get(event.role)!.push(event.next);
      this.#rotated.set(event.role, leafIndex);
    } else if (event?.type === "key.retired") this.#retired.add(event.key);
  }

  /** Oldest first; empty while the log has not introduced any. */
  chain(role: KeyRole): readonly string[] {
    return this.#chains.get(role) ?? [];
  }

  inForce(role: KeyRole): string | undefined {
    return this.chain(role).at(-1);
  }

  /** The keys before the one in force that the log has not called retired yet. */
  notRetired(role: KeyRole): readonly string[] {
    return this.chain(role)
      .slice(0, -1)
      .filter((key) => !this.#retired.has(key));
  }

  /** Leaf index of the newest rotation. */
  rotatedAt(role: KeyRole): number | undefined {
    return this.#rotated.get(role);
  }

  /** The key itself and all that followed it, oldest first: what a verifier who was given the first may go over to. */
  successors(vkey: string): readonly string[] {
    for (const chain of this.#chains.values()) {
      const at = chain.indexOf(vkey);
      if (at >= 0) return chain.slice(at);
    }
    return [vkey];
  }
}
