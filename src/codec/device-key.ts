/**
 * Which Ed25519 public keys a device may be enrolled with. Verifiers disagree about signatures under keys of small or
 * mixed order and under non-canonical encodings of a key; without such keys all the verifiers we use agree.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { accept, type Result, refuse } from "../result.ts";

const keyBytes = 32;

/** Canonical encoding (RFC 8032 §5.1.3) of a point of the prime-order subgroup other than the identity. */
export function checkDevicePublicKey(bytes: Uint8Array): Result<Uint8Array, "PUBLIC_KEY_INVALID"> {
  if (bytes.length !== keyBytes)
    return refuse("PUBLIC_KEY_INVALID", `${bytes.length} bytes, an Ed25519 public key has 32`);
  let point: InstanceType<typeof ed25519.Point>;
  try {
    point = ed25519.Point.fromBytes(bytes);
  } catch {
    return refuse("PUBLIC_KEY_INVALID", "not the canonical encoding of a point on the curve");
  }
  if (point.isSmallOrder()) return refuse("PUBLIC_KEY_INVALID", "a point of small order");
  if (!point.isTorsionFree()) return refuse("PUBLIC_KEY_INVALID", "a point of mixed order");
  return accept(bytes);
}

/** 32 bytes as 64 hex digits, base64 or base64url, padded or not. Says nothing about the key itself. */
export function parsePublicKey(text: string): Result<Uint8Array, "PUBLIC_KEY_INVALID"> {
  if (/^[0-9a-f]{64}$/i.test(text)) return accept(Uint8Array.from(Buffer.from(text, "hex")));
  const bytes = Buffer.from(text, "base64");
  const digits = text.replace(/=$/, "").replaceAll("+", "-").replaceAll("/", "_");
  // The decoder skips what is no base64 digit and ignores bits left over; one key has one text.
  if (bytes.length === keyBytes && bytes.toString("base64url") === digits) return accept(Uint8Array.from(bytes));
  return refuse("PUBLIC_KEY_INVALID", "neither 64 hex digits nor the base64 of 32 bytes");
}
