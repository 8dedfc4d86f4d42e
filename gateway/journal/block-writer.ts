import { OpenBlock } from "../../src/ledger/block.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import type { EntryBatch } from "../../src/ledger/types.ts";
import { arrivalOf } from "./block-recovery.ts";
import type { LedgerTree, PlacedBatch } from "./ledger-tree.ts";
import type { Durable } from "./log-batch.ts";
import type { SealSigner } from "./seal-key.ts";
import type { SegmentedLog } from "./segmented-log.ts";

export interface BlockLimits {
  /** A block is closed behind the batch with which it has this many leaves. */
  readonly leaves: number;
  /** An open block is closed after this time. */
  readonly ms: number;
}

export interface BlockWriterOptions {
  readonly journal: SegmentedLog<PlacedBatch>;
  readonly tree: LedgerTree;
  readonly seals: SealSigner;
  readonly limits: BlockLimits;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
}

/** While the disk is full an overdue block is looked at again after this time. */
const retryMs = 1000;

/**
 * Gives batches their leaves and closes blocks, the seal behind its leaves in the same group commit. A batch is never
 * split, so a block may hold a batch less one more than its limit: docs/adr/0051-blocks-close-behind-a-batch.md
 */
export class BlockWriter {
  readonly #options: BlockWriterOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: BlockWriterOptions) {
    this.#options = options;
    // What is given back may have closed the block whose leaves are durable: it is open again.
    options.tree.onGiveBack = () => this.#restartTimer();
  }

  /** Of a recovered ledger: closes the open block if that is overdue, and sees to it that it will be. */
  async resume(): Promise<void> {
    const { journal, tree, limits, nowUs } = this.#options;
    const { block } = tree.newest;
    if (block.count === 0) return;
    const now = nowUs();
    const openedUs = Math.min(now, (await arrivalOf(journal, block.startLeaf)) ?? now);
    tree.dateBlock(openedUs);
    if (block.count >= limits.leaves || now - openedUs >= limits.ms * 1000) await this.#seal();
    this.#restartTimer();
  }

  /** See SegmentedLog.append. */
  append(batch: EntryBatch, durable: Durable): number {
    const { tree, limits, nowUs } = this.#options;
    const open = tree.newest.block;
    const block = (open.count === 0 ? open.openedAt(nowUs()) : open).with(batch.leafHashes);
    const first = this.#place(batch, block, durable);
    if (block.count >= limits.leaves) void this.#seal();
    else if (open.count === 0) this.#restartTimer();
    return first;
  }

  /** Closes the open block now, if it holds anything. Resolves as `#seal`. */
  async close(): Promise<void> {
    if (this.#options.tree.newest.block.count > 0) await this.#seal();
  }

  /** Closes no more blocks by time. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Resolves when the seal is durable, or given back with the disk full or failed: then the block stays open. */
  #seal(): Promise<void> {
    const { tree, seals, nowUs } = this.#options;
    clearTimeout(this.#timer);
    const { block, tree: before } = tree.newest;
    const seal = block.sealed(before.root(), nowUs());
    const leaf = seals.sign(seal);
    const next = OpenBlock.behind(seal, leaf);
    return new Promise((resolve) => this.#place(entryBatch([leaf], false), next, () => resolve()));
  }

  #place(batch: EntryBatch, block: OpenBlock, durable: Durable): number {
    const { journal, tree } = this.#options;
    const placed = tree.place(batch, block);
    const first = journal.append(placed, durable);
    tree.placed(placed);
    return first;
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    const { tree, limits, nowUs } = this.#options;
    const { count, openedUs } = tree.newest.block;
    if (this.#stopped || count === 0 || openedUs === undefined) return;
    // A clock that was set back must not keep the block open for longer than its limit from now.
    const ageMs = Math.max(0, (nowUs() - openedUs) / 1000);
    this.#closeAfter(Math.max(0, limits.ms - ageMs));
  }

  #closeAfter(ms: number): void {
    this.#timer = setTimeout(() => {
      const { journal } = this.#options;
      if (journal.state === "open") void this.#seal();
      else if (journal.state === "full") this.#closeAfter(retryMs);
    }, ms);
    // An open block is no reason to stay alive.
    this.#timer.unref();
  }
}
