import { accept, type Result, refuse } from "../result.ts";
import type { CheckpointVerifier } from "./checkpoint.ts";
import { ed25519Verifier } from "./ed25519-line.ts";
import { parseVkey, signatureTypes } from "./note.ts";

/** What checks the signature line of a `name+keyid+key` public key. */
export function checkpointVerifier(vkey: string): Result<CheckpointVerifier, "VKEY_MALFORMED" | "VKEY_TYPE_UNKNOWN"> {
  const key = parseVkey(vkey);
  if (!key.ok) return key;
  const { name, type, publicKey } = key.value;
  if (type !== signatureTypes.ed25519) return refuse("VKEY_TYPE_UNKNOWN", `signature type ${type}`);
  if (publicKey.length !== 32) return refuse("VKEY_MALFORMED", `an Ed25519 key of ${publicKey.length} bytes`);
  return accept(ed25519Verifier(name, publicKey));
}
