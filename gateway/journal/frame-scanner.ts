import type { OpenFile } from "./file-port.ts";
import { decodeFrameHeader, type FrameHeader, frameCrcHolds, frameHeaderBytes } from "./frame.ts";

/** One frame as read back. `bundle` is valid until the scanner moves on: copy what is kept. */
export interface Frame extends FrameHeader {
  readonly bundle: Uint8Array;
}

/** The window begins small, for reading one entry, and doubles until the disk, not the calls, sets the pace. */
const smallestWindowBytes = 16 * 1024;
const largestWindowBytes = 512 * 1024;

/**
 * Reads the frames of one segment, one after the other, through a window that moves over the file. Each must continue
 * the leaf indexes and the CRC chain of the one before.
 */
export class FrameScanner {
  readonly #file: OpenFile;
  readonly #salt: number;
  #window = Buffer.alloc(0);
  /** Bytes of the window that are filled, and the file offset of its first. */
  #filled = 0;
  #windowOffset = 0;
  #offset = 0;
  #leaf: number | undefined;
  #crc: number | undefined;
  #fault = "";
  #ranOut = false;

  constructor(file: OpenFile, salt: number) {
    this.#file = file;
    this.#salt = salt;
  }

  /** Where the next frame begins. */
  get offset(): number {
    return this.#offset;
  }

  /** First leaf of the next frame; undefined after `moveTo` a place where that is not known. */
  get leaf(): number | undefined {
    return this.#leaf;
  }

  /** CRC of the last frame, or of the segment header; undefined as `leaf`. */
  get crc(): number | undefined {
    return this.#crc;
  }

  /** What was wrong when `peek` or `take` returned undefined. */
  get fault(): string {
    return this.#fault;
  }

  /** Whether that was only the end of the file. */
  get ranOut(): boolean {
    return this.#ranOut;
  }

  moveTo(offset: number, leaf?: number, crc?: number): void {
    this.#offset = offset;
    this.#leaf = leaf;
    this.#crc = crc;
  }

  /** Forget what was read ahead: bytes beyond the durable size may have changed since. */
  forgetWindow(): void {
    this.#filled = 0;
  }

  /** The next header, its CRC not yet checked. */
  async peek(): Promise<FrameHeader | undefined> {
    if (!(await this.#reach(frameHeaderBytes))) return this.#failed("the file ends here", true);
    const header = decodeFrameHeader(this.#window, this.#offset - this.#windowOffset);
    if (header === undefined) return this.#failed("not a frame header");
    if (this.#leaf !== undefined && header.firstLeaf !== this.#leaf) {
      return this.#failed(`the frame begins with leaf ${header.firstLeaf}`);
    }
    if (this.#crc !== undefined && header.previousCrc !== this.#crc) {
      return this.#failed("the frame does not follow the one before it");
    }
    return header;
  }

  /** Passes over a frame that `peek` returned, its payload unread. */
  skip(header: FrameHeader): void {
    this.moveTo(this.#offset + frameHeaderBytes + header.payloadBytes, header.firstLeaf + header.count, header.crc);
  }

  /** The next frame, its CRC checked. */
  async take(): Promise<Frame | undefined> {
    const header = await this.peek();
    if (header === undefined) return undefined;
    if (!(await this.#reach(frameHeaderBytes + header.payloadBytes))) {
      return this.#failed("the file ends within this frame", true);
    }
    const start = this.#offset - this.#windowOffset;
    if (!frameCrcHolds(this.#window, start, header, this.#salt))
      return this.#failed("the CRC does not match the frame");
    const payload = start + frameHeaderBytes;
    const bundle = this.#window.subarray(payload, payload + header.payloadBytes);
    this.skip(header);
    return { ...header, bundle };
  }

  #failed(fault: string, ranOut = false): undefined {
    this.#fault = fault;
    this.#ranOut = ranOut;
    return undefined;
  }

  /** Brings `bytes` bytes from the current offset into the window, as far as the file has them. */
  async #reach(bytes: number): Promise<boolean> {
    const windowEnd = this.#windowOffset + this.#filled;
    if (this.#offset >= this.#windowOffset && this.#offset + bytes <= windowEnd) return true;
    const keptFrom = this.#offset - this.#windowOffset;
    const kept = keptFrom >= 0 && this.#offset < windowEnd ? windowEnd - this.#offset : 0;
    const grown = Math.min(largestWindowBytes, Math.max(smallestWindowBytes, this.#window.length * 2));
    const wanted = Math.max(bytes, grown);
    const roomy = this.#window.length >= wanted ? this.#window : Buffer.allocUnsafeSlow(wanted);
    if (kept > 0) this.#window.copy(roomy, 0, keptFrom, keptFrom + kept);
    this.#window = roomy;
    this.#windowOffset = this.#offset;
    this.#filled = kept;
    this.#filled += await this.#file.read(roomy.subarray(kept), this.#offset + kept);
    return this.#filled >= bytes;
  }
}
