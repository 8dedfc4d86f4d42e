import type { FilePort, OpenFile } from "./file-port.ts";

/**
 * An append-only file of equal records that can be derived again from the journal. Nobody waits for its records to be
 * durable: they stay in memory only until the operating system has taken them, and on a full disk until there is space.
 */
export class FlatFile {
  readonly #file: OpenFile;
  readonly #recordBytes: number;
  /** Bytes that the operating system has. */
  #written: number;
  /** What follows them. */
  #waiting: Uint8Array[] = [];
  #flushing: Promise<void> | undefined;
  #blocked: unknown;

  private constructor(file: OpenFile, recordBytes: number, written: number) {
    this.#file = file;
    this.#recordBytes = recordBytes;
    this.#written = written;
  }

  static async open(files: FilePort, path: string, recordBytes: number): Promise<FlatFile> {
    const file = await files.open(path, "update");
    const size = await file.size();
    return new FlatFile(file, recordBytes, size - (size % recordBytes));
  }

  /** Records, those still in memory included. */
  get length(): number {
    return this.#waiting.reduce((bytes, { length }) => bytes + length, this.#written) / this.#recordBytes;
  }

  /** Why the last flush did not finish, for example a full disk; undefined when it did. */
  get blocked(): unknown {
    return this.#blocked;
  }

  /** Drops the records from `length` on. */
  async truncate(length: number): Promise<void> {
    await this.flush();
    this.#written = Math.min(this.#written, length * this.#recordBytes);
    await this.#file.truncate(this.#written);
  }

  /** @param records whole records; kept until written, so not to be changed */
  append(records: Uint8Array): void {
    if (records.length === 0) return;
    this.#waiting.push(records);
    if (this.#blocked === undefined) void this.flush();
  }

  /** Writes other records in the place of those from `from` on, which the operating system has already. @throws as `sync` */
  async overwrite(from: number, records: Uint8Array): Promise<void> {
    await this.flush();
    const at = from * this.#recordBytes;
    if (at + records.length > this.#written) throw new RangeError(`record ${from} is not written yet`);
    await this.#file.write([records], at);
  }

  /** Hands everything to the operating system; `blocked` says whether that worked. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    this.#flushing ??= this.#flush();
    await this.#flushing;
  }

  /** Makes durable what was appended before. @throws what the file system throws; nothing is to be trusted after EIO */
  async sync(): Promise<void> {
    await this.flush();
    if (this.#blocked !== undefined) throw this.#blocked;
    await this.#file.datasync();
  }

  /** Records `from` to `to` (exclusive), fewer where the file ends. */
  async read(from: number, to: number): Promise<Buffer> {
    const start = from * this.#recordBytes;
    const target = Buffer.alloc((to - from) * this.#recordBytes);
    // Both before the first await: a flush may move records from memory to the file meanwhile.
    const onDisk = Math.min(target.length, Math.max(0, this.#written - start));
    const inMemory = this.#copyWaiting(target, start);
    const filled = onDisk === 0 ? 0 : await this.#file.read(target.subarray(0, onDisk), start);
    const available = filled < onDisk ? filled - (filled % this.#recordBytes) : onDisk + inMemory;
    return target.subarray(0, available);
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    this.#blocked = undefined;
    try {
      while (this.#waiting.length > 0) {
        const taken = this.#waiting.slice();
        await this.#file.write(taken, this.#written);
        this.#waiting = this.#waiting.slice(taken.length);
        this.#written += taken.reduce((bytes, { length }) => bytes + length, 0);
      }
    } catch (error) {
      this.#blocked = error;
    }
    this.#flushing = undefined;
  }

  /** Copies what is in memory to its place in `target`, which begins at byte `start` of the file. @returns bytes copied */
  #copyWaiting(target: Buffer, start: number): number {
    let at = this.#written;
    let copied = 0;
    for (const bytes of this.#waiting) {
      const from = Math.max(0, start - at);
      const to = Math.min(bytes.length, start + target.length - at);
      if (to > from) {
        target.set(bytes.subarray(from, to), at + from - start);
        copied += to - from;
      }
      at += bytes.length;
    }
    return copied;
  }
}
