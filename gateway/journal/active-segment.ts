import { randomBytes } from "node:crypto";
import type { FilePort, OpenFile } from "./file-port.ts";
import { encodeFrameHeader, frameHeaderBytes } from "./frame.ts";
import { journalFailed } from "./journal-failed.ts";
import { encodeSegmentHeader, type SegmentHeader, segmentPath } from "./segment.ts";
import type { RecoveredJournal } from "./segment-recovery.ts";

export interface NewFrame {
  readonly firstLeaf: number;
  readonly count: number;
  readonly control: boolean;
  readonly payload: readonly Uint8Array[];
  readonly payloadBytes: number;
}

/** The segment that frames are being appended to. */
export class ActiveSegment {
  readonly firstLeaf: number;
  readonly #file: OpenFile;
  readonly #salt: number;
  readonly #start: number;
  #end: number;
  #crc: number;
  #lastControl: number | undefined;

  private constructor(
    file: OpenFile,
    header: SegmentHeader,
    end: number,
    crc: number,
    lastControl: number | undefined,
  ) {
    this.#file = file;
    this.firstLeaf = header.firstLeaf;
    this.#salt = header.salt;
    this.#start = header.bytes;
    this.#end = end;
    this.#crc = crc;
    this.#lastControl = lastControl;
  }

  /**
   * Goes on with a segment where recovery found its end. What it found is durable afterwards: the process before may
   * have been killed ahead of its sync, or the sync may have failed, and then the cache shows what the disk does not have.
   * Only what was written last can be in that state; written again, it cannot pass for clean.
   * @throws GatewayError JOURNAL_FAILED
   */
  static async open(files: FilePort, dir: string, found: RecoveredJournal): Promise<ActiveSegment> {
    const { active, lastWritten, end, crc, lastControl } = found;
    const file = await files.open(segmentPath(dir, active.firstLeaf), "update");
    const segment = new ActiveSegment(file, active, end, crc, lastControl);
    const bytes = Buffer.alloc(end - lastWritten);
    try {
      await file.read(bytes, lastWritten);
      await file.write([bytes], lastWritten);
      await segment.#syncWithName(files, dir);
      return segment;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * A new segment, durable with its name before it gets a frame.
   * @throws GatewayError JOURNAL_FAILED when a sync fails, else what the disk says
   */
  static async create(
    files: FilePort,
    dir: string,
    firstLeaf: number,
    before: ActiveSegment | undefined,
  ): Promise<ActiveSegment> {
    const fields = {
      firstLeaf,
      previousSegment: before?.firstLeaf,
      previousControl: before?.lastControl,
      previousCrc: before?.crc ?? 0,
      salt: randomBytes(4).readUInt32BE(),
      rewritten: undefined,
    };
    const { bytes, crc } = encodeSegmentHeader(fields);
    const file = await files.open(segmentPath(dir, firstLeaf), "replace");
    const segment = new ActiveSegment(
      file,
      { ...fields, crc, bytes: bytes.length },
      bytes.length,
      crc,
      fields.previousControl,
    );
    try {
      await file.write([bytes], 0);
      await segment.#syncWithName(files, dir);
      return segment;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Where the next frame begins. */
  get end(): number {
    return this.#end;
  }

  /** Whether it has no frame yet. */
  get isEmpty(): boolean {
    return this.#end === this.#start;
  }

  get crc(): number {
    return this.#crc;
  }

  get lastControl(): number | undefined {
    return this.#lastControl;
  }

  /** Writes a frame after the last committed one. @returns its CRC */
  async write({ payload, ...frame }: NewFrame): Promise<number> {
    const header = encodeFrameHeader(
      { ...frame, previousControl: this.#lastControl, previousCrc: this.#crc },
      payload,
      this.#salt,
    );
    await this.#file.write([header, ...payload], this.#end);
    return header.readUInt32BE(36);
  }

  /** @throws GatewayError JOURNAL_FAILED: after a failed sync nobody knows what is on the disk, and a retry may lie */
  async sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      throw journalFailed("the disk failed to sync the journal", error);
    }
  }

  /** The frame last written is durable: the next goes after it. */
  commit({ firstLeaf, control, payloadBytes }: NewFrame, crc: number): void {
    this.#end += frameHeaderBytes + payloadBytes;
    this.#crc = crc;
    if (control) this.#lastControl = firstLeaf;
  }

  /** Removes what is left of a frame that found no space. */
  undo(): Promise<void> {
    return this.#file.truncate(this.#end);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #syncWithName(files: FilePort, dir: string): Promise<void> {
    await this.sync();
    try {
      await files.syncDirectory(dir);
    } catch (error) {
      throw journalFailed("the disk failed to sync the journal's directory", error);
    }
  }
}
