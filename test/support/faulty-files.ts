/**
 * A file system in memory that can go wrong as real ones do. It keeps what was synced apart from what was only written:
 * a power cut keeps every synced byte and a random choice of the unsynced 512-byte sectors, sizes and names.
 */
import { dirname } from "node:path";
import type { FilePort, OpenFile } from "../../gateway/journal/file-port.ts";

export type Fault = "EIO" | "ENOSPC" | "end";

const sectorBytes = 512;

class Inode {
  current = Buffer.alloc(0);
  synced = Buffer.alloc(0);
  /** Sectors that a failed sync has marked clean although they never reached the disk. */
  readonly lost = new Set<number>();

  resize(size: number): void {
    const resized = Buffer.alloc(size);
    this.current.copy(resized);
    this.current = resized;
  }

  sync(): void {
    const synced = Buffer.from(this.current);
    for (const sector of this.lost) this.#restore(synced, sector);
    this.synced = synced;
  }

  /** What Linux does after a write-back error: the pages count as clean, the bytes are gone. */
  failSync(): void {
    for (let sector = 0; sector * sectorBytes < this.current.length; sector++) this.lost.add(sector);
  }

  /** What is on the disk after the power went. */
  survivor(random: () => number): Inode {
    const before = this.synced.length;
    const written = this.current.length;
    const choice = random();
    const between = Math.floor(before + random() * (written - before));
    const size = choice < 0.4 ? written : choice < 0.7 ? before : between;
    const bytes = Buffer.alloc(size);
    this.current.copy(bytes);
    for (let sector = 0; sector * sectorBytes < size; sector++) {
      if (this.lost.has(sector) || random() < 0.5) this.#restore(bytes, sector);
    }
    const survivor = new Inode();
    survivor.current = bytes;
    survivor.synced = Buffer.from(bytes);
    return survivor;
  }

  #restore(target: Buffer, sector: number): void {
    const start = sector * sectorBytes;
    const end = Math.min(start + sectorBytes, target.length);
    if (start >= end) return;
    target.fill(0, start, end);
    target.set(this.synced.subarray(start, end), start);
  }
}

export class FaultyFiles implements FilePort {
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  #calls = 0;
  #faultAt = Number.POSITIVE_INFINITY;
  #fault: Fault = "EIO";
  #dead = false;
  #freeBytes = Number.POSITIVE_INFINITY;

  /** Whether the call chosen by `failCall` has been made. */
  get hasFailed(): boolean {
    return this.#calls >= this.#faultAt;
  }

  /** The process is gone, and does nothing more. */
  get hasEnded(): boolean {
    return this.#dead;
  }

  /** Lets the n-th call from now fail, the first being 1. What comes after works again, but for "end": the process is gone. */
  failCall(n: number, fault: Fault): void {
    this.#faultAt = this.#calls + n;
    this.#fault = fault;
  }

  /** How much more can be written before ENOSPC. */
  setFreeBytes(bytes: number): void {
    this.#freeBytes = bytes;
  }

  /** The disk as a restart finds it after a power cut at this moment. */
  afterPowerCut(random: () => number): FaultyFiles {
    this.#dead = true;
    const after = new FaultyFiles();
    const inodes = new Map<Inode, Inode>();
    const survivorOf = (inode: Inode) => {
      const survivor = inodes.get(inode) ?? inode.survivor(random);
      inodes.set(inode, survivor);
      return survivor;
    };
    for (const path of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const inode = random() < 0.5 ? this.#names.get(path) : this.#syncedNames.get(path);
      if (inode !== undefined) after.#names.set(path, survivorOf(inode));
    }
    after.#syncedNames = new Map(after.#names);
    return after;
  }

  /** The disk as the next process finds it after a kill: also what was never synced is still to be seen, for now. */
  afterKill(): FaultyFiles {
    this.#dead = true;
    const after = new FaultyFiles();
    after.#names = this.#names;
    after.#syncedNames = this.#syncedNames;
    return after;
  }

