/**
 * Reads a journal that this or another thread or process may be appending to. It needs no lock and writes nothing; what
 * lies beyond the durable size it is told is never looked at.
 */
import { GatewayError } from "../../src/errors.ts";
import { diskFiles } from "./disk-files.ts";
import { type FilePort, isMissing } from "./file-port.ts";
import { frameHeaderBytes, sliceBundle } from "./frame.ts";
import type { Frame } from "./frame-scanner.ts";
import { entryBetween } from "./glimpse.ts";
import { OffsetHints } from "./offset-index.ts";
import { listSegments, segmentOf, segmentPath } from "./segment.ts";
import { SegmentCursor } from "./segment-cursor.ts";

/** Consecutive entries of one frame. `bundle` is valid until the next is asked for: copy what is kept. */
export interface JournalFrame {
  readonly firstLeaf: number;
  readonly count: number;
  /** True when any entry of the whole frame is an event. */
  readonly control: boolean;
  /** `count` × (u16be length ‖ entry). */
  readonly bundle: Uint8Array;
}

export interface ReadFrame extends JournalFrame {
  /** Byte of its segment where the whole frame begins. */
  readonly offset: number;
  /** Bytes from there to the bundle. */
  readonly distance: number;
}

export class JournalReader {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #hints: OffsetHints;
  #segments: readonly number[] = [];
  /** Where the last reading ended, kept open for a follower that comes back for what is next. */
  #parked: SegmentCursor | undefined;
  #closed = false;

  /** @param dir the directory of the segments, for the ledger `<data>/ledger/journal` */
  constructor(dir: string, files: FilePort = diskFiles) {
    this.#dir = dir;
    this.#files = files;
    this.#hints = new OffsetHints(files, dir);
  }

  /**
   * The entries `from` to `to` (exclusive), frame by frame; the first and the last are cut to fit.
   * @param to at most the durable size that the writer has announced
   * @throws GatewayError JOURNAL_CORRUPT where they are not readable, ENTRY_NOT_FOUND when their segment was dropped
   */
  async *frames(from: number, to: number): AsyncGenerator<ReadFrame, void, void> {
    if (from >= to) return;
    let cursor = await this.#resume(from);
    try {
      for (let leaf = from; leaf < to; ) {
        const { offset } = cursor;
        const frame = await cursor.take();
        if (frame === undefined) {
          cursor = await cursor.following();
          continue;
        }
        const skipped = leaf - frame.firstLeaf;
        const count = Math.min(frame.count, to - frame.firstLeaf) - skipped;
        const whole = count === frame.count;
        const bundle = whole ? frame.bundle : sliceBundle(frame.bundle, skipped, skipped + count);
        const distance = frameHeaderBytes + bundle.byteOffset - frame.bundle.byteOffset;
        yield { firstLeaf: leaf, count, control: frame.control, bundle, offset, distance };
        leaf += count;
      }
    } finally {
      await this.#park(cursor);
    }
  }

  /** Only the frames with an event: found by their links, without touching the others. */
  async *controlFrames(from: number, to: number): AsyncGenerator<JournalFrame, void, void> {
    const newestFirst: { from: number; to: number }[] = [];
    for (let leaf: number | undefined = to - 1; leaf !== undefined && leaf >= from; ) {
      const { firstLeaf, count, control, previousControl } = await this.#frameOf(leaf);
      if (control) newestFirst.push({ from: Math.max(from, firstLeaf), to: Math.min(to, firstLeaf + count) });
      leaf = previousControl;
    }
    for (const range of newestFirst.reverse()) yield* this.frames(range.from, range.to);
  }

  /** One entry, verbatim. @param index below the durable size @throws as `frames` */
  async entry(index: number): Promise<Uint8Array> {
    const { firstLeaf, bundle } = await this.#frameOf(index);
    return Uint8Array.from(sliceBundle(bundle, index - firstLeaf, index - firstLeaf + 1).subarray(2));
  }

  /**
   * One entry as `entry` would give it, for who checks it against its leaf hash: nothing else is checked, and instead of
   * its whole frame only the few entries around it are read.
   * @returns undefined, or other bytes, where the disk is damaged or the segment is being written anew, and undefined for
   * the newest: `entry` then has it or says what is wrong
   */
  async glimpse(index: number): Promise<Uint8Array | undefined> {
    const segment = segmentOf(this.#segments, index);
    if (segment === undefined) return undefined;
    // Where no hint can be read, `entry` finds out why.
    const hints = this.#hints.around(index).catch(() => undefined);
    const file = await ifThere(this.#files.open(segmentPath(this.#dir, segment), "read"));
    try {
      const between = await hints;
      return file && between && (await entryBetween(file, between, index));
    } finally {
      // The proof does not wait for that, and what was only read loses nothing if it fails.
      file?.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#parked?.close();
    this.#parked = undefined;
    await this.#hints.close();
  }

  async #frameOf(leaf: number): Promise<Frame> {
    const cursor = await this.#seek(leaf);
    try {
      const frame = await cursor.take();
      if (frame === undefined) throw cursor.damage();
      return frame;
    } finally {
      await cursor.close();
    }
  }

  async #seek(leaf: number): Promise<SegmentCursor> {
    let segment = segmentOf(this.#segments, leaf);
    // The newest segment known may have got a successor since.
    if (segment === undefined || segment === this.#segments.at(-1)) {
      this.#segments = await listSegments(this.#files, this.#dir);
      segment = segmentOf(this.#segments, leaf);
    }
    const cursor =
      segment === undefined ? undefined : await ifThere(SegmentCursor.open(this.#files, this.#dir, segment));
    if (cursor === undefined) throw new GatewayError("ENTRY_NOT_FOUND", `leaf ${leaf} is no longer in the journal`);
    try {
      const hint = await this.#hints.before(leaf);
      await cursor.seek(leaf, hint !== undefined && hint.leaf >= cursor.header.firstLeaf ? hint.offset : undefined);
      return cursor;
    } catch (error) {
      await cursor.close();
      throw error;
    }
  }

  async #resume(leaf: number): Promise<SegmentCursor> {
    const parked = this.#parked;
    this.#parked = undefined;
    if (parked?.leaf === leaf) {
      parked.forgetWindow();
      return parked;
    }
    await parked?.close();
    return this.#seek(leaf);
  }

  async #park(cursor: SegmentCursor): Promise<void> {
    if (this.#closed) return cursor.close();
    const before = this.#parked;
    this.#parked = cursor;
    await before?.close();
  }
}

async function ifThere<T>(opening: Promise<T>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
