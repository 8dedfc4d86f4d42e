/** The Ed25519 signature line of a checkpoint: type 0x01, over the text of the note. */
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { type Checkpoint, type CheckpointSigner, type CheckpointVerifier, formatCheckpoint } from "./checkpoint.ts";
import { formatVkey, noteKeyId, signatureTypes } from "./note.ts";

const type = signatureTypes.ed25519;
export const ed25519PublicKeyBytes = 32;

/** @param publicKey 32 bytes */
export function ed25519Verifier(name: string, publicKey: Uint8Array): CheckpointVerifier {
  const x = Buffer.from(publicKey).toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return {
    name,
    keyId: noteKeyId(name, type, publicKey),
    verify: (checkpoint, signature) => verify(null, noteBytes(checkpoint), key, signature),
  };
}

/** @param name the log's origin: it names its own key */
export function ed25519Signer(name: string, privateKey: KeyObject): CheckpointSigner {
  return {
    ...ed25519Verifier(name, rawPublicKey(privateKey)),
    sign: (checkpoint) => sign(null, noteBytes(checkpoint), privateKey),
  };
}

/** What others need to check this key's lines. */
export function ed25519Vkey(name: string, privateKey: KeyObject): string {
  const publicKey = rawPublicKey(privateKey);
  return formatVkey({ name, keyId: noteKeyId(name, type, publicKey), type, publicKey });
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  // An Ed25519 SubjectPublicKeyInfo ends with the 32 bytes of the key (RFC 8410 §4).
  return createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-ed25519PublicKeyBytes);
}

/** What this line signs: the text of the note. */
export function noteBytes(checkpoint: Checkpoint): Buffer {
  return Buffer.from(formatCheckpoint(checkpoint));
}
