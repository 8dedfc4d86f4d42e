/**
 * An append-only log of entries in segment files, with group commit: one fdatasync at a time, and whatever arrives while
 * it runs is the next frame. The ledger is one, quarantine another.
 */
import { GatewayError } from "../../src/errors.ts";
import { ActiveSegment } from "./active-segment.ts";
import { diskFiles } from "./disk-files.ts";
import { type FilePort, isDiskFull } from "./file-port.ts";
import type { FlatFile } from "./flat-file.ts";
import { maxPayloadBytes } from "./frame.ts";
import { journalFailed } from "./journal-failed.ts";
import { type JournalFrame, JournalReader } from "./journal-reader.ts";
import type { Durable, LogBatch, LogFollower } from "./log-batch.ts";
import type { JournalLogger } from "./logger.ts";
import { leavesPerOffset, offsetRecords } from "./offset-index.ts";
import { openFailure } from "./open-failure.ts";
import { type OpenedJournal, openJournal } from "./open-journal.ts";
import { minimumIndex, segmentPath } from "./segment.ts";
import { type RewriteOptions, rewriteSegment } from "./segment-rewrite.ts";
import { SpaceWatch } from "./space-watch.ts";

export interface SegmentedLogOptions<B extends LogBatch> {
  /** Directory of the segments; created when missing. One writer at a time: see DataDirLock. */
  readonly dir: string;
  readonly files?: FilePort;
  readonly log: JournalLogger;
  /** A segment that has reached this size gets no more frames. */
  readonly segmentBytes?: number;
  /** Opening fails with JOURNAL_ROLLED_BACK if fewer entries are left. */
  readonly atLeast?: number;
  readonly follower?: LogFollower<B>;
  /** The log has failed for good, JOURNAL_FAILED; called once. Only a restart, which reads everything back, may go on. */
  readonly onFatal: (error: GatewayError) => void;
  /** Pause between looks for free space after the disk was full. */
  readonly probeIntervalMs?: number;
}

/** `full`: appends are refused until the disk has space again, reading goes on. `failed`: reading goes on. */
export type LogState = "open" | "full" | "failed" | "closed";

const defaultSegmentBytes = 64 * 2 ** 20;
const defaultProbeIntervalMs = 1000;
/** A frame this large keeps the disk busy; a larger one would only make its first entries wait. */
const frameTargetBytes = 2 ** 20;

interface Waiting<B> {
  readonly batch: B;
  readonly bytes: number;
  readonly durable: Durable;
}

export class SegmentedLog<B extends LogBatch = LogBatch> {
  readonly #options: SegmentedLogOptions<B>;
  readonly #files: FilePort;
  readonly #reader: JournalReader;
  readonly #offsets: FlatFile;
  readonly #space: SpaceWatch;
  #segments: readonly number[];
  #active: ActiveSegment;
  #size: number;
  #durableSize: number;
  #pendingBytes = 0;
  #queue: Waiting<B>[] = [];
  #closeRequests: Durable[] = [];
  #pumping: Promise<void> | undefined;
  #state: LogState = "open";
  #failure: GatewayError | undefined;
  /** Makes durable what is derived from the segments before the active one. */
  #settling: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: SegmentedLogOptions<B>, { segments, active, size, offsets }: OpenedJournal) {
    this.#options = options;
    this.#files = options.files ?? diskFiles;
    this.#reader = new JournalReader(options.dir, this.#files);
    this.#offsets = offsets;
    this.#segments = segments;
    this.#active = active;
    this.#size = size;
    this.#durableSize = size;
    this.#space = new SpaceWatch({
      files: this.#files,
      dir: options.dir,
      intervalMs: options.probeIntervalMs ?? defaultProbeIntervalMs,
      catchUp: () => this.#catchUp(),
      onSpace: () => {
        if (this.#state !== "full") return;
        this.#state = "open";
        options.log.info({ size: this.#durableSize }, "the disk has space again");
      },
      onFailure: (error) => this.fail(error),
    });
  }

  /** @throws GatewayError JOURNAL_CORRUPT, JOURNAL_ROLLED_BACK or DATA_DIR_UNUSABLE; then no entry was changed */
  static async open<B extends LogBatch>(options: SegmentedLogOptions<B>): Promise<SegmentedLog<B>> {
    const { dir, log, files = diskFiles, atLeast = 0 } = options;
    try {
      return new SegmentedLog(options, await openJournal({ files, dir, log, atLeast }));
    } catch (error) {
      throw openFailure(dir, error);
    }
  }

  /** The oldest entry that has not been dropped. */
  get firstIndex(): number {
    return this.#segments[0]!;
  }

  /** Everything derived from the entries before this one is durable: the two newest segments are derived from again. */
  get settledIndex(): number {
    return this.#segments.at(-2) ?? this.firstIndex;
  }

  /** Entries with an index, durable or about to be. */
  get size(): number {
    return this.#size;
  }

  /** Entries whose fdatasync has returned. */
  get durableSize(): number {
    return this.#durableSize;
  }

