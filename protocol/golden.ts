/**
 * Golden vectors: what an implementation must read, and what it must refuse and why. Nothing here is random, so a run
 * gives the same bytes as the last. The codec comes from outside, because this folder depends on nothing.
 */

export type GoldenValue =
  | number
  | bigint
  | string
  | boolean
  | Uint8Array
  | readonly GoldenValue[]
  | ReadonlyMap<number | string, GoldenValue>;

export interface GoldenCodec {
  encodeCbor(value: GoldenValue): Uint8Array;
  blake2b256(bytes: Uint8Array): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
  /** Ed25519 of a 32-byte seed. */
  publicKey(seed: Uint8Array): Uint8Array;
  sign(text: Uint8Array, seed: Uint8Array): Uint8Array;
  encodeCobs(bytes: Uint8Array): Uint8Array;
  crc16(bytes: Uint8Array): number;
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** One vector a line, so that a change shows as a line. */
export function vectorFile(vectors: {
  readonly accepted: readonly unknown[];
  readonly rejected: readonly unknown[];
}): string {
  const list = (items: readonly unknown[]): string => items.map((item) => JSON.stringify(item)).join(",\n");
  return `{"note":"Generated from protocol/spec.ts","accepted":[\n${list(vectors.accepted)}\n],"rejected":[\n${list(vectors.rejected)}\n]}\n`;
}
