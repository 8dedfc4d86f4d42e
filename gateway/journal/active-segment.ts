import { randomBytes } from "node:crypto";
import type { FilePort, OpenFile } from "./file-port.ts";
import { encodeFrameHeader, frameHeaderBytes } from "./frame.ts";
import { journalFailed } from "./journal-failed.ts";
import { encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes, segmentPath } from "./segment.ts";

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
    this.#end = end;
    this.#crc = crc;
    this.#lastControl = lastControl;
  }

  /** Goes on with a segment where recovery found its end. */
  static async open(
    files: FilePort,
    dir: string,
    at: { active: SegmentHeader; end: number; crc: number; lastControl: number | undefined },
  ): Promise<ActiveSegment> {
    const file = await files.open(segmentPath(dir, at.active.firstLeaf), "update");
    return new ActiveSegment(file, at.active, at.end, at.crc, at.lastControl);
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
    };
    const { bytes, crc } = encodeSegmentHeader(fields);
    const file = await files.open(segmentPath(dir, firstLeaf), "replace");
    const segment = new ActiveSegment(file, { ...fields, crc }, segmentHeaderBytes, crc, fields.previousControl);
    try {
      await file.write([bytes], 0);
      await segment.sync();
      await files
        .syncDirectory(dir)
        .catch((error) => Promise.reject(journalFailed("a new journal segment was not synced", error)));
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
}
