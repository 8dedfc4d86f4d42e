import { GatewayError } from "../../src/errors.ts";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import { emptyRoot, MerkleTree } from "../../src/ledger/merkle.ts";
import type { EntryBatch } from "../../src/ledger/types.ts";
import type { HashFiles } from "./hash-files.ts";
import { leafHashesOf } from "./leaf-hashes.ts";
import type { LogFollower } from "./log-batch.ts";
import type { JournalLogger } from "./logger.ts";
import type { SegmentedLog } from "./segmented-log.ts";

/** The Merkle tree over the durable leaves. Grows while their frame is being synced, counts only once it is. */
export class LedgerTree implements LogFollower<EntryBatch> {
  readonly #hashes: HashFiles;
  readonly #onCommit: () => void;
  #durable = new MerkleTree();
  #next: { readonly tree: MerkleTree; readonly gained: readonly Uint8Array[] } | undefined;

  constructor(hashes: HashFiles, onCommit: () => void) {
    this.#hashes = hashes;
    this.#onCommit = onCommit;
  }

  get size(): number {
    return this.#durable.size;
  }

  root(): Uint8Array {
    return this.#durable.root();
  }

  get blocked(): unknown {
    return this.#hashes.blocked;
  }

  /**
   * The tree of a journal just opened. What is signed, and old enough for its hashes to be durable, is taken from the
   * hash files; the rest is hashed again. If the root is then not the signed one, everything is.
   * @throws GatewayError JOURNAL_CORRUPT when the journal is not what was signed
   */
  async restore(journal: SegmentedLog<EntryBatch>, signed: Checkpoint | undefined, log: JournalLogger): Promise<void> {
    const { size, root } = signed ?? { size: 0, root: emptyRoot() };
    const settled = Math.min(size, journal.settledIndex);
    const tree = await this.#hashes.treeOf(settled);
    if (tree !== undefined) {
      this.#durable = tree;
      await this.#hashes.truncate(settled);
      await this.#grow(journal, size);
    }
    if (tree === undefined || !sameBytes(this.root(), root)) {
      log.warn({ size }, "the hash files do not lead to the signed root: making them anew from the journal");
      this.#durable = new MerkleTree();
      await this.#hashes.truncate(0);
      await this.#grow(journal, size);
      if (!sameBytes(this.root(), root)) throw notWhatWasSigned(size);
    }
    await this.#grow(journal, journal.durableSize);
  }

  extend(batches: readonly EntryBatch[]): void {
    const tree = this.#durable.clone();
    // A copy: the batches' buffers are their owner's again once the frame is durable.
    const gained = tree.append(Buffer.concat(batches.map(({ leafHashes }) => leafHashes)));
    this.#next = { tree, gained };
  }

  commit(): void {
    if (this.#next === undefined) return;
    this.#durable = this.#next.tree;
    this.#hashes.append(this.#next.gained);
    this.#next = undefined;
    this.#onCommit();
  }

  flush(): Promise<void> {
    return this.#hashes.flush();
  }

  sync(): Promise<void> {
    return this.#hashes.sync();
  }

  async #grow(journal: SegmentedLog<EntryBatch>, to: number): Promise<void> {
    for await (const frame of journal.frames(this.size, to)) {
      this.#hashes.append(this.#durable.append(leafHashesOf(frame)));
    }
    if (this.size !== to)
      throw new GatewayError("JOURNAL_CORRUPT", `entries before leaf ${journal.firstIndex} are gone`);
    await this.#hashes.flush();
  }
}

function notWhatWasSigned(size: number): GatewayError {
  return new GatewayError("JOURNAL_CORRUPT", `the first ${size} entries do not have the root hash that was signed`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
