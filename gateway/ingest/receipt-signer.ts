import type { KeyObject } from "node:crypto";
import sodium from "sodium-native";
import type { ReceiptPort, StoredOutcome } from "../../src/ingest/upload.ts";
import { encodeReceipt } from "../../src/ledger/receipt.ts";
import { asBuffer } from "../as-buffer.ts";

export interface ReceiptSignerOptions {
  /** Ed25519. */
  readonly privateKey: KeyObject;
  /** Entries that are on disk now; the outcome's is among them. */
  readonly durableSize: () => number;
}

/** Signs receipts where they are asked for, with libsodium: it takes half the time of node:crypto. */
export class ReceiptSigner implements ReceiptPort {
  readonly #durableSize: () => number;
  /** libsodium's form: seed ‖ public key. */
  readonly #secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);

  constructor({ privateKey, durableSize }: ReceiptSignerOptions) {
    this.#durableSize = durableSize;
    const seed = Buffer.from(privateKey.export({ format: "jwk" }).d!, "base64url");
    sodium.crypto_sign_seed_keypair(Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES), this.#secretKey, seed);
  }

  receiptOf({ leafIndex, leafHash, message }: StoredOutcome): Uint8Array {
    const { deviceId, seq, msgId } = message;
    const treeSize = this.#durableSize();
    // Every envelope has both; its message id is 16 bytes, in hex.
    const receipt = { device: deviceId, seq: seq!, msgId: Buffer.from(msgId!, "hex"), leafIndex, leafHash, treeSize };
    return encodeReceipt(receipt, (bytes) => {
      const signature = Buffer.alloc(sodium.crypto_sign_BYTES);
      sodium.crypto_sign_detached(signature, asBuffer(bytes), this.#secretKey);
      return signature;
    });
  }
}
