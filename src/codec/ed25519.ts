/**
 * Ed25519 as the gateway decides it, in portable code. libsodium decides on the hot path; this gives the same answer
 * wherever it cannot run, for every key that `checkDevicePublicKey` takes.
 */
import { ed25519 } from "@noble/curves/ed25519.js";

const pointBytes = 32;
const signatureBytes = 64;

/** Total. RFC 8032 §5.1.7 without the cofactor, and no R of small order. */
export function verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== signatureBytes || publicKey.length !== pointBytes) return false;
  return hasSoundR(signature) && ed25519.verify(signature, message, publicKey, { zip215: false });
}

/**
 * noble multiplies the equation by the cofactor 8, so a signer may add a point of small order to R unnoticed; libsodium
 * does not and would refuse. With such an R refused first, both equations say the same.
 */
function hasSoundR(signature: Uint8Array): boolean {
  try {
    const r = ed25519.Point.fromBytes(signature.subarray(0, pointBytes));
    return !r.isSmallOrder() && r.isTorsionFree();
  } catch {
    return false;
  }
}
