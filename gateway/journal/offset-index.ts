/**
 * `offsets`: for every 256th leaf the byte offset, within its segment, of the frame that holds it (u64be). A hint: it is
 * derived, never synced, and what it points to is checked before it is believed.
 */
import { join } from "node:path";
import { readU64, writeU64 } from "./binary.ts";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";

export const leavesPerOffset = 256;
export const offsetRecordBytes = 8;

export function offsetsPath(dir: string): string {
  return join(dir, "offsets");
}

/** The records that a frame at byte `offset` adds. */
export function offsetRecords({ firstLeaf, count }: { firstLeaf: number; count: number }, offset: number): Buffer {
  const from = Math.ceil(firstLeaf / leavesPerOffset);
  const to = Math.ceil((firstLeaf + count) / leavesPerOffset);
  const records = Buffer.alloc((to - from) * offsetRecordBytes);
  for (let at = 0; at < records.length; at += offsetRecordBytes) writeU64(records, offset, at);
  return records;
}

export class OffsetHints {
  readonly #files: FilePort;
  readonly #dir: string;
  #file: OpenFile | undefined;

  constructor(files: FilePort, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** The newest known leaf at or before `leaf`, and the offset of the frame that should hold it. */
  async before(leaf: number): Promise<{ leaf: number; offset: number } | undefined> {
    const file = await this.#open();
    if (file === undefined) return undefined;
    const known = Math.floor((await file.size()) / offsetRecordBytes);
    const record = Math.min(Math.floor(leaf / leavesPerOffset), known - 1);
    const bytes = Buffer.alloc(offsetRecordBytes);
    if (record < 0 || (await file.read(bytes, record * offsetRecordBytes)) < offsetRecordBytes) return undefined;
    const offset = readU64(bytes, 0);
    return Number.isSafeInteger(offset) ? { leaf: record * leavesPerOffset, offset } : undefined;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #open(): Promise<OpenFile | undefined> {
    try {
      this.#file ??= await this.#files.open(offsetsPath(this.#dir), "read");
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return this.#file;
  }
}
