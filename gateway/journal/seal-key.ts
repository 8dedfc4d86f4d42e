/** The key that signs seals, and the gateway's private HMAC over them. */
import { createHmac, createPublicKey, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";
import { promisify } from "node:util";
import sodium from "sodium-native";
import { encodeSeal, type Seal, type SignedSeal, sealPayload } from "../../src/ledger/seal.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { asBuffer } from "../as-buffer.ts";

const verifyInPool = promisify<null, Uint8Array, KeyObject, Uint8Array, boolean>(verify);

export interface SealVerifier {
  /** Why the seal is not one of this key, undefined when it is. */
  flawOf(signed: SignedSeal): string | undefined;
  /** The same, the signature checked in the thread pool. */
  flawSoon(signed: SignedSeal): Promise<string | undefined>;
}

/** One that follows the rotations of the key in a log that is read from its first leaf. */
export interface SealFollower extends SealVerifier {
  observe?(entry: EventEntry, leafIndex: number): void;
  /** vkeys of the seals so far, oldest first, the last one in force; undefined while that is not settled. */
  readonly settled?: readonly string[] | undefined;
  /** Goes on behind seals that were followed elsewhere. @param settled what it came to there */
  goOnFrom?(settled: readonly string[]): void;
  /** What is wrong with them, once the whole log was seen. */
  flaw?(): { readonly what: string; readonly leafIndex: number | undefined } | undefined;
}

export interface SealSigner extends SealVerifier {
  /** @returns the leaf */
  sign(seal: Seal): Uint8Array;
}

/** @param hmacKey with it, seals that carry an HMAC are held against it */
export function sealVerifier(publicKey: KeyObject, hmacKey?: KeyObject): SealVerifier {
  const hmacFlaw = ({ hmac, ...seal }: Seal): string | undefined => {
    const isForeign = hmacKey && hmac && !timingSafeEqual(hmacOf(seal, hmacKey), hmac);
    return isForeign ? "has an HMAC that is not of this gateway's key" : undefined;
  };
  const flaw = (verifies: boolean, otherwise: string | undefined) =>
    verifies ? otherwise : "has a signature that does not verify";
  const key = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url");
  // libsodium takes half the time of node:crypto, which has the thread pool.
  const verifies = (message: Uint8Array, signature: Uint8Array): boolean =>
    sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), key);
  return {
    flawOf: ({ seal, signedBytes, signature }) => flaw(verifies(signedBytes, signature), hmacFlaw(seal)),
    flawSoon: ({ seal, signedBytes, signature }) => {
      // Both before the first await: the seal may be a view of a buffer that is read into again. Node copies what it verifies.
      const otherwise = hmacFlaw(seal);
      return verifyInPool(null, signedBytes, publicKey, signature).then((verifies) => flaw(verifies, otherwise));
    },
  };
}

/** @param privateKey Ed25519 @param hmacKey with it, every seal carries an HMAC-SHA256 */
export function sealSigner(privateKey: KeyObject, hmacKey?: KeyObject): SealSigner {
  return {
    ...sealVerifier(createPublicKey(privateKey), hmacKey),
    sign: (seal) => {
      const complete = hmacKey ? { ...seal, hmac: hmacOf(seal, hmacKey) } : seal;
      return encodeSeal(complete, (bytes) => sign(null, bytes, privateKey));
    },
  };
}

/**
 * The gateway's own seal key over a rotation. It begins with the key before, until that has sealed the block which announces
 * its successor; a seal of either is the gateway's.
 */
export class SealKeys implements SealSigner {
  readonly #verifiers: readonly SealVerifier[];
  readonly #next: SealSigner;
  #signer: SealSigner;

  constructor(current: KeyObject, old: KeyObject | undefined, hmacKey?: KeyObject) {
    this.#next = sealSigner(current, hmacKey);
    this.#signer = old ? sealSigner(old, hmacKey) : this.#next;
    this.#verifiers = old ? [this.#next, this.#signer] : [this.#next];
  }

  /** From now on the current key signs. */
  succeed(): void {
    this.#signer = this.#next;
  }

  sign(seal: Seal): Uint8Array {
    return this.#signer.sign(seal);
  }

  flawOf(signed: SignedSeal): string | undefined {
    const flaws = this.#verifiers.map((verifier) => verifier.flawOf(signed));
    return flaws.includes(undefined) ? undefined : flaws[0];
  }

  async flawSoon(signed: SignedSeal): Promise<string | undefined> {
    const flaws = await Promise.all(this.#verifiers.map((verifier) => verifier.flawSoon(signed)));
    return flaws.includes(undefined) ? undefined : flaws[0];
  }
}

function hmacOf(seal: Seal, key: KeyObject): Buffer {
  return createHmac("sha256", key).update(sealPayload(seal)).digest();
}
