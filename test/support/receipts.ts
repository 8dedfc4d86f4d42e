/** COSE receipts of small trees, signed by keys as a gateway has them. */
import { generateKeyPairSync, sign } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import {
  encodeConsistencyReceipt,
  encodeInclusionReceipt,
  type ReceiptHeader,
  receiptSignedBytes,
} from "../../src/ledger/cose-receipt.ts";
import { ed25519Vkey } from "../../src/ledger/ed25519-line.ts";
import { leafHash } from "../../src/ledger/merkle.ts";
import { mldsa44Vkey } from "../../src/ledger/mldsa44-line.ts";
import { RecursiveTree } from "./recursive-tree.ts";
import { lineKey } from "./witnesses.ts";

export class ReceiptLog {
  readonly origin: string;
  /** Ed25519, then ML-DSA-44. */
  readonly vkeys: readonly [string, string];
  readonly entries: readonly Uint8Array[];
  readonly #tree: RecursiveTree;
  readonly #sign: Readonly<Record<ReceiptHeader["signature"], (message: Uint8Array) => Uint8Array>>;

  constructor(entries: readonly Uint8Array[], origin = "gw.test/ledger/1") {
    const { privateKey } = generateKeyPairSync("ed25519");
    const { publicKey, secretKey } = ml_dsa44.keygen();
    this.origin = origin;
    this.entries = entries;
    this.vkeys = [ed25519Vkey(origin, privateKey), mldsa44Vkey(origin, publicKey)];
    this.#tree = new RecursiveTree(entries.map((entry) => leafHash(entry)));
    this.#sign = {
      ed25519: (message) => sign(null, message, privateKey),
      mldsa44: (message) => ml_dsa44.sign(message, secretKey),
    };
  }

  get policy(): string {
    return `${this.vkeys.map((vkey) => `log ${vkey}\n`).join("")}require ed25519+mldsa44\nquorum none\n`;
  }

  /** @param claims what the receipt is to say instead of the truth, which is what is signed */
  inclusion(
    signature: ReceiptHeader["signature"],
    leafIndex: number,
    size = this.entries.length,
    claims: { readonly leafIndex?: number; readonly size?: number; readonly origin?: string } = {},
  ): Uint8Array {
    const header = this.#header(signature, claims.origin);
    const path = this.#tree.inclusionProof(leafIndex, 0, size);
    return encodeInclusionReceipt(header, { size, leafIndex, path, ...claims }, this.#signature(header, size))!;
  }

  consistency(signature: ReceiptHeader["signature"], oldSize: number, newSize = this.entries.length): Uint8Array {
    const header = this.#header(signature);
    const hashes = this.#tree.consistencyProof(oldSize, newSize);
    return encodeConsistencyReceipt(header, { oldSize, newSize, hashes }, this.#signature(header, newSize))!;
  }

  #header(signature: ReceiptHeader["signature"], origin = this.origin): ReceiptHeader {
    const { verifier } = lineKey(this.vkeys[signature === "ed25519" ? 0 : 1]);
    return { signature, origin, keyId: verifier.keyId };
  }

  #signature(header: ReceiptHeader, size: number): Uint8Array {
    return this.#sign[header.signature](receiptSignedBytes(header, new Uint8Array(this.#tree.root(0, size))));
  }
}
