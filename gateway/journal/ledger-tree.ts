import { GatewayError } from "../../src/errors.ts";
import { OpenBlock } from "../../src/ledger/block.ts";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import { emptyRoot, MerkleTree } from "../../src/ledger/merkle.ts";
import type { EntryBatch } from "../../src/ledger/types.ts";
import { openBlockAt } from "./block-recovery.ts";
import type { HashFiles } from "./hash-files.ts";
import { leafHashesOf } from "./leaf-hashes.ts";
import type { LogFollower } from "./log-batch.ts";
import type { JournalLogger } from "./logger.ts";
import type { SealVerifier } from "./seal-key.ts";
import { SealWalk } from "./seal-walk.ts";
import type { SegmentedLog } from "./segmented-log.ts";

/** The tree and the open block behind some leaf. Values: never changed once made. */
export interface Head {
  readonly tree: MerkleTree;
  readonly block: OpenBlock;
}

/** A batch with a place in the log: what it makes of the head, should it become durable. */
export interface PlacedBatch extends EntryBatch {
  readonly after: Head;
  /** Per tile level, as MerkleTree.append returns it. */
  readonly gained: readonly Uint8Array[];
}

/**
 * The Merkle tree and the blocks over the leaves. It grows when a batch is appended, because a seal says what the tree
 * is at its place; it counts only once the frame is durable, and goes back there when a frame fails.
 */
export class LedgerTree implements LogFollower<PlacedBatch> {
  readonly #hashes: HashFiles;
  readonly #onCommit: () => void;
  #durable: Head = { tree: new MerkleTree(), block: OpenBlock.first() };
  /** With what is appended and not yet durable. */
  #newest = this.#durable;
  onGiveBack: () => void = () => {};

  constructor(hashes: HashFiles, onCommit: () => void) {
    this.#hashes = hashes;
    this.#onCommit = onCommit;
  }

  /** Durable leaves. */
  get size(): number {
    return this.#durable.tree.size;
  }

  root(): Uint8Array {
    return this.#durable.tree.root();
  }

  get durable(): Head {
    return this.#durable;
  }

  get newest(): Head {
    return this.#newest;
  }

  get blocked(): unknown {
    return this.#hashes.blocked;
  }

  /** What the head would be behind `batch`. @param block the open block behind it */
  place({ count, bundle, leafHashes, control }: EntryBatch, block: OpenBlock): PlacedBatch {
    const tree = this.#newest.tree.clone();
    const gained = tree.append(leafHashes);
    return { count, bundle, leafHashes, control, gained, after: { tree, block } };
  }

  /** Of a recovered open block: when its first leaf came. */
  dateBlock(openedUs: number): void {
    const { tree, block } = this.#durable;
    this.#durable = { tree, block: block.openedAt(openedUs) };
    this.#newest = this.#durable;
  }

  /** The batch is in the journal. */
  placed({ after }: PlacedBatch): void {
    this.#newest = after;
  }

  /**
   * The tree and the open block of a journal just opened. What is signed, and old enough for its hashes to be durable, is
   * taken from the hash files; the rest is hashed again. If the root is then not the signed one, everything is. What is
   * not yet signed always comes from the entries, its seals checked.
   * @throws GatewayError JOURNAL_CORRUPT when the journal is not what was signed, or a seal does not fit
   */
  async restore(
    journal: SegmentedLog<PlacedBatch>,
    signed: Checkpoint | undefined,
    seals: SealVerifier,
    log: JournalLogger,
  ): Promise<void> {
    const { size, root } = signed ?? { size: 0, root: emptyRoot() };
    const settled = Math.min(size, journal.settledIndex);
    let tree = await this.#hashes.treeOf(settled);
    if (tree !== undefined) {
      await this.#hashes.truncate(settled);
      await this.#grow(tree, journal, size);
    }
    if (tree === undefined || !sameBytes(tree.root(), root)) {
      log.warn({ size }, "the hash files do not lead to the signed root: making them anew from the journal");
      tree = new MerkleTree();
      await this.#hashes.truncate(0);
      await this.#grow(tree, journal, size);
      if (!sameBytes(tree.root(), root)) throw notWhatWasSigned(size);
    }
    const block = await openBlockAt(journal, tree.size, seals);
    await this.#follow(journal, { tree, block }, seals);
  }

  commit(batches: readonly PlacedBatch[]): void {
    this.#durable = batches.at(-1)!.after;
    // Copies: the batches' buffers are their owner's again once the frame is durable.
    this.#hashes.append(byLevel(batches).map((gained) => Buffer.concat(gained)));
    this.#onCommit();
  }

  giveBack(): void {
    this.#newest = this.#durable;
    this.onGiveBack();
  }

  flush(): Promise<void> {
    return this.#hashes.flush();
  }

  sync(): Promise<void> {
    return this.#hashes.sync();
  }

  /** Without looking at the seals: a signature vouches for them. */
  async #grow(tree: MerkleTree, journal: SegmentedLog<PlacedBatch>, to: number): Promise<void> {
    for await (const frame of journal.frames(tree.size, to)) this.#hashes.append(tree.append(leafHashesOf(frame)));
    if (tree.size !== to) throw areGone(journal);
  }

  /** From `head`, which is changed, to the end of the journal. */
  async #follow(journal: SegmentedLog<PlacedBatch>, { tree, block }: Head, seals: SealVerifier): Promise<void> {
    const append = (leafHashes: Uint8Array) => this.#hashes.append(tree.append(leafHashes));
    const walk = new SealWalk(block, { append, root: () => tree.root() }, (signed) => seals.flawOf(signed));
    for await (const frame of journal.frames(tree.size, journal.durableSize)) {
      const flaw = walk.add(frame, leafHashesOf(frame));
      if (flaw !== undefined) throw new GatewayError("JOURNAL_CORRUPT", flaw.what, { details: { ...flaw } });
    }
    if (tree.size !== journal.durableSize) throw areGone(journal);
    this.#durable = { tree, block: walk.block };
    this.#newest = this.#durable;
    await this.#hashes.flush();
  }
}

function byLevel(batches: readonly PlacedBatch[]): Uint8Array[][] {
  const levels: Uint8Array[][] = [];
  for (const { gained } of batches) {
    for (const [level, hashes] of gained.entries()) {
      levels[level] ??= [];
      levels[level].push(hashes);
    }
  }
  return levels;
}

function areGone({ firstIndex }: SegmentedLog<PlacedBatch>): GatewayError {
  return new GatewayError("JOURNAL_CORRUPT", `entries before leaf ${firstIndex} are gone`);
}

function notWhatWasSigned(size: number): GatewayError {
  return new GatewayError("JOURNAL_CORRUPT", `the first ${size} entries do not have the root hash that was signed`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
