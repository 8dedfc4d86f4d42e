/** Reads entries for the scrub: whatever part of the journal cannot be read is passed over, and said. */
import { GatewayError } from "../../src/errors.ts";
import { hashBytes, tileWidth } from "../../src/ledger/merkle.ts";
import { JournalDamage } from "../journal/damage.ts";
import type { FilePort } from "../journal/file-port.ts";
import { forEachEntry } from "../journal/frame.ts";
import { JournalReader, type ReadFrame } from "../journal/journal-reader.ts";
import { leafHashesOf } from "../journal/leaf-hashes.ts";
import { leavesPerOffset, offsetRecords } from "../journal/offset-index.ts";

/** Records of the offset index as the frames would have them. */
export interface OffsetRecords {
  readonly record: number;
  readonly expected: Uint8Array;
}

/** A part of the journal that cannot be read. */
export interface UnreadableRun {
  readonly what: string;
  readonly leafIndex: number;
  readonly count: number;
}

export interface EntryRun {
  readonly firstLeaf: number;
  /** Undefined where they cannot be read. */
  readonly entries: readonly (Uint8Array | undefined)[];
  /** Leaf hashes, 32 bytes each; zeros where there is no entry. */
  readonly hashes: Buffer;
  readonly offsets: readonly OffsetRecords[];
  readonly unreadable: readonly UnreadableRun[];
}

/** Memory of one step, beside the frame that goes over it. */
const enoughBytes = 1024 * 1024;

/**
 * Entries from `from`, a multiple of 256, to `to`, or to an earlier multiple of 256 where they are large. The files are
 * opened anew: a segment may have been written anew since the last time.
 * @throws what the file system says, a bad sector excepted
 */
export async function readRun(files: FilePort, journalDir: string, from: number, to: number): Promise<EntryRun> {
  const reader = new JournalReader(journalDir, files);
  try {
    return await new RunReader(reader, from, to).read();
  } finally {
    await reader.close();
  }
}

class RunReader {
  readonly #reader: JournalReader;
  readonly #from: number;
  readonly #to: number;
  readonly #entries: (Uint8Array | undefined)[] = [];
  readonly #hashes: Buffer[] = [];
  readonly #offsets: OffsetRecords[] = [];
  readonly #unreadable: UnreadableRun[] = [];
  #bytes = 0;

  constructor(reader: JournalReader, from: number, to: number) {
    this.#reader = reader;
    this.#from = from;
    this.#to = to;
  }

  async read(): Promise<EntryRun> {
    while (this.#next < this.#to && !this.#hasEnough) {
      const fault = await this.#readOn();
      if (fault === undefined) continue;
      const at = this.#next;
      const next = await this.#readableFrom(at);
      this.#skip(next - at);
      this.#unreadable.push({ ...fault, count: next - at });
    }
    const read = this.#next - this.#from;
    const count = this.#next < this.#to ? read - (read % tileWidth) : read;
    return {
      firstLeaf: this.#from,
      entries: this.#entries.slice(0, count),
      hashes: Buffer.concat(this.#hashes).subarray(0, count * hashBytes),
      offsets: this.#offsets,
      unreadable: this.#unreadable,
    };
  }

  get #next(): number {
    return this.#from + this.#entries.length;
  }

  get #hasEnough(): boolean {
    return this.#bytes >= enoughBytes && this.#entries.length >= tileWidth;
  }

  /** @returns what keeps it from reading on, undefined where nothing does */
  async #readOn(): Promise<Omit<UnreadableRun, "count"> | undefined> {
    try {
      for await (const frame of this.#reader.frames(this.#next, this.#to)) {
        this.#take(frame);
        if (this.#hasEnough) break;
      }
      return undefined;
    } catch (error) {
      return faultOf(error, this.#next);
    }
  }

  #take(frame: ReadFrame): void {
    this.#hashes.push(leafHashesOf(frame));
    const bundle = Buffer.from(frame.bundle);
    forEachEntry(bundle, (entry) => this.#entries.push(entry));
    this.#bytes += bundle.length;
    const expected = offsetRecords({ ...frame, payload: [bundle] }, frame.offset, frame.distance);
    if (expected.length > 0) this.#offsets.push({ record: Math.ceil(frame.firstLeaf / leavesPerOffset), expected });
  }

  #skip(count: number): void {
    for (let left = count; left > 0; left--) this.#entries.push(undefined);
    this.#hashes.push(Buffer.alloc(count * hashBytes));
  }

  /** The next place behind `at` where a frame can be found: the offset index knows one for every 256 leaves. */
  async #readableFrom(at: number): Promise<number> {
    for (let leaf = at - (at % leavesPerOffset) + leavesPerOffset; leaf < this.#to; leaf += leavesPerOffset) {
      try {
        for await (const frame of this.#reader.frames(leaf, leaf + 1)) leafHashesOf(frame);
        return leaf;
      } catch (error) {
        faultOf(error, leaf);
      }
    }
    return this.#to;
  }
}

/** @throws the error itself, where it says nothing of the journal */
function faultOf(error: unknown, leaf: number): Omit<UnreadableRun, "count"> {
  if (error instanceof JournalDamage) {
    const { segment, offset, leafIndex, reason } = error.place;
    return { what: `journal/${segment}, byte ${offset}: ${reason}`, leafIndex };
  }
  if (error instanceof GatewayError) return { what: error.message, leafIndex: leaf };
  if (error instanceof Error && "code" in error && error.code === "EIO")
    return { what: `the disk cannot read the journal: ${error.message}`, leafIndex: leaf };
  throw error;
}