  /** Bytes appended whose fdatasync has not returned. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get state(): LogState {
    return this.#state;
  }

  /**
   * Gives the batch the next indexes, at once, and writes it with the next frame. If that frame finds no space, this
   * and every batch behind it get DISK_FULL through `durable`, and their indexes are given out anew.
   * @returns index of the first entry
   * @throws GatewayError JOURNAL_FAILED, DISK_FULL or SHUTTING_DOWN; then nothing was appended
   */
  append(batch: B, durable: Durable): number {
    if (this.#state !== "open") throw this.#refusal();
    const bytes = batch.bundle.reduce((sum, piece) => sum + piece.length, 0);
    if (batch.count < 1 || bytes < 2 * batch.count || bytes > maxPayloadBytes) {
      throw new RangeError(`a batch of ${batch.count} entries in ${bytes} bytes`);
    }
    const firstIndex = this.#size;
    this.#size += batch.count;
    this.#pendingBytes += bytes;
    this.#queue.push({ batch, bytes, durable });
    this.#pumping ??= this.#pump();
    return firstIndex;
  }

  /** One entry, or undefined when it is dropped or not durable. @throws GatewayError JOURNAL_CORRUPT */
  async read(index: number): Promise<Uint8Array | undefined> {
    return index >= this.firstIndex && index < this.#durableSize ? this.#reader.entry(index) : undefined;
  }

  /** Durable entries `from` to `to` (exclusive). See JournalReader.frames. */
  frames(from: number, to: number): AsyncGenerator<JournalFrame, void, void> {
    return this.#reader.frames(Math.max(from, this.firstIndex), Math.min(to, this.#durableSize));
  }

  /** Of those, only the frames that hold a control entry. */
  controlFrames(from: number, to: number): AsyncGenerator<JournalFrame, void, void> {
    return this.#reader.controlFrames(Math.max(from, this.firstIndex), Math.min(to, this.#durableSize));
  }

  /** First leaves of the segments that get no more frames, oldest first. */
  get closedSegments(): readonly number[] {
    return this.#segments.slice(0, -1);
  }

  /** Resolves once everything that is durable now is in closed segments. @throws GatewayError, as `append` */
  closeSegment(): Promise<void> {
    if (this.#state !== "open") return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      this.#closeRequests.push((error) => (error ? reject(error) : resolve()));
      this.#pumping ??= this.#pump();
    });
  }

