import * as fs from "node:fs";
import { mkdir, readdir, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";

// Plain descriptors: FileHandle objects cost more than the small writes they would carry.
const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const writev = promisify(fs.writev);
const fstat = promisify(fs.fstat);
const fsync = promisify(fs.fsync);
const fdatasync = promisify(fs.fdatasync);
const ftruncate = promisify(fs.ftruncate);

const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC } = fs.constants;
const openFlags = { read: O_RDONLY, update: O_RDWR | O_CREAT, replace: O_RDWR | O_CREAT | O_TRUNC };

/** The real file system. */
export const diskFiles: FilePort = {
  rename,
  unlink,
  syncDirectory,
  async open(path, mode) {
    return new DiskFile(await open(path, openFlags[mode], 0o640));
  },
  async list(dir) {
    try {
      return await readdir(dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  async makeDirectory(dir) {
    const topmost = await mkdir(dir, { recursive: true, mode: 0o750 });
    if (topmost === undefined) return;
    for (let made = dir; made.length >= topmost.length; made = dirname(made)) await syncDirectory(dirname(made));
  },
};

async function syncDirectory(dir: string): Promise<void> {
  const descriptor = await open(dir, O_RDONLY);
  try {
    await fsync(descriptor);
  } finally {
    await close(descriptor);
  }
}

class DiskFile implements OpenFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async size(): Promise<number> {
    return (await fstat(this.#descriptor)).size;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await read(this.#descriptor, target, filled, target.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    let rest = pieces;
    let at = position;
    for (;;) {
      const { bytesWritten } = await writev(this.#descriptor, rest as Uint8Array[], at);
      rest = unwritten(rest, bytesWritten);
      if (rest.length === 0) return;
      // A short write is how a disk about to be full shows itself; the next one says so.
      at += bytesWritten;
    }
  }

  datasync(): Promise<void> {
    return fdatasync(this.#descriptor);
  }

  truncate(size: number): Promise<void> {
    return ftruncate(this.#descriptor, size);
  }

  close(): Promise<void> {
    return close(this.#descriptor);
  }
}

function unwritten(pieces: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let rest = written;
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index]!;
    if (rest < piece.length) return [piece.subarray(rest), ...pieces.slice(index + 1)];
    rest -= piece.length;
  }
  return [];
}
