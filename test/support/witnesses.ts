/** A witness in this process, on files that fail, and logs for it to judge. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FilePort } from "../../gateway/journal/file-port.ts";
import { CosignedHeads } from "../../gateway/witness/cosigned-heads.ts";
import { Witness } from "../../gateway/witness/witness.ts";
import { openWitnessSigner, type WitnessSigner } from "../../gateway/witness/witness-signer.ts";
import { type Checkpoint, signCheckpoint } from "../../src/ledger/checkpoint.ts";
import { leafHash, MerkleTree } from "../../src/ledger/merkle.ts";
import { type LineKey, portableLineKey } from "../../src/ledger/portable-lines.ts";
import { consistencyProof } from "../../src/ledger/prove.ts";
import { formatAddCheckpoint } from "../../src/ledger/witness-request.ts";
import { silent } from "./ledger-workload.ts";
import { type LogKeys, tilesOf } from "./signed-log.ts";

export const witnessName = "witness.test/w1";

export function lineKey(vkey: string): LineKey {
  const key = portableLineKey(vkey);
  if (!key.ok) throw new Error(key.detail);
  return key.value;
}

/** One key pair for all tests of a file: it takes long to make. */
export function testSigner(name = witnessName): Promise<WitnessSigner> {
  return openWitnessSigner({
    keysDir: join(mkdtempSync(join(tmpdir(), "mycogate-witness-")), "keys"),
    name,
  });
}

export async function openWitness(
  files: FilePort,
  signer: WitnessSigner,
  logs: readonly LogKeys[],
  nowUs = () => 1_790_000_000_000_000,
): Promise<{ witness: Witness; heads: CosignedHeads }> {
  const known = new Map(logs.map(({ vkeys }) => [vkeys[0].split("+")[0]!, vkeys.map(lineKey)] as const));
  const heads = await CosignedHeads.open(files, "/data/witness", known.keys(), signer.keys);
  return { witness: new Witness({ logs: known, heads, signer, nowUs, log: silent }), heads };
}

/** A log of entries named by their place, in one of several histories. */
export class GrowingLog {
  readonly origin: string;
  readonly keys: LogKeys;
  readonly #leafHashes: readonly Uint8Array[];

  constructor(keys: LogKeys, history = "", entries = 40) {
    this.keys = keys;
    this.origin = keys.vkeys[0].split("+")[0]!;
    // Histories part after the fifth entry.
    this.#leafHashes = Array.from({ length: entries }, (_, index) =>
      leafHash(Buffer.from(index < 5 ? `${index}` : `${history}${index}`)),
    );
  }

  checkpoint(size: number): Checkpoint {
    const tree = new MerkleTree();
    tree.append(Buffer.concat(this.#leafHashes.slice(0, size)));
    return { origin: this.origin, size, root: tree.root() };
  }

  note(size: number): Promise<string> {
    return signCheckpoint(this.checkpoint(size), this.keys.signers);
  }

  async proof(oldSize: number, size: number): Promise<readonly Uint8Array[]> {
    if (oldSize === 0 || oldSize >= size) return [];
    return (await consistencyProof(oldSize, size, tilesOf(this.#leafHashes.slice(0, size)))).hashes;
  }

  /** The body of `add-checkpoint`. */
  async request(oldSize: number, size: number): Promise<Buffer> {
    const [proof, note] = await Promise.all([this.proof(oldSize, size), this.note(size)]);
    return Buffer.from(formatAddCheckpoint({ oldSize, proof, note }));
  }
}
