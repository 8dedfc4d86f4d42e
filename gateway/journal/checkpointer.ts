import { GatewayError } from "../../src/errors.ts";
import { type Checkpoint, type CheckpointSigner, signCheckpoint } from "../../src/ledger/checkpoint.ts";
import { readCheckpointFile, type StoredCheckpoint, storeCheckpoint } from "./checkpoint-file.ts";
import { type FilePort, isDiskFull } from "./file-port.ts";
import { journalFailed } from "./journal-failed.ts";
import type { JournalLogger } from "./logger.ts";

export interface CheckpointerOptions {
  readonly files: FilePort;
  readonly path: string;
  readonly signers: readonly CheckpointSigner[];
  readonly stored: StoredCheckpoint | undefined;
  /** The durable tree. What is signed must never be lost again, so nothing younger may be shown here. */
  readonly head: () => Promise<Checkpoint>;
  /** Told after the checkpoint is durable. */
  readonly publish: (stored: StoredCheckpoint) => void;
  /** Shortest time between two checkpoints. */
  readonly intervalMs: number;
  /** Nothing is signed before it resolves. */
  readonly cleared?: Promise<void> | undefined;
  readonly log: JournalLogger;
  readonly onFatal: (error: GatewayError) => void;
}

/** Signs the growing tree: data durable, then signed, then the checkpoint durable, then published. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #latest: StoredCheckpoint | undefined;
  #lastTryMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #signing: Promise<void> | undefined;
  /** The tree grew while it was being signed, or the disk was full. */
  #again = false;
  #stopped = false;
  #cleared: boolean;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#latest = options.stored;
    this.#cleared = options.cleared === undefined;
    void options.cleared?.then(() => {
      this.#cleared = true;
      if (this.#again) this.grown();
    });
  }

  get latest(): StoredCheckpoint | undefined {
    return this.#latest;
  }

  /** The durable tree has grown: sign it, at once or when the interval is over. */
  grown(): void {
    this.#again = true;
    if (!this.#cleared || this.#stopped || this.#timer !== undefined || this.#signing !== undefined) return;
    const waitMs = this.#lastTryMs + this.#options.intervalMs - performance.now();
    this.#timer = setTimeout(() => void this.sign(), Math.max(0, waitMs));
  }

  /** Signs what is durable now, or as soon as that is allowed. A full disk only delays it; any other failure is fatal. */
  sign(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#cleared) this.#again = true;
    this.#signing ??= this.#stopped || !this.#cleared ? undefined : this.#sign();
    return this.#signing ?? Promise.resolve();
  }

  /** Sees to it that the file holds the newest checkpoint. @returns whether it held something else @throws what the disk says */
  async repair(): Promise<boolean> {
    // Not while another one is on its way to the same file, nor may another begin.
    for (let signing = this.#signing; signing !== undefined; signing = this.#signing) await signing;
    const { text } = this.#latest ?? {};
    if (this.#stopped || text === undefined) return false;
    const repairing = this.#storeUnlessThere(text);
    const over = (): void => {
      this.#signing = undefined;
      if (this.#again) this.grown();
    };
    this.#signing = repairing.then(over, over);
    return repairing;
  }

  /** Signs no more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Signs a last time, so that nothing durable is left uncovered, unless the disk is full or signing was never allowed. */
  async close(): Promise<void> {
    await this.#signing;
    await this.sign();
    this.stop();
    await this.#signing;
  }

  async #sign(): Promise<void> {
    this.#again = false;
    const { publish, log, onFatal } = this.#options;
    try {
      const signed = await this.#signHead();
      if (signed !== undefined) publish(signed);
    } catch (error) {
      if (isDiskFull(error)) {
        this.#again = true;
        log.warn({ err: error }, "the disk is full: the checkpoint waits");
      } else {
        this.stop();
        const failure = journalFailed("the checkpoint could not be signed and stored", error);
        onFatal(error instanceof GatewayError ? error : failure);
      }
    }
    this.#lastTryMs = performance.now();
    this.#signing = undefined;
    if (this.#again) this.grown();
  }

  async #storeUnlessThere(text: string): Promise<boolean> {
    const { files, path } = this.#options;
    if ((await readCheckpointFile(files, path)) === text) return false;
    await storeCheckpoint(files, path, text);
    return true;
  }

  /** @returns undefined when the newest checkpoint covers everything already */
  async #signHead(): Promise<StoredCheckpoint | undefined> {
    const { files, path, signers, head } = this.#options;
    const checkpoint = await head();
    if (checkpoint.size === this.#latest?.checkpoint.size) return undefined;
    await this.#checkUndisturbed();
    const text = await signCheckpoint(checkpoint, signers);
    await storeCheckpoint(files, path, text);
    this.#latest = { text, checkpoint };
    return this.#latest;
  }

  /** The lock keeps out other gateways, not a restore or a copy over the directory that is in use. */
  async #checkUndisturbed(): Promise<void> {
    const { files, path } = this.#options;
    if ((await readCheckpointFile(files, path)) === this.#latest?.text) return;
    throw new GatewayError("CHECKPOINT_REPLACED", `${path} is not what this gateway stored last`, {
      details: { path },
    });
  }
}
