/** The ledger: a journal of entries, the blocks and the Merkle tree over them, and the signed checkpoint of that tree. */
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import type { Checkpoint, CheckpointSigner, CheckpointVerifier } from "../../src/ledger/checkpoint.ts";
import { hashBytes } from "../../src/ledger/merkle.ts";
import { decodeSeal, looksLikeSeal } from "../../src/ledger/seal.ts";
import type { EntryBatch, LedgerPort } from "../../src/ledger/types.ts";
import { type BlockLimits, BlockWriter } from "./block-writer.ts";
import { checkpointPath, loadCheckpoint, type StoredCheckpoint } from "./checkpoint-file.ts";
import { Checkpointer } from "./checkpointer.ts";
import { diskFiles } from "./disk-files.ts";
import type { FilePort } from "./file-port.ts";
import { forEachEntry } from "./frame.ts";
import { HashFiles } from "./hash-files.ts";
import type { JournalFrame } from "./journal-reader.ts";
import { storedLeafHash } from "./leaf-hashes.ts";
import { LedgerTree, type PlacedBatch } from "./ledger-tree.ts";
import { Listeners } from "./listeners.ts";
import type { JournalLogger } from "./logger.ts";
import { openFailure } from "./open-failure.ts";
import type { SealSigner } from "./seal-key.ts";
import { type LogState, SegmentedLog } from "./segmented-log.ts";

export interface LedgerOptions {
  /** `<data>/ledger`; created when missing. The caller holds the lock of the data directory. */
  readonly dir: string;
  /** The log's name for ever: a URL without its scheme. */
  readonly origin: string;
  /** One signature line each. */
  readonly signers: readonly CheckpointSigner[];
  /** Must have signed the checkpoint found at the start; all signers unless told. */
  readonly verifiers?: readonly CheckpointVerifier[];
  readonly seals: SealSigner;
  /** False leaves a block that is overdue to `resumeBlocks`: until then it is not known who is to seal it. */
  readonly resumeBlocks?: boolean;
  /** When a block is closed; 100 leaves or 5 minutes. */
  readonly block?: BlockLimits;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
  readonly files?: FilePort;
  readonly log: JournalLogger;
  /** The disk has failed: nothing is accepted any more and the process should end. Called once. */
  readonly onFatal: (error: GatewayError) => void;
  readonly segmentBytes?: number;
  readonly checkpointIntervalMs?: number;
  readonly probeIntervalMs?: number;
  /** Entries are taken at once, but no checkpoint is signed before this resolves. */
  readonly cleared?: Promise<void>;
}

const defaultCheckpointIntervalMs = 1000;
const defaultBlock: BlockLimits = { leaves: 100, ms: 300_000 };

/** Directory of the segments, for readers in other threads and processes. */
export function journalDir(ledgerDir: string): string {
  return join(ledgerDir, "journal");
}

interface LedgerParts {
  readonly hashes: HashFiles;
  readonly tree: LedgerTree;
  readonly journal: SegmentedLog<PlacedBatch>;
  readonly writer: BlockWriter;
  readonly checkpointer: Checkpointer;
  readonly grown: Listeners<number>;
  readonly published: Listeners<StoredCheckpoint>;
}

export interface LedgerUpkeep extends Pick<SegmentedLog, "closeSegment" | "rewrite" | "minimumIndex" | "flush"> {
  closedSegments(): readonly number[];
  /** @returns whether its file held something else than the newest */
  repairCheckpoint(): Promise<boolean>;
}

export class Ledger implements LedgerPort {
  readonly #parts: LedgerParts;

  private constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /**
   * Recovers what is there, or begins a ledger, and signs a checkpoint over all of it unless that has to wait.
   * @throws GatewayError CHECKPOINT_INVALID, JOURNAL_CORRUPT, JOURNAL_ROLLED_BACK or DATA_DIR_UNUSABLE; then entries and
   * checkpoint are as before
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    try {
      return await Ledger.#open(options);
    } catch (error) {
      throw openFailure(options.dir, error);
    }
  }

  static async #open(options: LedgerOptions): Promise<Ledger> {
    const { dir, origin, signers, seals, nowUs, log, files = diskFiles, segmentBytes, probeIntervalMs } = options;
    const grown = new Listeners<number>();
    const published = new Listeners<StoredCheckpoint>();
    await files.makeDirectory(dir);
    const stored = await loadCheckpoint(files, checkpointPath(dir), origin, options.verifiers ?? signers);
    // It may have got its name just before the process before this one was killed.
    await files.syncDirectory(dir);
    const hashes = await HashFiles.open(files, dir);
    const tree = new LedgerTree(hashes, () => {
      checkpointer.grown();
      grown.notify(tree.size);
    });
    const journal = await SegmentedLog.open<PlacedBatch>({
      dir: journalDir(dir),
      files,
      log,
      ...(segmentBytes !== undefined && { segmentBytes }),
      ...(probeIntervalMs !== undefined && { probeIntervalMs }),
      atLeast: stored?.checkpoint.size ?? 0,
      follower: tree,
      onFatal: (error) => {
        checkpointer.stop();
        options.onFatal(error);
      },
    });
    const checkpointer = new Checkpointer({
      files,
      path: checkpointPath(dir),
      signers,
      stored,
      head: async () => {
        const head = { origin, size: tree.size, root: tree.root() };
        // Not for safety: a checkpoint's tiles should be there for whoever reads it.
        await hashes.flush();
        return head;
      },
      publish: (checkpoint) => published.notify(checkpoint),
      intervalMs: options.checkpointIntervalMs ?? defaultCheckpointIntervalMs,
      cleared: options.cleared,
      log,
      onFatal: (error) => journal.fail(error),
    });
    const writer = new BlockWriter({ journal, tree, seals, nowUs, limits: options.block ?? defaultBlock });
    const ledger = new Ledger({ hashes, tree, journal, writer, checkpointer, grown, published });
    try {
      await tree.restore(journal, stored?.checkpoint, seals, log);
      if (options.resumeBlocks !== false) await writer.resume();
    } catch (error) {
      checkpointer.stop();
      await ledger.close();
      throw error;
    }
    await checkpointer.sign();
    return ledger;
  }

  get size(): number {
    return this.#parts.journal.size;
  }

  get durableSize(): number {
    return this.#parts.journal.durableSize;
  }

  get pendingBytes(): number {
    return this.#parts.journal.pendingBytes;
  }

  /** `full`: nothing is accepted until the disk has space again. `failed`: until a restart. Reading goes on in both. */
  get state(): LogState {
    return this.#parts.journal.state;
  }

