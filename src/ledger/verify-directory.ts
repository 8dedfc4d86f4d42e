/**
 * The verifier of a whole log: an exported directory (C2SP tlog-tiles) and a policy, nothing else. Like that of a proof it
 * runs in a browser too. Every byte that the checkpoint speaks of is checked, and what is wrong is named by file and leaf.
 */
import { forEachEntry } from "./bundle-entries.ts";
import { CompactTree } from "./compact-tree.ts";
import { decodeEntry, looksLikeEvent } from "./entry.ts";
import { hashBytes, leafHash } from "./hash.ts";
import type { Policy } from "./policy.ts";
import { RemovalCheck } from "./removal-check.ts";
import { looksLikeSeal } from "./seal.ts";
import { SealChain } from "./seal-chain.ts";
import { SealSignatures, type VerifyEd25519 } from "./seal-signatures.ts";
import {
  formatTilePath,
  hashesOnLevel,
  parseTilePath,
  type TilePath,
  tileLevels,
  tileWidth,
  tileWidthAt,
} from "./tiles.ts";
import { tombstoneIn } from "./tombstone.ts";
import { type ProofReject, type SignedCheckpoint, verifyCheckpoint } from "./verify-proof.ts";

/** The files of an exported log: paths with slashes, and none in front. */
export interface LogDirectory {
  readonly paths: readonly string[];
  /** @param path one of `paths` */
  read(path: string): Promise<Uint8Array>;
}

export interface DirectoryReport {
  /** Undefined when it is the checkpoint that does not hold. */
  readonly signed: SignedCheckpoint | undefined;
  /** Entries that were read and hashed. */
  readonly entries: number;
  readonly blocks: number;
  /** Seals of these blocks whose signature was checked: all, unless nothing that is here says whose it should be. */
  readonly signedSeals: number;
  /** vkeys that have signed them, oldest first. */
  readonly sealKeys: readonly string[];
  /** Entries whose bundle is not there, by an order of the retention policy: their hashes and places were checked, no more. */
  readonly pruned: number;
  /** Entries of which only the hash is there, by an order of the log. */
  readonly erased: number;
  /** Files that are no part of what the checkpoint speaks of. */
  readonly otherFiles: number;
  /** The first thing wrong. */
  readonly problem: DirectoryProblem | undefined;
}

export interface DirectoryProblem {
  readonly what: string;
  readonly file: string;
  /** The first leaf that is touched, where one can be told. */
  readonly leafIndex?: number | undefined;
  /** When it is the checkpoint that does not hold. */
  readonly reject?: ProofReject | undefined;
}

export interface VerifyDirectoryOptions {
  readonly onProgress?: ((entries: number, of: number) => void) | undefined;
  /** A faster one for the signatures of seals, that answers the same. */
  readonly verifyEd25519?: VerifyEd25519 | undefined;
}

/** @throws only what reading the directory throws */
export async function verifyDirectory(
  directory: LogDirectory,
  policy: Policy,
  options: VerifyDirectoryOptions = {},
): Promise<DirectoryReport> {
  const note = directory.paths.includes("checkpoint") ? await directory.read("checkpoint") : undefined;
  const signed = note && verifyCheckpoint(textOf(note), policy);
  if (signed?.ok) {
    const named = policy.seals.get(signed.value.checkpoint.origin) ?? [];
    return new Verification(directory, signed.value, new SealSignatures(named, options.verifyEd25519), options).run();
  }
  const problem =
    signed === undefined
      ? { what: "there is no signed checkpoint", file: "checkpoint" }
      : { what: `the checkpoint does not hold: ${signed.detail}`, file: "checkpoint", reject: signed.reject };
  const nothing = { entries: 0, blocks: 0, signedSeals: 0, sealKeys: [], pruned: 0, erased: 0, otherFiles: 0 };
  return { signed: undefined, ...nothing, problem };
}

/** What is no UTF-8 is no note either: the replacement character has no place in one that verifies. */
function textOf(note: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(note);
}

type Problem = DirectoryProblem | undefined;

class Verification {
  readonly #directory: LogDirectory;
  readonly #paths: ReadonlySet<string>;
  readonly #signed: SignedCheckpoint;
  readonly #size: number;
  readonly #onProgress: (entries: number, of: number) => void;
  readonly #removals = new RemovalCheck();
  readonly #signatures: SealSignatures;
  readonly #seals: SealChain;
  /** By the entries; by their stored hashes where those are gone. */
  readonly #tree = new CompactTree();
  /** By the stored hashes, from the first one on that is not the entry's. */
  #storedTree: CompactTree | undefined;
  #difference: number | undefined;
  #sealFlaw: Problem;
  /** Bundles that are not there. */
  readonly #gaps: TilePath[] = [];
  #entries = 0;
  #erased = 0;
  #otherFiles = 0;

