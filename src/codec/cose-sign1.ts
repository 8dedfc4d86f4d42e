/**
 * COSE_Sign1 (RFC 9052 §4.2) as the gateway signs with it: tag 18, protected header `{1: -19}` ("Ed25519", RFC 9864) and
 * nothing else, an empty unprotected header, no external data. What a signature is for is said by the payload, whose
 * first element is a number that no other kind of payload has.
 */
import { accept, type Result, refuse } from "../result.ts";
import { type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";
import { CborTag } from "./cbor-value.ts";

export interface CoseSign1 {
  readonly payload: Uint8Array;
  /** What `signature` covers. */
  readonly signedBytes: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

export const coseSign1Tag = 18;
const algorithmLabel = 1;
const ed25519 = -19;
const signatureBytes = 64;
const protectedHeader = encodeCbor(new Map([[algorithmLabel, ed25519]]));

/** @param sign Ed25519 of the bytes it is given */
export function encodeCoseSign1(payload: Uint8Array, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const signature = sign(signedBytesOf(payload));
  return encodeCbor(new CborTag(coseSign1Tag, [protectedHeader, new Map(), payload, signature]));
}

/** Total. Deterministic encoding only, so a payload and a signature have one message. Says nothing about the signature. */
export function decodeCoseSign1(bytes: Uint8Array): Result<CoseSign1, "COSE_MALFORMED"> {
  const message = decodeCbor(bytes, { tags: [coseSign1Tag] });
  if (!message.ok) return refuse("COSE_MALFORMED", message.detail);
  if (!(message.value instanceof CborTag) || !Array.isArray(message.value.value)) {
    return refuse("COSE_MALFORMED", "not a tagged COSE_Sign1");
  }
  const parts: readonly CborValue[] = message.value.value;
  const [header, unprotected, payload, signature] = parts;
  const valid =
    parts.length === 4 &&
    header instanceof Uint8Array &&
    header.length === protectedHeader.length &&
    header.every((byte, index) => byte === protectedHeader[index]) &&
    unprotected instanceof Map &&
    unprotected.size === 0 &&
    payload instanceof Uint8Array &&
    signature instanceof Uint8Array &&
    signature.length === signatureBytes;
  if (!valid) return refuse("COSE_MALFORMED", "not a COSE_Sign1 with these headers");
  return accept({ payload, signedBytes: signedBytesOf(payload), signature });
}

/** Sig_structure, RFC 9052 §4.4, with no external_aad. */
function signedBytesOf(payload: Uint8Array): Uint8Array {
  return encodeCbor(["Signature1", protectedHeader, new Uint8Array(0), payload]);
}
