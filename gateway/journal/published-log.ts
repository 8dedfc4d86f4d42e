/**
 * The log as everyone may read it: its newest checkpoint, and tiles, entry bundles and proofs of what that covers. It
 * reads files only, so it works in a running gateway, beside one, and without one.
 */
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import type { BlockProof } from "../../src/ledger/block-proof.ts";
import { type Checkpoint, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { hashBytes, nodeHash, tileWidth } from "../../src/ledger/merkle.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { verifyInclusion } from "../../src/ledger/proof.ts";
import type { ProofFile } from "../../src/ledger/proof-file.ts";
import {
  blockPath,
  type ConsistencyProof,
  consistencyProof,
  inclusionProof,
  ProofCache,
  rootOf,
} from "../../src/ledger/prove.ts";
import { decodeSeal, looksLikeSeal, type Seal } from "../../src/ledger/seal.ts";
import { type TilePath, type TileRange, tileWidthAt } from "../../src/ledger/tiles.ts";
import { removedLeafHash } from "../../src/ledger/tombstone.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { checkpointPath, readCheckpointFile, type StoredCheckpoint } from "./checkpoint-file.ts";
import { diskFiles } from "./disk-files.ts";
import { type FilePort, isMissing, type OpenFile } from "./file-port.ts";
import { forEachEntry } from "./frame.ts";
import { hashFilePath } from "./hash-files.ts";
import { JournalReader } from "./journal-reader.ts";
import { leafHashesOf, storedLeafHash } from "./leaf-hashes.ts";
import { journalDir } from "./ledger.ts";
import { listSegments, minimumIndex } from "./segment.ts";
import { SegmentCursor } from "./segment-cursor.ts";

export interface PublishedLogOptions {
  /** `<data>/ledger` */
  readonly dir: string;
  /** The newest durable checkpoint, and the newest with a quorum of witnesses, where the caller knows; otherwise the files are read each time. */
  readonly newest?: () => string | undefined;
  readonly witnessed?: () => string | undefined;
  readonly files?: FilePort;
}

/** The largest checkpoint that a quorum of witnesses has cosigned, with their lines. @param ledgerDir `<data>/ledger` */
export function witnessedPath(ledgerDir: string): string {
  return join(ledgerDir, "checkpoint.witnessed");
}

type ReadNote = () => Promise<string | undefined> | string | undefined;

export class PublishedLog {
  readonly #dir: string;
  readonly #files: FilePort;
  readonly #newest: ReadNote;
  readonly #witnessed: ReadNote;
  readonly #journal: JournalReader;
  readonly #hashFiles = new Map<number, Promise<OpenFile>>();
  /** By their text. */
  #parsed = new Map<string, StoredCheckpoint>();
  #cache = new ProofCache();

  constructor({ dir, newest, witnessed, files = diskFiles }: PublishedLogOptions) {
    this.#dir = dir;
    this.#files = files;
    this.#newest = newest ?? (() => readCheckpointFile(files, checkpointPath(dir)));
    this.#witnessed = witnessed ?? (() => readCheckpointFile(files, witnessedPath(dir)));
    this.#journal = new JournalReader(journalDir(dir), files);
  }

  /** Undefined before the first. Its signatures are for others to check. @throws GatewayError CHECKPOINT_INVALID */
  async checkpoint(): Promise<StoredCheckpoint | undefined> {
    const [newest, witnessed] = await Promise.all([this.#newest(), this.#witnessed()]);
    const stored = newest === undefined ? undefined : this.#parse(newest);
    const cosigned = witnessed === undefined ? undefined : this.#parse(witnessed);
    // The same with more lines.
    return cosigned !== undefined && cosigned.checkpoint.size === stored?.checkpoint.size ? cosigned : stored;
  }

  /** The one to prove a leaf with: cosigned by a quorum of witnesses where there is such a one. */
  async #covering(leafIndex: number): Promise<StoredCheckpoint | undefined> {
    const witnessed = await this.#witnessed();
    const cosigned = witnessed === undefined ? undefined : this.#parse(witnessed);
    const best = cosigned !== undefined && leafIndex < cosigned.checkpoint.size ? cosigned : await this.checkpoint();
    return best !== undefined && leafIndex < best.checkpoint.size ? best : undefined;
  }

  #parse(text: string): StoredCheckpoint {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    // The newest, the witnessed, and each as it was a moment ago.
    if (this.#parsed.size >= 4) this.#parsed = new Map();
    const stored = { text, checkpoint: checkpointIn(text) };
    this.#parsed.set(text, stored);
    return stored;
  }

  /**
   * Bytes of a tile or an entry bundle, or undefined where the checkpoint's tree has none so wide.
   * @throws GatewayError JOURNAL_CORRUPT when entries are not what was hashed, ENTRY_NOT_FOUND when they were dropped
   */
  async tile({ level, index, width }: TilePath): Promise<Uint8Array | undefined> {
    const size = (await this.checkpoint())?.checkpoint.size ?? 0;
    if (width > tileWidthAt(size, level === "entries" ? 0 : level, index)) return undefined;
    return level === "entries" ? this.#bundle({ index, width }) : this.#hashes(level, index, width);
  }

  /**
   * The leaf, with its way up to a checkpoint: one with a quorum of witnesses where that covers it, else the newest.
   * Undefined while none does. @throws as `tile`
   */
  async inclusion(leafIndex: number): Promise<ProofFile | undefined> {
    const stored = await this.#covering(leafIndex);
    if (stored === undefined) return undefined;
    const { size, root } = stored.checkpoint;
    const [glimpsed, hashes] = await Promise.all([
      this.#journal.glimpse(leafIndex),
      inclusionProof(leafIndex, size, this.#hashes, this.#cache),
    ]);
    const holds = (leaf: Uint8Array) => verifyInclusion(leafIndex, size, storedLeafHash(leaf), hashes, root, nodeHash);
    // The proof checks the leaf better than its frame's CRC; that is for saying what is wrong when it fails.
    const leaf = glimpsed !== undefined && holds(glimpsed) ? glimpsed : await this.#journal.entry(leafIndex);
    if (leaf !== glimpsed && !holds(leaf)) {
      // Once the files are repaired, nothing that was read before may be left.
      this.#cache = new ProofCache();
      throw new GatewayError("JOURNAL_CORRUPT", `leaf ${leafIndex} and the hash files do not lead to the signed root`);
    }
    return { leaf, leafIndex, hashes, checkpoint: stored.text };
  }

  /**
   * From a size to that of the newest checkpoint, or a smaller one; undefined where that is not covered.
   * @throws RangeError unless 0 < oldSize ≤ newSize
   */
  async consistency(oldSize: number, newSize?: number): Promise<ConsistencyProof | undefined> {
    const size = (await this.checkpoint())?.checkpoint.size ?? 0;
    const to = newSize ?? size;
    if (oldSize > size || to > size) return undefined;
    return consistencyProof(oldSize, to, this.#hashes);
  }

  /**
   * That the leaf is in its block, by the block's seal; undefined while the checkpoint covers none behind it, and for a seal,
   * which is in no block. @throws as `tile`
   */
  async blockProof(leafIndex: number): Promise<BlockProof | undefined> {
    const size = (await this.checkpoint())?.checkpoint.size ?? 0;
    const sealed = await this.#sealBehind(leafIndex, size);
    if (sealed === undefined || sealed.at === leafIndex) return undefined;
    const { startLeaf, count } = sealed.seal;
    const leafHashes = await this.#leafHashes(startLeaf, startLeaf + count);
    const leaf = await this.#journal.entry(leafIndex);
    return { leafIndex, leaf, hashes: blockPath(leafIndex - startLeaf, leafHashes), seal: sealed.leaf };
  }

  /** Whether the checkpoint covers so many seals behind a leaf. */
  async isSealedBehind(leafIndex: number, seals: number): Promise<boolean> {
    const size = (await this.checkpoint())?.checkpoint.size ?? 0;
    let from = leafIndex;
    for (let found = 0; found < seals; found++) {
      const sealed = await this.#sealBehind(from, size);
      if (sealed === undefined) return false;
      from = sealed.at + 1;
    }
    return true;
  }

  async #sealBehind(
    leafIndex: number,
    size: number,
  ): Promise<{ seal: Seal; leaf: Uint8Array; at: number } | undefined> {
    let found: { seal: Seal; leaf: Uint8Array; at: number } | undefined;
    for await (const { firstLeaf, bundle } of this.#journal.frames(leafIndex, size)) {
      forEachEntry(bundle, (entry, index) => {
        const sealed = found === undefined && looksLikeSeal(entry) ? decodeSeal(entry) : undefined;
        if (sealed?.ok) found = { seal: sealed.value.seal, leaf: Uint8Array.from(entry), at: firstLeaf + index };
      });
      if (found !== undefined) break;
    }
    return found;
  }

  async #leafHashes(from: number, to: number): Promise<Uint8Array> {
    const first = Math.floor(from / tileWidth);
    const pieces: Uint8Array[] = [];
    for (let tile = first; tile * tileWidth < to; tile++)
      pieces.push(await this.#hashes(0, tile, Math.min(tileWidth, to - tile * tileWidth)));
    return Buffer.concat(pieces).subarray((from - first * tileWidth) * hashBytes);
  }

  /** The events among the leaves `from` to `to` (exclusive); not beyond the checkpoint. Reads only the frames that hold some. */
  async *events(from: number, to: number): AsyncGenerator<{ leafIndex: number; event: EventEntry }, void, void> {
    for await (const { firstLeaf, bundle } of this.#journal.controlFrames(from, to)) {
      const found: { leafIndex: number; event: EventEntry }[] = [];
      forEachEntry(bundle, (bytes, index) => {
        const entry = decodeEntry(bytes);
        if (entry.ok && entry.value.kind === "event") found.push({ leafIndex: firstLeaf + index, event: entry.value });
      });
      yield* found;
    }
  }

  /** Entry bundles before this leaf are not served: the minimum index of C2SP tlog-tiles. */
  async minimumIndex(): Promise<number> {
    const dir = journalDir(this.#dir);
    return minimumIndex(this.#files, dir, await listSegments(this.#files, dir));
  }

  /** The leaves, `from` to `to` (exclusive), of which some may have lost their content since they were written. */
  async rewritten(): Promise<{ readonly from: number; readonly to: number }[]> {
    const dir = journalDir(this.#dir);
    const segments = await listSegments(this.#files, dir);
    const ranges: { from: number; to: number }[] = [];
    for (const [index, from] of segments.entries()) {
      const cursor = await SegmentCursor.open(this.#files, dir, from);
      if (cursor.header.rewritten !== undefined)
        ranges.push({ from, to: segments[index + 1] ?? Number.MAX_SAFE_INTEGER });
      await cursor.close();
    }
    return ranges;
  }

  /** Root hash of the first `size` entries, from 1 to what is durable, whether or not it is signed. */
  rootAt(size: number): Promise<Uint8Array> {
    return rootOf(size, this.#hashes);
  }

  async close(): Promise<void> {
    const files = [...this.#hashFiles.values()];
    this.#hashFiles.clear();
    for (const file of files) await file.then((open) => open.close());
    await this.#journal.close();
  }

  async #bundle({ index, width }: TileRange): Promise<Uint8Array> {
    const from = index * tileWidth;
    const expected = await this.#hashes(0, index, width);
    const pieces: Uint8Array[] = [];
    let isWhole = true;
    for await (const frame of this.#journal.frames(from, from + width)) {
      const at = (frame.firstLeaf - from) * hashBytes;
      if (!leafHashesOf(frame).equals(expected.subarray(at, at + frame.count * hashBytes)))
        throw new GatewayError("JOURNAL_CORRUPT", `the entries from leaf ${frame.firstLeaf} are not what was hashed`);
      pieces.push(Uint8Array.from(frame.bundle));
      forEachEntry(frame.bundle, (entry) => {
        if (removedLeafHash(entry) !== undefined) isWhole = false;
      });
    }
    // Of an erased device the neighbours stay; what retention has been over is not served at all.
    if (!isWhole && from < (await this.minimumIndex()))
      throw new GatewayError("ENTRIES_PRUNED", `retention has dropped entries from leaf ${from} on`);
    return Buffer.concat(pieces);
  }

  readonly #hashes = async (level: number, index: number, width: number): Promise<Uint8Array> => {
    const bytes = Buffer.alloc(width * hashBytes);
    const filled = await (await this.#hashFile(level)).read(bytes, index * tileWidth * hashBytes);
    if (filled === bytes.length) return bytes;
    throw missingHashes(level);
  };

  #hashFile(level: number): Promise<OpenFile> {
    const known = this.#hashFiles.get(level);
    if (known !== undefined) return known;
    const opening = this.#files.open(hashFilePath(this.#dir, level), "read").catch((error) => {
      this.#hashFiles.delete(level);
      throw isMissing(error) ? missingHashes(level) : error;
    });
    this.#hashFiles.set(level, opening);
    return opening;
  }
}

/** Of a checkpoint that this gateway has signed. @throws GatewayError CHECKPOINT_INVALID */
export function checkpointIn(text: string): Checkpoint {
  const note = parseNote(text);
  const checkpoint = note.ok ? parseCheckpoint(note.value.text) : note;
  if (checkpoint.ok) return checkpoint.value;
  throw new GatewayError("CHECKPOINT_INVALID", `the stored checkpoint cannot be read: ${checkpoint.detail}`);
}

function missingHashes(level: number): GatewayError {
  return new GatewayError("JOURNAL_CORRUPT", `hash.${level} does not reach to the checkpoint; a start rebuilds it`);
}
