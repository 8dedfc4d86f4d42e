import { accept, type Result, refuse } from "../result.ts";
import type { CheckpointVerifier } from "./checkpoint.ts";
import { ed25519PublicKeyBytes, ed25519Verifier } from "./ed25519-line.ts";
import { mldsa44PublicKeyBytes, mldsa44Verifier } from "./mldsa44-line.ts";
import { parseVkey, signatureTypes } from "./note.ts";

/** What checks the signature line of a `name+keyid+key` public key. */
export function checkpointVerifier(vkey: string): Result<CheckpointVerifier, "VKEY_MALFORMED" | "VKEY_TYPE_UNKNOWN"> {
  const key = parseVkey(vkey);
  if (!key.ok) return key;
  const { name, type, publicKey } = key.value;
  switch (type) {
    case signatureTypes.ed25519:
      if (publicKey.length === ed25519PublicKeyBytes) return accept(ed25519Verifier(name, publicKey));
      return refuse("VKEY_MALFORMED", `an Ed25519 key of ${publicKey.length} bytes`);
    case signatureTypes.mldsa44:
      if (publicKey.length === mldsa44PublicKeyBytes) return accept(mldsa44Verifier(name, publicKey));
      return refuse("VKEY_MALFORMED", `an ML-DSA-44 key of ${publicKey.length} bytes`);
    default:
      return refuse("VKEY_TYPE_UNKNOWN", `signature type ${type}`);
  }
}
