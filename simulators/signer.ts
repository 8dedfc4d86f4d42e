import sodium from "sodium-native";
import { type EnvelopeFields, encodeEnvelope } from "../src/codec/envelope.ts";

/** A MycoEnvelope signed with a libsodium secret key (seed ‖ public). */
export function signedEnvelope(fields: EnvelopeFields, secretKey: Buffer): Uint8Array {
  return encodeEnvelope(
    fields,
    (text) => {
      const signature = Buffer.alloc(sodium.crypto_sign_BYTES);
      sodium.crypto_sign_detached(signature, Buffer.from(text.buffer, text.byteOffset, text.byteLength), secretKey);
      return signature;
    },
    (unsigned) => {
      const hash = Buffer.alloc(32);
      sodium.crypto_generichash(hash, Buffer.from(unsigned.buffer, unsigned.byteOffset, unsigned.byteLength));
      return hash;
    },
  );
}