  constructor(
    directory: LogDirectory,
    signed: SignedCheckpoint,
    signatures: SealSignatures,
    { onProgress = () => {} }: VerifyDirectoryOptions,
  ) {
    this.#directory = directory;
    this.#paths = new Set(directory.paths);
    this.#signed = signed;
    this.#size = signed.checkpoint.size;
    this.#signatures = signatures;
    this.#seals = new SealChain(signatures);
    this.#onProgress = onProgress;
  }

  async run(): Promise<DirectoryReport> {
    const problem = (await this.#leaves()) ?? (await this.#compare()) ?? (await this.#leftovers());
    return {
      signed: this.#signed,
      entries: this.#entries,
      blocks: this.#seals.seals,
      signedSeals: this.#signatures.checked,
      sealKeys: this.#signatures.keys,
      pruned: this.#gaps.reduce((sum, { width }) => sum + width, 0),
      erased: this.#erased,
      otherFiles: this.#otherFiles,
      problem,
    };
  }

  async #leaves(): Promise<Problem> {
    for (const tile of tilesOf(this.#size, 0)) {
      const hashes = await this.#read(tile, tile.width * hashBytes);
      if (!(hashes instanceof Uint8Array)) return hashes;
      const bundle = { ...tile, level: "entries" } as const;
      const problem = this.#paths.has(formatTilePath(bundle))
        ? this.#bundle(bundle, await this.#directory.read(formatTilePath(bundle)), hashes)
        : this.#gap(bundle, hashes);
      if (problem !== undefined) return problem;
      this.#onProgress(this.#tree.size, this.#size);
    }
    return undefined;
  }

  #bundle(tile: TilePath, bytes: Uint8Array, hashes: Uint8Array): Problem {
    const first = tile.index * tileWidth;
    const leaves: { readonly entry: Uint8Array; readonly hash: Uint8Array }[] = [];
    const count = forEachEntry(bytes, (entry) =>
      leaves.push({ entry, hash: tombstoneIn(entry)?.leafHash ?? leafHash(entry) }),
    );
    if (count !== tile.width) {
      const wrong = leaves.findIndex(({ hash }, index) => index >= tile.width || !same(hash, hashAt(hashes, index)));
      const leafIndex = first + Math.min(wrong < 0 ? leaves.length : wrong, tile.width - 1);
      return { what: `this is not a bundle of ${tile.width} entries`, file: formatTilePath(tile), leafIndex };
    }
    for (const [index, { entry, hash }] of leaves.entries())
      this.#leaf(first + index, entry, hash, hashAt(hashes, index));
    this.#removals.add({ firstLeaf: first, control: true, bundle: bytes });
    this.#entries += count;
    return undefined;
  }

