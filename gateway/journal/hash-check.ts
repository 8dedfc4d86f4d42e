import { hashBytes, MerkleTree, tileWidth } from "../../src/ledger/merkle.ts";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";
import { hashFilePath, treeOf } from "./hash-files.ts";

/** A hash file that says something else than the entries do. */
export interface HashDifference {
  readonly file: string;
  readonly offset: number;
  /** First leaf below the differing hash. */
  readonly leafIndex: number;
}

/** Leaf hashes gathered before they are compared with the files, so that small frames do not mean small reads. */
const gatheredBytes = 64 * 1024;

/** Builds the tree from the entries anew and compares every hash of the signed part with the hash files on the way. */
export class HashCheck {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #signedSize: number;
  readonly #open = new Map<number, OpenFile | undefined>();
  #tree: MerkleTree;
  #signedRoot: Uint8Array;
  /** Per tile level, from hash number `first` on. */
  #gathered: { readonly first: number; readonly hashes: Uint8Array[] }[] = [];
  #bytes = 0;
  #difference: HashDifference | undefined;

  constructor(files: FilePort, ledgerDir: string, signedSize: number) {
    this.#files = files;
    this.#dir = ledgerDir;
    this.#signedSize = signedSize;
    this.#tree = new MerkleTree();
    this.#signedRoot = this.#tree.root();
  }

  /** Of all leaves appended. Its own: not to be changed. */
  get tree(): MerkleTree {
    return this.#tree;
  }

  /** The tree that the files say the first `size` leaves have, undefined when they do not reach there. Nothing is checked. */
  storedTree(size: number): Promise<MerkleTree | undefined> {
    return treeOf(size, async (level, from, to) => {
      const stored = Buffer.alloc((to - from) * hashBytes);
      const filled = to > from ? await (await this.#file(level))?.read(stored, from * hashBytes) : 0;
      return stored.subarray(0, filled ?? 0);
    });
  }

  /** Goes on behind leaves that were compared elsewhere. @param tree theirs; what was appended here before has been compared */
  goOnFrom(tree: MerkleTree): void {
    this.#tree = tree;
    if (tree.size === this.#signedSize) this.#signedRoot = tree.root();
  }

  /** The first difference found, in the order of the leaves. */
  get difference(): HashDifference | undefined {
    return this.#difference;
  }

  /** Root hash of the signed part, once all of it was appended. */
  get signedRoot(): Uint8Array {
    return this.#signedRoot;
  }

  /** @param leafHashes kept until they are compared, so not to be changed */
  append(leafHashes: Uint8Array): void {
    const before = this.#tree.size;
    const signed = Math.min(leafHashes.length, Math.max(0, this.#signedSize - before) * hashBytes);
    if (signed > 0) {
      for (const [level, hashes] of this.#tree.append(leafHashes.subarray(0, signed)).entries()) {
        this.#gathered[level] ??= { first: Math.floor(before / tileWidth ** level), hashes: [] };
        this.#gathered[level].hashes.push(hashes);
      }
      this.#bytes += signed;
      if (this.#tree.size === this.#signedSize) this.#signedRoot = this.#tree.root();
    }
    if (signed < leafHashes.length) this.#tree.append(leafHashes.subarray(signed));
  }

  /** Root hash of all leaves appended. */
  root(): Uint8Array {
    return this.#tree.root();
  }

  /** Now and then, so that what is gathered stays small. */
  async compareSome(): Promise<void> {
    if (this.#bytes >= gatheredBytes) await this.compare();
  }

  async compare(): Promise<void> {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#bytes = 0;
    for (const [level, { first, hashes }] of gathered.entries()) {
      const expected = Buffer.concat(hashes);
      const stored = Buffer.alloc(expected.length);
      await (await this.#file(level))?.read(stored, first * hashBytes);
      if (this.#difference !== undefined || stored.equals(expected)) continue;
      const index = first + firstDifference(stored, expected);
      const file = `hash.${level}`;
      this.#difference = { file, offset: index * hashBytes, leafIndex: index * tileWidth ** level };
    }
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) await file?.close();
    this.#open.clear();
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
