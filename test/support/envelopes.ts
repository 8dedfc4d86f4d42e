/** Devices with keys, and the messages they sign. Seeds come from the ids, so every run has the same bytes. */
import { createHash } from "node:crypto";
import { blake2b } from "@noble/hashes/blake2.js";
import sodium from "sodium-native";
import { verifyEd25519 } from "../../src/codec/ed25519.ts";
import { type EnvelopeCrypto, type EnvelopeFields, encodeEnvelope } from "../../src/codec/envelope.ts";

export interface TestDevice {
  readonly id: string;
  readonly publicKey: Buffer;
  /** libsodium's form: seed ‖ public key. */
  readonly secretKey: Buffer;
}

export function testDevice(id: string, seed: Uint8Array = createHash("sha256").update(id).digest()): TestDevice {
  const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
  const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, Buffer.from(seed));
  return { id, publicKey, secretKey };
}

/**
 * A genuine message. Without other wishes: seq 1, a message id made of device and seq, a fixed time, one reading of
 * 21.7 °C. Schema-invalid fields are encoded and signed as they are.
 */
export function signedEnvelope(device: TestDevice, fields: Partial<EnvelopeFields> = {}): Uint8Array {
  const seq = fields.seq ?? 1;
  return encodeEnvelope(
    {
      deviceId: device.id,
      seq,
      msgId: createHash("sha256").update(`${device.id}:${seq}`).digest().subarray(0, 16),
      epochMs: 1_760_000_000_000,
      readings: [{ sensor: 1, vi: 217, vs: 1, unit: 1, quality: 0 }],
      ...fields,
    },
    (text) => signWithSodium(text, device),
    blake2b256,
  );
}

export function signWithSodium(text: Uint8Array, { secretKey }: Pick<TestDevice, "secretKey">): Uint8Array {
  const signature = Buffer.alloc(sodium.crypto_sign_BYTES);
  sodium.crypto_sign_detached(signature, Buffer.from(text), secretKey);
  return signature;
}

export function blake2b256(bytes: Uint8Array): Uint8Array {
  const digest = Buffer.alloc(32);
  sodium.crypto_generichash(digest, Buffer.from(bytes));
  return digest;
}

/** libsodium as the judge of a message that should come from the holder of `publicKey`. */
export function sodiumCrypto(publicKey: Uint8Array): EnvelopeCrypto {
  const key = Buffer.from(publicKey);
  return {
    hash: blake2b256,
    verify: (signature, text) => sodium.crypto_sign_verify_detached(Buffer.from(signature), Buffer.from(text), key),
  };
}

/** The second opinion, without native code. */
export function nobleCrypto(publicKey: Uint8Array): EnvelopeCrypto {
  return {
    hash: (bytes) => blake2b(bytes, { dkLen: 32 }),
    verify: (signature, text) => verifyEd25519(signature, text, publicKey),
  };
}