  /** The bytes of a file, to look at or to damage. */
  bytes(path: string): Buffer {
    return this.#inode(path).current;
  }

  put(path: string, bytes: Uint8Array): void {
    const inode = new Inode();
    inode.current = Buffer.from(bytes);
    inode.sync();
    this.#names.set(path, inode);
    this.#syncedNames.set(path, inode);
  }

  remove(path: string): void {
    this.#names.delete(path);
    this.#syncedNames.delete(path);
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** An independent copy, everything synced. */
  copy(): FaultyFiles {
    const copy = new FaultyFiles();
    for (const [path, { current }] of this.#names) copy.put(path, current);
    return copy;
  }

  /** Only what a power cut could not take. */
  copyOfSynced(): FaultyFiles {
    const copy = new FaultyFiles();
    for (const [path, { synced }] of this.#syncedNames) copy.put(path, synced);
    return copy;
  }

  async open(path: string, mode: "read" | "update" | "replace"): Promise<OpenFile> {
    await this.#step();
    if (mode === "read") return this.#file(this.#inode(path));
    const inode = this.#names.get(path) ?? new Inode();
    if (mode === "replace") inode.resize(0);
    this.#names.set(path, inode);
    return this.#file(inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step();
    this.#names.set(to, this.#inode(from));
    this.#names.delete(from);
  }

  async unlink(path: string): Promise<void> {
    await this.#step();
    this.#inode(path);
    this.#names.delete(path);
  }

  async list(dir: string): Promise<string[]> {
    await this.#step();
    return this.paths().flatMap((path) => (dirname(path) === dir ? [path.slice(dir.length + 1)] : []));
  }

  async makeDirectory(): Promise<void> {
    await this.#step();
  }

  async syncDirectory(dir: string): Promise<void> {
    await this.#step();
    for (const path of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      if (dirname(path) !== dir) continue;
      const inode = this.#names.get(path);
      if (inode === undefined) this.#syncedNames.delete(path);
      else this.#syncedNames.set(path, inode);
    }
  }

  #file(inode: Inode): OpenFile {
    return {
      size: async () => {
        await this.#step();
        return inode.current.length;
      },
      read: async (target, position) => {
        await this.#step();
        const bytes = inode.current.subarray(position, position + target.length);
        target.set(bytes);
        return bytes.length;
      },
      write: async (pieces, position) => {
        const bytes = Buffer.concat(pieces);
        await this.#step(() => this.#put(inode, bytes.subarray(0, bytes.length / 2), position));
        const room = Math.max(0, this.#freeBytes);
        const taken = bytes.subarray(0, room);
        this.#put(inode, taken, position);
        this.#freeBytes -= taken.length;
        if (taken.length < bytes.length) throw failure("ENOSPC");
      },
      datasync: async () => {
        await this.#step((fault) => fault === "end" || inode.failSync());
        inode.sync();
      },
      truncate: async (size) => {
        await this.#step();
        inode.resize(size);
      },
      close: async () => {
        await this.#step();
      },
    };
  }

  #put(inode: Inode, bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (end > inode.current.length) inode.resize(end);
    inode.current.set(bytes, position);
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector++)
      inode.lost.delete(sector);
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw failure("ENOENT");
    return inode;
  }

  /** @param halfDone what a call that fails leaves behind */
  async #step(halfDone: (fault: Fault) => void = () => {}): Promise<void> {
    // As with a real disk, the rest of the process goes on meanwhile: a little mostly, at times for longer.
    await (this.#calls % 4 === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined);
    if (this.#dead) throw failure("ended");
    this.#calls++;
    if (this.#calls !== this.#faultAt) return;
    halfDone(this.#fault);
    if (this.#fault !== "end") throw failure(this.#fault);
    this.#dead = true;
    throw failure("ended");
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
