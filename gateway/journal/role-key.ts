/**
 * One key of the log, whatever keeps it: everything that is signed with it goes through `sign`. A hardware token (PKCS#11) is
 * another maker of these: see docs/guides/keys.md.
 */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import type { KeyRole } from "../../src/ledger/key-events.ts";
import { mldsa44Vkey } from "../../src/ledger/mldsa44-line.ts";
import { formatVkey, noteKeyId, signatureTypes } from "../../src/ledger/note.ts";
import { sealKeySuffix } from "../../src/ledger/policy.ts";
import { mldsa44Signing } from "./mldsa44-signing.ts";

export interface RoleKey {
  readonly role: KeyRole;
  readonly type: "Ed25519" | "ML-DSA-44";
  /** 32 or 1312 bytes. */
  readonly publicKey: Uint8Array;
  /** `name+keyid+base64(type ‖ key)`, C2SP signed-note. */
  readonly vkey: string;
  readonly keyId: number;
  /** Pure Ed25519, or FIPS 204 pure with an empty context, of these very bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
  /** Ed25519 where it is in this process: seals are signed in between two writes, which cannot wait. */
  readonly privateKey: KeyObject | undefined;
  close(): Promise<void>;
}

/** Seals and receipts are no notes: a name of its own keeps their key from being taken for one that signs some. */
export function keyNameOf(role: KeyRole, origin: string): string {
  if (role === "seal") return `${origin}${sealKeySuffix}`;
  return role === "receipt" ? `${origin}#receipts` : origin;
}

export function roleKey(
  role: KeyRole,
  origin: string,
  secret: { readonly privateKey: KeyObject } | { readonly seed: Uint8Array },
): RoleKey {
  const name = keyNameOf(role, origin);
  if ("privateKey" in secret) {
    const { privateKey } = secret;
    // An Ed25519 SubjectPublicKeyInfo ends with the 32 bytes of the key (RFC 8410 §4).
    const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);
    const type = signatureTypes.ed25519;
    const keyId = noteKeyId(name, type, publicKey);
    const vkey = formatVkey({ name, keyId, type, publicKey });
    return {
      role,
      type: "Ed25519",
      publicKey,
      vkey,
      keyId,
      sign: async (message) => sign(null, message, privateKey),
      privateKey,
      close: async () => {},
    };
  }
  const { publicKey } = ml_dsa44.keygen(secret.seed);
  let signing: ReturnType<typeof mldsa44Signing> | undefined;
  return {
    role,
    type: "ML-DSA-44",
    publicKey,
    vkey: mldsa44Vkey(name, publicKey),
    keyId: noteKeyId(name, signatureTypes.mldsa44, publicKey),
    sign: (message) => {
      // A thread only for who signs.
      signing ??= mldsa44Signing(secret.seed);
      return signing.sign(message);
    },
    privateKey: undefined,
    close: async () => signing?.close(),
  };
}
