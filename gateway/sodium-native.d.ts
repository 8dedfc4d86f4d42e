/** The few functions of sodium-native that the gateway and the simulators use. All sizes are libsodium's. */
declare module "sodium-native" {
  interface Sodium {
    readonly crypto_sign_PUBLICKEYBYTES: 32;
    readonly crypto_sign_SECRETKEYBYTES: 64;
    readonly crypto_sign_BYTES: 64;
    crypto_sign_keypair(publicKey: Buffer, secretKey: Buffer): void;
    crypto_sign_seed_keypair(publicKey: Buffer, secretKey: Buffer, seed: Buffer): void;
    crypto_sign_detached(signature: Buffer, message: Buffer, secretKey: Buffer): void;
    crypto_sign_verify_detached(signature: Buffer, message: Buffer, publicKey: Buffer): boolean;
    /** BLAKE2b, unkeyed, with a digest as long as `output`: 16 to 64 bytes. */
    crypto_generichash(output: Buffer, input: Buffer): void;
  }
  const sodium: Sodium;
  export default sodium;
}