  /** The newest durable checkpoint, a C2SP signed note; undefined while the very first could not be signed and stored. */
  get checkpoint(): string | undefined {
    return this.latest?.text;
  }

  get latest(): StoredCheckpoint | undefined {
    return this.#parts.checkpointer.latest;
  }

  /** Signs no checkpoint any more; entries are taken all the same. */
  stopSigning(): void {
    this.#parts.checkpointer.stop();
  }

  /** What it says; undefined as `checkpoint`. */
  get signedHead(): Checkpoint | undefined {
    return this.#parts.checkpointer.latest?.checkpoint;
  }

  /** Leaves that it covers. */
  get checkpointSize(): number {
    return this.#parts.checkpointer.latest?.checkpoint.size ?? 0;
  }

  /**
   * See LedgerPort. If the frame of a batch finds no space, this and every batch behind it get DISK_FULL through
   * `durable`, and their leaf indexes are given out anew.
   */
  append(batch: EntryBatch, durable: (error?: Error) => void): number {
    if (batch.leafHashes.length !== batch.count * hashBytes) {
      throw new RangeError(`${batch.leafHashes.length} bytes of leaf hashes for ${batch.count} entries`);
    }
    return this.#parts.writer.append(batch, durable);
  }

  /** Closes the open block if that is overdue, and from now on those that will be. */
  resumeBlocks(): Promise<void> {
    return this.#parts.writer.resume();
  }

  /** Closes the open block, whatever it holds; with a full disk it stays open. */
  closeBlock(): Promise<void> {
    return this.#parts.writer.close();
  }

  /** Number of the block that a durable leaf is in, or closes; undefined while it is open. @throws as `frames` */
  async blockOf(leafIndex: number): Promise<number | undefined> {
    const { tree, journal } = this.#parts;
    if (leafIndex >= tree.durable.block.startLeaf) return undefined;
    let block: number | undefined;
    for await (const { bundle } of journal.frames(leafIndex, tree.durable.block.startLeaf)) {
      forEachEntry(bundle, (entry) => {
        const seal = block === undefined && looksLikeSeal(entry) ? decodeSeal(entry) : undefined;
        if (seal?.ok) block = seal.value.seal.number;
      });
      if (block !== undefined) return block;
    }
    return undefined;
  }

  /** The verbatim leaf, or undefined beyond `durableSize`. @throws GatewayError JOURNAL_CORRUPT if it is not what was hashed */
  async readEntry(leafIndex: number): Promise<Uint8Array | undefined> {
    const entry = await this.#parts.journal.read(leafIndex);
    if (entry === undefined) return undefined;
    const expected = await this.#parts.hashes.read(0, leafIndex, leafIndex + 1);
    if (expected.equals(storedLeafHash(entry))) return entry;
    throw new GatewayError("JOURNAL_CORRUPT", `leaf ${leafIndex} does not have the hash that the tree has for it`);
  }

  /** The durable entries `from` to `to` (exclusive), frame by frame. See JournalReader.frames. */
  frames(from: number, to: number): AsyncGenerator<JournalFrame, void, void> {
    return this.#parts.journal.frames(from, to);
  }

  /** Of those, only the frames that hold an event; the others are not even read. */
  controlFrames(from: number, to: number): AsyncGenerator<JournalFrame, void, void> {
    return this.#parts.journal.controlFrames(from, to);
  }

  /**
   * For PayloadRemoval, which takes readings out of the segments that get no more frames, and the scrub, which repairs the
   * files that are derived from them. They see to it that only one of them is at it.
   */
  get upkeep(): LedgerUpkeep {
    const { journal, checkpointer } = this.#parts;
    return {
      closedSegments: () => journal.closedSegments,
      closeSegment: () => journal.closeSegment(),
      rewrite: (options) => journal.rewrite(options),
      minimumIndex: () => journal.minimumIndex(),
      flush: () => journal.flush(),
      repairCheckpoint: () => checkpointer.repair(),
    };
  }

  /** Told the durable size whenever it has grown, before the batches' own `durable`. @returns stops the telling */
  onDurable(listener: (durableSize: number) => void): () => void {
    return this.#parts.grown.add(listener);
  }

  /** Told of every new checkpoint once it is durable. @returns stops the telling */
  onCheckpoint(listener: (stored: StoredCheckpoint) => void): () => void {
    return this.#parts.published.add(listener);
  }

  /** Refuses further appends, makes those before durable, signs them, and lets go of the files. */
  async close(): Promise<void> {
    const { journal, writer, checkpointer, hashes } = this.#parts;
    writer.stop();
    try {
      await journal.close();
    } finally {
      await checkpointer.close();
      await hashes.close();
    }
  }
}
