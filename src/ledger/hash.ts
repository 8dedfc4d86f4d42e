/** RFC 6962 §2.1 hashing in portable code: what the verifier runs, in a browser too. merkle.ts is the gateway's fast one. */
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

export const hashBytes = 32;

export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return nobleSha256.create().update(Uint8Array.of(0)).update(entry).digest();
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return nobleSha256.create().update(Uint8Array.of(1)).update(left).update(right).digest();
}
