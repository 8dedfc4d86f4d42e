/**
 * One closed segment held against itself, before it is known what stands in front of it. The tree so far is taken from the
 * hash files and the open block from the last seal; a walk that comes there with the same may go on behind the segment.
 * What is wrong, and where, is for the walk to say: here it is enough that something is not as usual.
 */
import { GatewayError } from "../../src/errors.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { keyEvent } from "../../src/ledger/key-events.ts";
import { RemovalCheck, type RemovalRecord } from "../../src/ledger/removal-check.ts";
import type { SignedSeal } from "../../src/ledger/seal.ts";
import { openBlockAt } from "./block-recovery.ts";
import type { FilePort } from "./file-port.ts";
import { HashCheck } from "./hash-check.ts";
import { JournalReader } from "./journal-reader.ts";
import { leafHashesOf } from "./leaf-hashes.ts";
import { journalDir } from "./ledger.ts";
import type { SealVerifier } from "./seal-key.ts";
import { SealWalk } from "./seal-walk.ts";
import { SegmentCursor } from "./segment-cursor.ts";
import { previousIn, type WalkState, walkState } from "./walk-state.ts";

export interface SegmentTask {
  /** `<data>/ledger` */
  readonly dir: string;
  /** Entries that are signed; the segment ends at or before there. */
  readonly signedSize: number;
}

export interface CheckedSegment {
  /** What was assumed of everything before it. */
  readonly from: WalkState;
  /** What follows from that. */
  readonly to: WalkState;
  readonly removals: RemovalRecord;
  /** vkey of the one key that has signed all its seals; undefined when it has none, or no keys were given. */
  readonly sealKey: string | undefined;
}

/** @param sealKeys by vkey, those of which seals may be; empty: their signatures are not looked at */
export class SegmentCheck {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #hashes: HashCheck;
  readonly #sealKeys: ReadonlyMap<string, SealVerifier>;
  readonly #removals = new RemovalCheck();
  #sealKey: string | undefined;
  #isUnusual = false;

  private constructor(files: FilePort, { dir, signedSize }: SegmentTask, sealKeys: ReadonlyMap<string, SealVerifier>) {
    this.#files = files;
    this.#dir = dir;
    this.#hashes = new HashCheck(files, dir, signedSize);
    this.#sealKeys = sealKeys;
  }

  /**
   * @param onProgress leaves checked since it was last called
   * @returns undefined when anything is not as usual @throws what the file system throws
   */
  static async run(
    files: FilePort,
    task: SegmentTask,
    sealKeys: ReadonlyMap<string, SealVerifier>,
    segment: number,
    onProgress: (leaves: number) => void,
  ): Promise<CheckedSegment | undefined> {
    const check = new SegmentCheck(files, task, sealKeys);
    try {
      return await check.#run(segment, onProgress);
    } catch (error) {
      if (error instanceof GatewayError) return undefined;
      throw error;
    } finally {
      await check.#hashes.close();
    }
  }

  async #run(segment: number, onProgress: (leaves: number) => void): Promise<CheckedSegment | undefined> {
    const tree = await this.#hashes.storedTree(segment);
    if (tree === undefined) return undefined;
    this.#hashes.goOnFrom(tree);
    const block = await this.#blockAt(segment);
    const cursor = await SegmentCursor.open(this.#files, journalDir(this.#dir), segment);
    try {
      const from = walkState(tree, block, previousIn(cursor.header));
      const walk = new SealWalk(block, this.#hashes, this.#inspect, this.#observe);
      for (let frame = await cursor.take(); frame !== undefined; frame = await cursor.take()) {
        const flaw = walk.add(frame, leafHashesOf(frame));
        if (flaw !== undefined || this.#isUnusual) return undefined;
        this.#removals.add(frame);
        await this.#hashes.compareSome();
        onProgress(frame.count);
      }
      if (cursor.offset !== (await cursor.fileSize())) return undefined;
      await this.#hashes.compare();
      const { record } = this.#removals;
      if (this.#hashes.difference !== undefined || record === undefined) return undefined;
      const to = walkState(this.#hashes.tree, walk.block, { segment, crc: cursor.handedOnCrc });
      return { from, to, removals: record, sealKey: this.#sealKey };
    } finally {
      await cursor.close();
    }
  }

  async #blockAt(leaf: number) {
    const reader = new JournalReader(journalDir(this.#dir), this.#files);
    try {
      // Whoever comes to that seal looks at its signature.
      return await openBlockAt(reader, leaf, { flawOf: () => undefined });
    } finally {
      await reader.close();
    }
  }

  readonly #inspect = (signed: SignedSeal): string | undefined => {
    if (this.#sealKeys.size === 0) return undefined;
    const others = [...this.#sealKeys.keys()].filter((vkey) => vkey !== this.#sealKey);
    const candidates = this.#sealKey === undefined ? others : [this.#sealKey];
    this.#sealKey = candidates.find((vkey) => this.#sealKeys.get(vkey)!.flawOf(signed) === undefined);
    return this.#sealKey === undefined ? "is of another key than those before it" : undefined;
  };

  /** Which key follows which is for the walk to follow. */
  readonly #observe = (bytes: Uint8Array): void => {
    const entry = decodeEntry(bytes);
    const event = entry.ok && entry.value.kind === "event" ? keyEvent(entry.value) : undefined;
    if (event !== undefined) this.#isUnusual = true;
  };
}
