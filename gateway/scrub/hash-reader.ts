import { hashBytes } from "../../src/ledger/merkle.ts";
import { type FilePort, isMissing, type OpenFile } from "../journal/file-port.ts";
import { hashFilePath } from "../journal/hash-files.ts";

/** Reads the hash files of a gateway that may be running: whatever they hold. */
export class HashReader {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #open = new Map<number, OpenFile>();

  /** @param dir `<data>/ledger` */
  constructor(files: FilePort, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** Hashes `from` to `to` (exclusive) of a tile level; zeros where the file has none. */
  async read(level: number, from: number, to: number): Promise<Buffer> {
    const bytes = Buffer.alloc((to - from) * hashBytes);
    await (await this.#file(level))?.read(bytes, from * hashBytes);
    return bytes;
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file.close();
    this.#open.clear();
  }

  async #file(level: number): Promise<OpenFile | undefined> {
    const known = this.#open.get(level);
    if (known !== undefined) return known;
    try {
      const file = await this.#files.open(hashFilePath(this.#dir, level), "read");
      this.#open.set(level, file);
      return file;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