  #leaf(leafIndex: number, entry: Uint8Array, hash: Uint8Array, stored: Uint8Array): void {
    if (this.#difference === undefined && !same(hash, stored)) {
      this.#difference = leafIndex;
      this.#storedTree = this.#tree.clone();
    }
    if (tombstoneIn(entry) !== undefined) this.#erased++;
    if (looksLikeSeal(entry)) {
      const what = this.#seals.seal(entry, this.#tree.root());
      if (what !== undefined) this.#sealFlaw ??= { what, file: this.#bundleOf(leafIndex), leafIndex };
    } else {
      this.#seals.leaf(hash);
      if (looksLikeEvent(entry)) this.#observe(entry, leafIndex);
    }
    this.#tree.append(hash);
    this.#storedTree?.append(stored);
  }

  #observe(bytes: Uint8Array, leafIndex: number): void {
    const entry = decodeEntry(bytes);
    if (entry.ok && entry.value.kind === "event") this.#signatures.observe(entry.value, leafIndex);
  }

  #gap(tile: TilePath, hashes: Uint8Array): undefined {
    this.#gaps.push(tile);
    this.#seals.gap();
    for (let index = 0; index < tile.width; index++) {
      this.#tree.append(hashAt(hashes, index));
      this.#storedTree?.append(hashAt(hashes, index));
    }
  }

  /** Of what differs, the side is right that leads to the signed root. */
  async #compare(): Promise<Problem> {
    const { root } = this.#signed.checkpoint;
    const leafIndex = this.#difference;
    const isEntries = same(this.#tree.root(), root);
    const isStored = this.#storedTree !== undefined && same(this.#storedTree.root(), root);
    if (leafIndex !== undefined) {
      if (isEntries)
        return {
          what: "the entries are what was signed, but this hash is another",
          file: this.#tileOf(leafIndex),
          leafIndex,
        };
      const what = isStored
        ? "this entry is not the one that was signed"
        : "this entry and its hash differ, and neither is what was signed";
      return { what, file: this.#bundleOf(leafIndex), leafIndex };
    }
    const upper = await this.#upperTiles(isEntries);
    if (upper !== undefined) return upper;
    const unordered = this.#removals.flaw(this.#gaps.length === 0);
    const keys = this.#signatures.flaw();
    const inBundle = (flaw: { what: string; leafIndex: number } | undefined): Problem =>
      flaw && { ...flaw, file: this.#bundleOf(flaw.leafIndex) };
    if (isEntries) return this.#missing() ?? this.#sealFlaw ?? inBundle(unordered) ?? inBundle(keys);
    return (
      this.#sealFlaw ?? {
        what: `the ${this.#size} entries and their hashes are not what was signed`,
        file: "checkpoint",
      }
    );
  }

  async #upperTiles(isSigned: boolean): Promise<Problem> {
    for (const level of tileLevels(this.#size).slice(1)) {
      const expected = this.#tree.hashesOf(level);
      for (const tile of tilesOf(this.#size, level)) {
        const hashes = await this.#read(tile, tile.width * hashBytes);
        if (!(hashes instanceof Uint8Array)) return hashes;
        const first = tile.index * tileWidth;
        for (let index = 0; index < tile.width; index++) {
          if (same(hashAt(hashes, index), expected[first + index]!)) continue;
          const what = isSigned
            ? "the entries are what was signed, but this hash over them is another"
            : `the entries from here on are not what was signed, or this hash over ${tileWidth ** level} of them is not`;
          return { what, file: formatTilePath(tile), leafIndex: (first + index) * tileWidth ** level };
        }
      }
    }
    return undefined;
  }

  /** A bundle may be missing only where the log itself says that its entries were to go. */
  #missing(): Problem {
    const unordered = this.#gaps.find(({ index }) => index * tileWidth >= this.#removals.prunedBefore);
    if (unordered === undefined) return undefined;
    const what = "it is missing, and no entry of the log has ordered that";
    return { what, file: formatTilePath(unordered), leafIndex: unordered.index * tileWidth };
  }

  /** Narrower tiles of a smaller log may stand beside the ones of this, and must be their beginning. */
  async #leftovers(): Promise<Problem> {
    for (const path of this.#directory.paths) {
      if (path === "checkpoint") continue;
      const tile = parseTilePath(path);
      const width = tile && tileWidthAt(this.#size, tile.level === "entries" ? 0 : tile.level, tile.index);
      if (tile === undefined || tile.width > width!) this.#otherFiles++;
      else if (tile.width < width!) {
        const wider = formatTilePath({ ...tile, width: width! });
        const whole = this.#paths.has(wider) ? await this.#directory.read(wider) : new Uint8Array(0);
        const bytes = await this.#directory.read(path);
        if (bytes.length < whole.length && same(bytes, whole)) continue;
        return { what: `it is not the beginning of ${wider}`, file: path, leafIndex: firstLeafOf(tile) };
      }
    }
    return undefined;
  }

  async #read(tile: TilePath, length: number): Promise<Uint8Array | DirectoryProblem> {
    const file = formatTilePath(tile);
    const leafIndex = firstLeafOf(tile);
    if (!this.#paths.has(file)) return { what: "it is missing", file, leafIndex };
    const bytes = await this.#directory.read(file);
    if (bytes.length === length) return bytes;
    return { what: `it has ${bytes.length} bytes, not ${length}`, file, leafIndex };
  }

  #tileOf(leafIndex: number, level: TilePath["level"] = 0): string {
    const index = Math.floor(leafIndex / tileWidth);
    return formatTilePath({ level, index, width: tileWidthAt(this.#size, 0, index) });
  }

  #bundleOf(leafIndex: number): string {
    return this.#tileOf(leafIndex, "entries");
  }
}

function* tilesOf(size: number, level: number): Generator<TilePath, void, void> {
  const count = Math.ceil(hashesOnLevel(size, level) / tileWidth);
  for (let index = 0; index < count; index++) yield { level, index, width: tileWidthAt(size, level, index) };
}

function firstLeafOf({ level, index }: TilePath): number {
  return index * tileWidth * (level === "entries" ? 1 : tileWidth ** level);
}

function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * hashBytes, (index + 1) * hashBytes);
}

/** Whether `bytes` are the first ones of `whole`. */
function same(bytes: Uint8Array, whole: Uint8Array): boolean {
  return bytes.every((byte, index) => byte === whole[index]);
}
