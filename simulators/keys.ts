/** Keys of simulated devices: the same device has the same key in every run with the same secret. */
import { createHash } from "node:crypto";
import sodium from "sodium-native";

export interface DeviceKeys {
  /** libsodium's form, seed ‖ public. */
  readonly secretKey: Buffer;
  /** Hex. */
  readonly publicKey: string;
  /** Of somebody else, for mistakes. */
  readonly wrongSecretKey: Buffer;
}

export function deviceKeys(secret: string, deviceId: string): DeviceKeys {
  const own = keyPair(`${secret}/key/${deviceId}`);
  return { ...own, wrongSecretKey: keyPair(`${secret}/wrong-key/${deviceId}`).secretKey };
}

function keyPair(name: string): { secretKey: Buffer; publicKey: string } {
  const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
  const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, createHash("sha256").update(name).digest());
  return { secretKey, publicKey: publicKey.toString("hex") };
}
