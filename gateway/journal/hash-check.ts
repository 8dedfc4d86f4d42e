import { hashBytes, MerkleTree } from "../../src/ledger/merkle.ts";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";
import { hashFilePath } from "./hash-files.ts";

/** A hash file that says something else than the entries do. */
export interface HashDifference {
  readonly file: string;
  readonly offset: number;
  /** First leaf below the differing hash. */
  readonly leafIndex: number;
}

/** Leaf hashes gathered before they are compared with the files, so that small frames do not mean small reads. */
const gatheredBytes = 64 * 1024;

/** Builds the tree from the entries anew and compares every hash with the hash files on the way. */
export class HashCheck {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #open = new Map<number, OpenFile | undefined>();
  readonly #tree = new MerkleTree();
  #gathered: Uint8Array[] = [];
  #bytes = 0;
  #difference: HashDifference | undefined;

  constructor(files: FilePort, ledgerDir: string) {
    this.#files = files;
    this.#dir = ledgerDir;
  }

  /** The first difference found, in the order of the leaves. */
  get difference(): HashDifference | undefined {
    return this.#difference;
  }

  async add(leafHashes: Uint8Array): Promise<void> {
    this.#gathered.push(leafHashes);
    this.#bytes += leafHashes.length;
    if (this.#bytes >= gatheredBytes) await this.#compare();
  }

  /** Root hash of all leaves added. */
  async root(): Promise<Uint8Array> {
    await this.#compare();
    return this.#tree.root();
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file?.close();
    this.#open.clear();
  }

  async #compare(): Promise<void> {
    const before = this.#tree.size;
    const gained = this.#tree.append(Buffer.concat(this.#gathered));
    this.#gathered = [];
    this.#bytes = 0;
    for (const [level, hashes] of gained.entries()) {
      const leavesPerHash = 256 ** level;
      const first = Math.floor(before / leavesPerHash);
      const stored = Buffer.alloc(hashes.length);
      await (await this.#file(level))?.read(stored, first * hashBytes);
      if (this.#difference !== undefined || stored.equals(hashes)) continue;
      const index = first + firstDifference(stored, hashes);
      const file = `hash.${level}`;
      this.#difference = { file, offset: index * hashBytes, leafIndex: index * leavesPerHash };
    }
  }

  async #file(level: number): Promise<OpenFile | undefined> {
    if (!this.#open.has(level)) this.#open.set(level, await this.#openFile(level));
    return this.#open.get(level);
  }

  async #openFile(level: number): Promise<OpenFile | undefined> {
    try {
      return await this.#files.open(hashFilePath(this.#dir, level), "read");
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return Math.floor(a.findIndex((byte, index) => byte !== b[index]) / hashBytes);
}