  /**
   * Writes a closed segment anew with some entries replaced. One at a time.
   * @returns how many were replaced
   * @throws JournalDamage, or what the disk says; the segment is then as before or as wanted
   */
  async rewrite(options: Omit<RewriteOptions, "files" | "dir">): Promise<number> {
    const { firstLeaf } = options;
    if (!this.closedSegments.includes(firstLeaf)) throw new RangeError(`segment ${firstLeaf} is not closed`);
    const { replaced, offsets } = await rewriteSegment({ ...options, files: this.#files, dir: this.#options.dir });
    if (offsets !== undefined) await this.#offsets.overwrite(Math.ceil(firstLeaf / leavesPerOffset), offsets);
    return replaced;
  }

  /** How far retention has come. See minimumIndex in segment.ts. */
  minimumIndex(): Promise<number> {
    return minimumIndex(this.#files, this.#options.dir, this.#segments);
  }

  /** Hands what is derived to the operating system, for whoever reads its files; on a full disk some of it waits. */
  async flush(): Promise<void> {
    await this.#offsets.flush();
    await this.#options.follower?.flush();
  }

  /** Deletes the segments all of whose entries are before `index`. */
  async dropSegmentsBefore(index: number): Promise<void> {
    // What is dropped cannot be derived from again.
    if (this.#segments.length > 1 && this.#segments[1]! <= index) await this.#syncDerived();
    while (this.#segments.length > 1 && this.#segments[1]! <= index) {
      const [oldest, ...rest] = this.#segments;
      this.#segments = rest;
      await this.#files.unlink(segmentPath(this.#options.dir, oldest!));
      // One by one: a power cut must not bring an older one back without its successor.
      await this.#files.syncDirectory(this.#options.dir);
    }
  }

  /** Stops for good, because something that belongs to the log has failed. @returns what appends throw from now on */
  fail(cause: unknown): GatewayError {
    if (this.#failure !== undefined) return this.#failure;
    const error = cause instanceof GatewayError ? cause : journalFailed("the disk failed to write the journal", cause);
    this.#failure = error;
    this.#state = "failed";
    this.#options.onFatal(error);
    return error;
  }

  /** Refuses further appends and returns once those before are durable or have failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#state !== "failed") this.#state = "closed";
    await this.#space.end();
    await this.#pumping;
    await this.#settling?.catch(() => {});
    await this.#reader.close();
    await this.#offsets.close();
    await this.#active.close();
  }

  async #pump(): Promise<void> {
    // Whatever is appended in the same turn shares the first frame.
    await undefined;
    while (this.#queue.length > 0 || this.#closeRequests.length > 0) {
      if (this.#closeRequests.length > 0) {
        await this.#closeActive(this.#closeRequests.splice(0));
        continue;
      }
      const waiting = this.#takeFrame();
      // The failure may also come from elsewhere while the frame is on its way: nothing is acknowledged after it.
      const problem = this.#failure ?? (await this.#commit(waiting)) ?? this.#failure;
      if (problem === undefined) this.#acknowledge(waiting);
      else this.#giveBack(waiting, problem);
    }
    this.#pumping = undefined;
  }

  #acknowledge(frame: readonly Waiting<B>[]): void {
    for (const { bytes, durable } of frame) {
      this.#pendingBytes -= bytes;
      durable();
    }
    const blocked = this.#blocked;
    if (blocked !== undefined) this.#giveBack([], isDiskFull(blocked) ? this.#becomeFull() : this.fail(blocked));
  }

  #takeFrame(): Waiting<B>[] {
    let bytes = 0;
    let count = 0;
    for (; count < this.#queue.length; count++) {
      const next = this.#queue[count]!.bytes;
      if (count > 0 && bytes + next > frameTargetBytes) break;
      bytes += next;
    }
    return this.#queue.splice(0, count);
  }

  /** @returns why the frame could not be made durable */
  async #commit(waiting: readonly Waiting<B>[]): Promise<GatewayError | undefined> {
    const { follower, segmentBytes = defaultSegmentBytes } = this.#options;
    const batches = waiting.map(({ batch }) => batch);
    const frame = {
      firstLeaf: this.#durableSize,
      count: batches.reduce((sum, { count }) => sum + count, 0),
      control: batches.some(({ control }) => control),
      payload: batches.flatMap(({ bundle }) => bundle),
      payloadBytes: waiting.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    try {
      if (this.#active.end >= segmentBytes) await this.#rotate();
      const crc = await this.#active.write(frame);
      await this.#active.sync();
      this.#offsets.append(offsetRecords(frame, this.#active.end));
      this.#active.commit(frame, crc);
    } catch (error) {
      return this.#stop(error);
    }
    this.#durableSize += frame.count;
    follower?.commit(batches);
    return undefined;
  }

  async #closeActive(requests: readonly Durable[]): Promise<void> {
    let problem = this.#failure;
    try {
      if (problem === undefined && !this.#active.isEmpty) await this.#rotate();
    } catch (error) {
      problem = await this.#stop(error);
      this.#giveBack([], problem);
    }
    for (const done of requests) done(problem);
  }

  async #rotate(): Promise<void> {
    // Begun when this segment was, so that nobody waits for it now; a process that has just started has not begun any.
    const settled = this.#settling ?? this.#syncDerived();
    this.#settling = undefined;
    await settled;
    const full = this.#active;
    this.#active = await ActiveSegment.create(this.#files, this.#options.dir, this.#durableSize, full);
    this.#segments = [...this.#segments, this.#durableSize];
    this.#settling = this.#syncDerived();
    // Its failure is dealt with by the next rotation, which awaits it.
    this.#settling.catch(() => {});
    await full.close();
  }

  /** @throws GatewayError JOURNAL_FAILED, or that the disk is full */
  async #syncDerived(): Promise<void> {
    try {
      await this.#offsets.sync();
      await this.#options.follower?.sync();
    } catch (error) {
      throw isDiskFull(error) ? error : journalFailed("the disk failed to sync files derived from the journal", error);
    }
  }

  async #stop(error: unknown): Promise<GatewayError> {
    if (!isDiskFull(error)) return this.fail(error);
    try {
      await this.#active.undo();
    } catch (cause) {
      return this.fail(cause);
    }
    return this.#becomeFull();
  }

  /** Fails the batches of a frame and all behind it, and takes their indexes back. */
  #giveBack(frame: readonly Waiting<B>[], error: GatewayError): void {
    const failed = [...frame, ...this.#queue];
    this.#queue = [];
    this.#size = this.#durableSize;
    this.#pendingBytes = 0;
    this.#options.follower?.giveBack();
    for (const { durable } of failed) durable(error);
  }

  #becomeFull(): GatewayError {
    if (this.#state === "open") {
      const { log } = this.#options;
      log.error({ size: this.#durableSize }, "the disk is full: nothing is accepted until there is space");
      this.#state = "full";
      this.#space.begin();
    }
    return diskFull();
  }

  async #catchUp(): Promise<boolean> {
    await this.flush();
    const blocked = this.#blocked;
    if (blocked !== undefined && !isDiskFull(blocked)) throw blocked;
    return blocked === undefined;
  }

  get #blocked(): unknown {
    return this.#offsets.blocked ?? this.#options.follower?.blocked;
  }

  #refusal(): GatewayError {
    if (this.#failure !== undefined) return this.#failure;
    return this.#state === "full" ? diskFull() : new GatewayError("SHUTTING_DOWN", "the journal is closed");
  }
}

function diskFull(): GatewayError {
  return new GatewayError("DISK_FULL", "no space is left for the journal");
}
