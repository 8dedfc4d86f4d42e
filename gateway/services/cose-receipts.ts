import { GatewayError } from "../../src/errors.ts";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import {
  type CoseSignature,
  type CoseSigner,
  encodeConsistencyReceipt,
  encodeInclusionReceipt,
  receiptSignedBytes,
} from "../../src/ledger/cose-receipt.ts";
import type { CoseReceiptService } from "../http/services.ts";
import { checkpointIn, type PublishedLog } from "../journal/published-log.ts";

interface SignedRoot {
  readonly size: number;
  readonly signature: Promise<Uint8Array>;
}

/**
 * COSE receipts of the trees of checkpoints, and of no others: what they sign was signed, stored and published before.
 * All receipts in one tree share a signature, so it is made once for as long as the tree stays.
 */
export class CoseReceipts implements CoseReceiptService {
  readonly #log: Pick<PublishedLog, "checkpoint" | "inclusion" | "consistency">;
  readonly #signers: readonly CoseSigner[];
  readonly #open: (note: string) => Checkpoint;
  readonly #signed = new Map<CoseSignature, SignedRoot>();

  /** @param open throws unless the log's keys have signed the note; needed where it is read from a file */
  constructor(
    log: Pick<PublishedLog, "checkpoint" | "inclusion" | "consistency">,
    signers: readonly CoseSigner[],
    open: (note: string) => Checkpoint = checkpointIn,
  ) {
    this.#log = log;
    this.#signers = signers;
    this.#open = open;
  }

  async inclusion(leafIndex: number, by: CoseSignature): Promise<Uint8Array | undefined> {
    const proof = await this.#log.inclusion(leafIndex);
    if (proof === undefined) return undefined;
    const { size, root } = this.#open(proof.checkpoint);
    const signer = this.#signerOf(by);
    const signature = await this.#sign(signer, size, root);
    return encodeInclusionReceipt(signer, { size, leafIndex, path: proof.hashes }, signature);
  }

  async consistency(oldSize: number, by: CoseSignature): Promise<Uint8Array | undefined> {
    const note = (await this.#log.checkpoint())?.text;
    const head = note === undefined ? undefined : this.#open(note);
    const proof = head && (await this.#log.consistency(oldSize, head.size));
    if (proof === undefined || head === undefined) return undefined;
    const signer = this.#signerOf(by);
    return encodeConsistencyReceipt(signer, proof, await this.#sign(signer, head.size, head.root));
  }

  #signerOf(by: CoseSignature): CoseSigner {
    const signer = this.#signers.find(({ signature }) => signature === by);
    if (signer === undefined) throw new GatewayError("INTERNAL", `no key signs with ${by}`);
    return signer;
  }

  #sign(signer: CoseSigner, size: number, root: Uint8Array): Promise<Uint8Array> {
    const before = this.#signed.get(signer.signature);
    if (before?.size === size) return before.signature;
    const signature = Promise.resolve(signer.sign(receiptSignedBytes(signer, root)));
    this.#signed.set(signer.signature, { size, signature });
    signature.catch(() => this.#signed.delete(signer.signature));
    return signature;
  }
}
