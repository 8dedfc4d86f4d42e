/** A small log in memory with both signature lines, as the files of a gateway would have it. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { type CheckpointSigner, signCheckpoint } from "../../src/ledger/checkpoint.ts";
import { ed25519Signer, ed25519Vkey } from "../../src/ledger/ed25519-line.ts";
import { hashBytes, leafHash, MerkleTree } from "../../src/ledger/merkle.ts";
import { cosignature, cosignedMessage, mldsa44Verifier, mldsa44Vkey } from "../../src/ledger/mldsa44-line.ts";
import { formatProofFile } from "../../src/ledger/proof-file.ts";
import { inclusionProof } from "../../src/ledger/prove.ts";
import type { ReadTile } from "../../src/ledger/tiles.ts";

export interface LogKeys {
  readonly signers: readonly CheckpointSigner[];
  /** `log` lines, Ed25519 first. */
  readonly vkeys: readonly [string, string];
}

/** Keys of the log with this name. */
export function logKeys(origin: string, time = 1_760_000_000n): LogKeys {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { publicKey, secretKey } = ml_dsa44.keygen(createHash("sha256").update(origin).digest());
  const post: CheckpointSigner = {
    ...mldsa44Verifier(origin, publicKey),
    sign: (checkpoint) =>
      cosignature(time, ml_dsa44.sign(cosignedMessage(origin, time, checkpoint)!, secretKey, { extraEntropy: false })),
  };
  return {
    signers: [ed25519Signer(origin, privateKey), post],
    vkeys: [ed25519Vkey(origin, privateKey), mldsa44Vkey(origin, publicKey)],
  };
}

export function policyOf({ vkeys }: LogKeys): string {
  return `${vkeys.map((vkey) => `log ${vkey}\n`).join("")}require ed25519+mldsa44\nquorum none\n`;
}

/** The tile levels of a tree. @param leafHashes 32 bytes each */
export function tilesOf(leafHashes: readonly Uint8Array[]): ReadTile {
  const levels = new MerkleTree().append(Buffer.concat(leafHashes)).map((hashes) => Buffer.from(hashes));
  return async (level, index, width) => {
    const from = index * 256 * hashBytes;
    const bytes = levels[level]!.subarray(from, from + width * hashBytes);
    if (bytes.length !== width * hashBytes) throw new RangeError(`tile ${level}/${index} is not ${width} wide`);
    return bytes;
  };
}

export class SignedLog {
  readonly origin: string;
  readonly keys: LogKeys;
  readonly entries: readonly Uint8Array[];
  readonly readTile: ReadTile;
  readonly root: Uint8Array;
  readonly #note: Promise<string>;

  constructor(entries: readonly Uint8Array[], { origin = "gw.test/ledger/1", keys = logKeys(origin) } = {}) {
    this.origin = origin;
    this.keys = keys;
    this.entries = entries;
    const hashes = entries.map((entry) => leafHash(entry));
    this.readTile = tilesOf(hashes);
    const tree = new MerkleTree();
    tree.append(Buffer.concat(hashes));
    this.root = tree.root();
    this.#note = signCheckpoint({ origin, size: entries.length, root: this.root }, keys.signers);
  }

  get size(): number {
    return this.entries.length;
  }

  get policy(): string {
    return policyOf(this.keys);
  }

  note(): Promise<string> {
    return this.#note;
  }

  /** The proof file of one leaf. */
  async proof(leafIndex: number): Promise<string> {
    const hashes = await inclusionProof(leafIndex, this.size, this.readTile);
    return formatProofFile({ leaf: this.entries[leafIndex]!, leafIndex, hashes, checkpoint: await this.note() });
  }
}
