/**
 * The ML-DSA-44 signature line of a checkpoint: type 0x06 of C2SP tlog-cosignature, FIPS 204 "pure" with an empty context.
 * It signs no text but a struct, and with it the time at which the signer knew of no larger tree. Runs in a browser too.
 */
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import type { Checkpoint, CheckpointVerifier } from "./checkpoint.ts";
import { formatVkey, noteKeyId, signatureTypes } from "./note.ts";

const type = signatureTypes.mldsa44;
export const mldsa44PublicKeyBytes = 1312;
const signatureBytes = 2420;
const timeBytes = 8;

/** Ends with the zero byte that keeps it apart from every text a note could hold. */
const label = new TextEncoder().encode("subtree/v1\n\0");

/** POSIX seconds are below this: they must fit a signed 64-bit integer. */
const maxTime = 2n ** 63n;

/** @param publicKey 1312 bytes */
export function mldsa44Verifier(name: string, publicKey: Uint8Array): CheckpointVerifier {
  return {
    name,
    keyId: noteKeyId(name, type, publicKey),
    verify: (checkpoint, signature) => {
      const time = cosignedTime(signature);
      const message = time === undefined ? undefined : cosignedMessage(name, time, checkpoint);
      return message !== undefined && ml_dsa44.verify(signature.subarray(timeBytes), message, publicKey);
    },
  };
}

/** What others need to check this key's lines. @param publicKey 1312 bytes */
export function mldsa44Vkey(name: string, publicKey: Uint8Array): string {
  return formatVkey({ name, keyId: noteKeyId(name, type, publicKey), type, publicKey });
}

/**
 * `cosigned_message`: label ‖ u8 length ‖ name ‖ u64 time ‖ u8 length ‖ origin ‖ u64 start ‖ u64 end ‖ root, where a
 * checkpoint is the subtree from 0 to its size.
 * @param name the signer's; a log's own is its origin
 * @param time POSIX seconds
 * @returns undefined when it cannot be expressed: a name or an origin over 255 bytes
 */
export function cosignedMessage(
  name: string,
  time: bigint,
  { origin, size, root }: Checkpoint,
): Uint8Array | undefined {
  const [signer, log] = [name, origin].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  if (![signer, log].every(({ length }) => length >= 1 && length <= 255)) return undefined;
  const parts = [label, [signer.length], signer, u64(time), [log.length], log, u64(0n), u64(BigInt(size)), root];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The bytes of the line after its key id. @param time POSIX seconds, as signed @param signature 2420 bytes */
export function cosignature(time: bigint, signature: Uint8Array): Uint8Array {
  return Uint8Array.from([...u64(time), ...signature]);
}

/** POSIX seconds, or undefined when the length or the time is not a cosignature's. */
export function cosignedTime(signature: Uint8Array): bigint | undefined {
  if (signature.length !== timeBytes + signatureBytes) return undefined;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  return time < maxTime ? time : undefined;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}
