import { basename } from "node:path";
import { JournalDamage } from "./damage.ts";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";
import { type Frame, FrameScanner } from "./frame-scanner.ts";
import { readSegmentHeader, type SegmentHeader, segmentPath } from "./segment.ts";

/** What the segment behind it names it by. */
export interface PreviousSegment {
  readonly segment: number;
  readonly crc: number;
}

/** A place in the journal from which frames are read onward, segment after segment. */
export class SegmentCursor {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #file: OpenFile;
  readonly #header: SegmentHeader;
  readonly #scanner: FrameScanner;

  private constructor(files: FilePort, dir: string, file: OpenFile, header: SegmentHeader) {
    this.#files = files;
    this.#dir = dir;
    this.#file = file;
    this.#header = header;
    this.#scanner = new FrameScanner(file, header.salt);
    this.rewind();
  }

  /** At the first frame of a segment. @throws JournalDamage when its header is damaged */
  static async open(files: FilePort, dir: string, firstLeaf: number): Promise<SegmentCursor> {
    const path = segmentPath(dir, firstLeaf);
    const file = await files.open(path, "read");
    try {
      const header = await readSegmentHeader(file);
      if (header?.firstLeaf === firstLeaf) return new SegmentCursor(files, dir, file, header);
      const reason = "no valid segment header";
      throw new JournalDamage({ segment: basename(path), offset: 0, leafIndex: firstLeaf, reason });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** At the first frame of a segment that names the one before it. @throws JournalDamage when it does not, or as `open` */
  static async openBehind(
    files: FilePort,
    dir: string,
    firstLeaf: number,
    previous: PreviousSegment,
  ): Promise<SegmentCursor> {
    const cursor = await SegmentCursor.open(files, dir, firstLeaf);
    const { previousSegment, previousCrc } = cursor.header;
    if (previousSegment === previous.segment && previousCrc === previous.crc) return cursor;
    await cursor.close();
    throw cursor.damage("the segment does not follow the one before it");
  }

  get header(): SegmentHeader {
    return this.#header;
  }

  /** First leaf of the next frame. */
  get leaf(): number {
    return this.#scanner.leaf ?? this.#header.firstLeaf;
  }

  get offset(): number {
    return this.#scanner.offset;
  }

  /** CRC that the next frame must name. */
  get crc(): number {
    return this.#scanner.crc ?? this.#header.crc;
  }

  /** CRC that the next segment must name, once this one is read to its end. */
  get handedOnCrc(): number {
    return this.#header.rewritten?.handedOnCrc ?? this.crc;
  }

  /** Whether `take` found only the end of the file. */
  get ranOut(): boolean {
    return this.#scanner.ranOut;
  }

  fileSize(): Promise<number> {
    return this.#file.size();
  }

  /** The next frame, or undefined when what stands there is none; `damage` says what. */
  take(): Promise<Frame | undefined> {
    return this.#scanner.take();
  }

  /** The bytes that begin where the next frame would, whatever they are. */
  readRaw(target: Uint8Array): Promise<number> {
    return this.#file.read(target, this.offset);
  }

  /** Back to the first frame. */
  rewind(): void {
    this.#scanner.moveTo(this.#header.bytes, this.#header.firstLeaf, this.#header.crc);
  }

  /** See FrameScanner. */
  forgetWindow(): void {
    this.#scanner.forgetWindow();
  }

  damage(reason = this.#scanner.fault): JournalDamage {
    const segment = basename(segmentPath(this.#dir, this.#header.firstLeaf));
    return new JournalDamage({ segment, offset: this.offset, leafIndex: this.leaf, reason });
  }

  /**
   * Moves to the frame that holds `leaf`.
   * @param hint where a frame at or before it may begin; a wrong one only costs time
   * @throws JournalDamage when the way there from the start of the segment is blocked
   */
  async seek(leaf: number, hint: number | undefined): Promise<void> {
    if (hint !== undefined && (await this.#hop(leaf, hint))) return;
    this.rewind();
    for (;;) {
      const next = await this.#scanner.peek();
      if (next !== undefined && leaf < next.firstLeaf + next.count) return;
      if ((await this.#scanner.take()) === undefined) throw this.damage();
    }
  }

  /** The cursor at the start of the next segment; this one is closed. @throws JournalDamage when there is none */
  async following(): Promise<SegmentCursor> {
    if (this.offset !== (await this.fileSize())) throw this.damage();
    try {
      const previous = { segment: this.#header.firstLeaf, crc: this.handedOnCrc };
      const next = await SegmentCursor.openBehind(this.#files, this.#dir, this.leaf, previous);
      await this.close();
      return next;
    } catch (error) {
      throw isMissing(error) ? this.damage("the journal ends here") : error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** From header to header; only the frame at the end is checked whole. */
  async #hop(leaf: number, start: number): Promise<boolean> {
    this.#scanner.moveTo(start);
    for (;;) {
      const next = await this.#scanner.peek();
      if (next === undefined || next.firstLeaf > leaf) return false;
      if (leaf < next.firstLeaf + next.count) {
        const { offset, leaf: firstLeaf, crc } = this.#scanner;
        const whole = (await this.#scanner.take()) !== undefined;
        this.#scanner.moveTo(offset, firstLeaf, crc);
        return whole;
      }
      this.#scanner.skip(next);
    }
  }
}
