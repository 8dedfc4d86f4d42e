/**
 * `offsets`: where every 16th leaf stands in its segment, as the bytes from the start of its frame to its entry (u32be)
 * and the byte where that frame begins (u32be). A hint: it is derived, never synced, and what it points to is checked
 * before it is believed. docs/adr/0120-proofs-check-the-leaf.md
 */
import { join } from "node:path";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";
import { frameHeaderBytes } from "./frame.ts";

export const leavesPerOffset = 16;
export const offsetRecordBytes = 8;

/** Where a leaf should be found. */
export interface LeafHint {
  readonly leaf: number;
  /** Byte of its segment where its frame begins. */
  readonly offset: number;
  /** Bytes from there to the entry, its length in front. */
  readonly distance: number;
}

export function offsetsPath(dir: string): string {
  return join(dir, "offsets");
}

/**
 * The records that a frame adds, or a part of one.
 * @param payload a bundle of `count` entries, in pieces that no length is cut by
 * @param offset of the frame in its segment
 * @param distance bytes from there to the payload
 */
export function offsetRecords(
  { firstLeaf, count, payload }: { firstLeaf: number; count: number; payload: readonly Uint8Array[] },
  offset: number,
  distance = frameHeaderBytes,
): Buffer {
  const from = Math.ceil(firstLeaf / leavesPerOffset);
  const to = Math.ceil((firstLeaf + count) / leavesPerOffset);
  const records = Buffer.alloc((to - from) * offsetRecordBytes);
  let record = 0;
  let leaf = firstLeaf;
  /** Of the piece and of the entry in the payload. */
  let [start, at] = [0, 0];
  for (const piece of payload) {
    for (; at < start + piece.length && record < records.length; leaf++) {
      if (leaf % leavesPerOffset === 0) {
        records.writeUInt32BE(distance + at, record);
        records.writeUInt32BE(offset, record + 4);
        record += offsetRecordBytes;
      }
      at += 2 + ((piece[at - start]! << 8) | piece[at - start + 1]!);
    }
    start += piece.length;
  }
  return records;
}

export class OffsetHints {
  readonly #files: FilePort;
  readonly #dir: string;
  #file: Promise<OpenFile | undefined> | undefined;

  constructor(files: FilePort, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** Of the newest known leaf at or before `leaf`. */
  async before(leaf: number): Promise<LeafHint | undefined> {
    const file = await this.#open();
    if (file === undefined) return undefined;
    const known = Math.floor((await file.size()) / offsetRecordBytes);
    const [hint] = await readHints(file, Math.min(Math.floor(leaf / leavesPerOffset), known - 1), 1);
    return hint;
  }

  /** Of the leaf at or before `leaf` and the one behind it; undefined where the index does not reach that far. */
  async around(leaf: number): Promise<readonly [LeafHint, LeafHint] | undefined> {
    const file = await this.#open();
    const [from, to] = file === undefined ? [] : await readHints(file, Math.floor(leaf / leavesPerOffset), 2);
    return from && to && [from, to];
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await (await file)?.close();
  }

  #open(): Promise<OpenFile | undefined> {
    this.#file ??= this.#files.open(offsetsPath(this.#dir), "read").catch((error) => {
      this.#file = undefined;
      if (isMissing(error)) return undefined;
      throw error;
    });
    return this.#file;
  }
}

async function readHints(file: OpenFile, record: number, count: number): Promise<LeafHint[]> {
  if (record < 0) return [];
  const bytes = Buffer.alloc(count * offsetRecordBytes);
  const filled = await file.read(bytes, record * offsetRecordBytes);
  return Array.from({ length: Math.floor(filled / offsetRecordBytes) }, (_, index) => ({
    leaf: (record + index) * leavesPerOffset,
    distance: bytes.readUInt32BE(index * offsetRecordBytes),
    offset: bytes.readUInt32BE(index * offsetRecordBytes + 4),
  }));
}
