/**
 * `mycogate ledger verify`: reads the whole log of a running or a stopped gateway, trusts nothing that is derived, and
 * names the first bad place.
 */
import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { GatewayError } from "../../src/errors.ts";
import { encodeBase64 } from "../../src/ledger/base64.ts";
import { type Checkpoint, type CheckpointVerifier, openCheckpoint } from "../../src/ledger/checkpoint.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { RemovalCheck, type RemovalRecord } from "../../src/ledger/removal-check.ts";
import type { SignedSeal } from "../../src/ledger/seal.ts";
import { checkpointPath, readCheckpointFile } from "./checkpoint-file.ts";
import { type DamagedPlace, JournalDamage } from "./damage.ts";
import { diskFiles } from "./disk-files.ts";
import type { FilePort } from "./file-port.ts";
import type { Frame } from "./frame-scanner.ts";
import { HashCheck } from "./hash-check.ts";
import { leafHashesOf } from "./leaf-hashes.ts";
import { journalDir } from "./ledger.ts";
import type { SealFollower } from "./seal-key.ts";
import { type SealFlaw, SealWalk } from "./seal-walk.ts";
import { listSegments, segmentOf, segmentPath } from "./segment.ts";
import type { CheckedSegment, SegmentTask } from "./segment-check.ts";
import { SegmentCursor } from "./segment-cursor.ts";
import { holdsFrame, isUnborn } from "./segment-recovery.ts";
import { blockIn, firstState, previousIn, treeIn, type WalkState, walkState } from "./walk-state.ts";

export interface VerifyLogOptions {
  /** `<data>/ledger` */
  readonly dir: string;
  /** Each must have signed the checkpoint; their name is the log's origin. At least one. */
  readonly verifiers: readonly CheckpointVerifier[];
  /** Without it, seals are held against their entries and each other, but not against a key. */
  readonly seals?: SealFollower | undefined;
  readonly files?: FilePort;
  /** Looks at closed segments meanwhile. What it finds decides only where it fits; closed at the end. */
  readonly ahead?: ChecksAhead | undefined;
  /** Goes on behind what another verification with the same keys has come to. It is believed. */
  readonly from?: VerifiedPart | undefined;
  readonly onProgress?: (entries: number, of: number) => void;
  /** At the end of every segment of what is signed, as long as nothing is wrong. */
  readonly onPart?: (part: VerifiedPart) => Promise<void>;
}

/** The leaves up to a segment, in which nothing is wrong. */
export interface VerifiedPart {
  readonly state: WalkState;
  readonly removals: RemovalRecord;
  /** vkeys of the seals, oldest first; empty where their signatures were not checked. */
  readonly sealKeys: readonly string[];
}

export interface ChecksAhead {
  /** @param segments in the order in which they will be asked for @param onProgress `leavesAhead` has grown */
  begin(task: SegmentTask, segments: readonly number[], onProgress: () => void): void;
  /** Asked for once, in order. @returns undefined where the segment is to be walked through */
  outcome(segment: number): Promise<CheckedSegment | undefined>;
  /** Leaves looked at in segments that were not asked for yet. */
  readonly leavesAhead: number;
  close(): Promise<void>;
}

/** Where the log ended when the verification began. */
interface LogEnd {
  readonly segment: number;
  readonly offset: number;
}

export interface VerifyReport {
  readonly ok: boolean;
  /** Entries read and hashed. */
  readonly entries: number;
  /** Of these, how many the signed checkpoint covers. */
  readonly checkpointed: number;
  readonly notYetCheckpointed: number;
  /** Blocks that are closed by a seal. */
  readonly blocks: number;
  /** Whether the seals' signatures were checked too. */
  readonly sealSignatures: boolean;
  /** Entries whose content is gone, by retention and by erasing a device: their hashes and places were checked, no more. */
  readonly pruned: number;
  readonly erased: number;
  /** Bytes of an unfinished frame at the end: a commit under way, or one that a crash cut short and the next start removes. */
  readonly tornBytes: number;
  /** Root hash of the checkpointed entries, base64. */
  readonly root: string | undefined;
  /** The first thing wrong. */
  readonly problem: VerifyProblem | undefined;
}

export interface VerifyProblem {
  readonly what: string;
  /** File name within `<data>/ledger`, and the byte offset of the record in it, where there is one. */
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
  readonly leafIndex?: number | undefined;
}

/** @throws only what the file system throws: whatever the files hold is reported */
export async function verifyLog(options: VerifyLogOptions): Promise<VerifyReport> {
  const verification = new Verification(options);
  try {
    await verification.run(options.verifiers);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    verification.blame(error);
  } finally {
    await verification.close();
  }
  return verification.report();
}

/** Seals whose signatures are being checked. */
const checksAtOnce = 512;

class Verification {
  readonly #options: VerifyLogOptions;
  readonly #files: FilePort;
  readonly #journal: string;
  readonly #seals: SealFollower | undefined;
  readonly #ahead: ChecksAhead | undefined;
  readonly #removals = new RemovalCheck();
  #hashes: HashCheck | undefined;
  /** Where frames are read, if they are. */
  #cursor: SegmentCursor | undefined;
  /** Where the walk stands, or stood when it began with the frames that follow. */
  #state = firstState();
  #signed: Checkpoint | undefined;
  #entries = 0;
  #blocks = 0;
  #tornBytes = 0;
  #root: string | undefined;
  #problem: VerifyProblem | undefined;
  /** Of the first seal that does not hold, which often only follows from what else is wrong. */
  #sealFlaw: SealFlaw | undefined;
  #checks: Promise<void>[] = [];

  constructor(options: VerifyLogOptions) {
    this.#options = options;
    this.#files = options.files ?? diskFiles;
    this.#journal = journalDir(options.dir);
    this.#seals = options.seals;
    this.#ahead = options.ahead;
  }

  async run(verifiers: readonly CheckpointVerifier[]): Promise<void> {
    const { dir } = this.#options;
    const file = "checkpoint";
    // Before the log, which may be growing: it then holds at least what is signed.
    const text = await readCheckpointFile(this.#files, checkpointPath(dir));
    if (text === undefined) return this.#found({ what: "there is no signed checkpoint", file });
    const opened = openCheckpoint(text, verifiers[0]!.name, verifiers);
    if (!opened.ok) return this.#found({ what: `the checkpoint does not hold: ${opened.detail}`, file });
    this.#signed = opened.value;
    const segments = await listSegments(this.#files, this.#journal);
    const oldest = segments[0] ?? this.#signed.size;
    if (segments[0] !== 0) return this.#found({ what: `entries before leaf ${oldest} are gone`, leafIndex: 0 });
    this.#hashes = new HashCheck(this.#files, dir, this.#signed.size);
    if (this.#options.from !== undefined) await this.#goOnFrom(this.#options.from);
    await this.#walk(this.#signed, segments);
    await this.#compareRoots(this.#signed, this.#hashes);
  }

  async #goOnFrom({ state, removals, sealKeys }: VerifiedPart): Promise<void> {
    await this.#goTo(state);
    this.#removals.absorb(removals);
    this.#seals?.goOnFrom?.(sealKeys);
  }

  blame(error: GatewayError): void {
    const { segment, offset, leafIndex } = error instanceof JournalDamage ? error.place : ({} as Partial<DamagedPlace>);
    this.#found({ what: error.message, file: segment && `journal/${segment}`, offset, leafIndex });
  }

  report(): VerifyReport {
    const checkpointed = Math.min(this.#entries, this.#signed?.size ?? 0);
    return {
      ok: this.#problem === undefined,
      entries: this.#entries,
      checkpointed,
      notYetCheckpointed: this.#entries - checkpointed,
      blocks: this.#blocks,
      sealSignatures: this.#seals !== undefined,
      pruned: this.#removals.count("ledger.pruning_ordered"),
      erased: this.#removals.count("device.erasure_ordered"),
      tornBytes: this.#tornBytes,
      root: this.#root,
      problem: this.#problem,
    };
  }

  async close(): Promise<void> {
    await this.#ahead?.close();
    await this.#cursor?.close();
    await this.#hashes?.close();
  }

  #found(problem: VerifyProblem): void {
    this.#problem ??= problem;
  }

  /** Segment by segment, over those that others have looked at and fit behind what was walked, through all others. */
  async #walk(signed: Checkpoint, segments: readonly number[]): Promise<void> {
    const newest = segments.at(-1)!;
    const end = { segment: newest, offset: await this.#sizeOf(newest) };
    const closed = segments.filter((_, index) => (segments[index + 1] ?? Number.POSITIVE_INFINITY) <= signed.size);
    const task = { dir: this.#options.dir, signedSize: signed.size };
    // The walk does not wait for the one in front of it while it has to follow the seals' keys itself.
    const from = this.#followsKeys ? this.#state.leaf + 1 : this.#state.leaf;
    const toCheck = closed.filter((segment) => segment >= from);
    this.#ahead?.begin(task, toCheck, () => this.#showProgress(signed.size));
    for (;;) {
      const next = segments.find((segment) => segment > this.#state.leaf);
      const isClosed = next !== undefined && next <= signed.size;
      if (!isClosed) return void (await this.#walkFrames(signed, end, undefined));
      const goesOn = (await this.#wasChecked(next)) || (await this.#walkFrames(signed, end, next));
      if (!goesOn) return;
      this.#showProgress(signed.size);
      await this.#reportPart();
    }
  }

  /** Whether the segment that begins here was looked at, and what was assumed of the leaves before it is so. Then it is passed over. */
  async #wasChecked(next: number): Promise<boolean> {
    const checked = this.#followsKeys ? undefined : await this.#ahead?.outcome(this.#state.leaf);
    if (checked?.to.leaf !== next || !isDeepStrictEqual(checked.from, this.#state)) return false;
    const { to, sealKey, removals } = checked;
    const hasSeals = to.block.number > checked.from.block.number;
    if (this.#seals !== undefined && hasSeals && sealKey !== this.#seals.settled?.at(-1)) return false;
    this.#removals.absorb(removals);
    await this.#goTo(to);
    return true;
  }

  /** Whether the key of the next seal shows itself only on the way. */
  get #followsKeys(): boolean {
    return this.#seals !== undefined && this.#seals.settled?.at(-1) === undefined;
  }

  async #goTo(state: WalkState): Promise<void> {
    await this.#cursor?.close();
    this.#cursor = undefined;
    this.#state = state;
    this.#hashes!.goOnFrom(treeIn(state));
    this.#seen(state.leaf, state.block.number);
  }

  /**
   * Frame by frame, from where the walk stands.
   * @param to the segment to stop in front of; undefined: at the end
   * @returns whether it stands between two segments, at `to` or behind it; false where the log ends
   */
  async #walkFrames(signed: Checkpoint, end: LogEnd, to: number | undefined): Promise<boolean> {
    const hashes = this.#hashes!;
    const walk = this.#sealWalk(hashes);
    let cursor = await this.#openCursor();
    for (;;) {
      const frame = await this.#nextFrame(signed, cursor);
      if (frame === "end") return false;
      if (frame === "next segment") {
        cursor = this.#cursor = await cursor.following();
        if (to === undefined || cursor.header.firstLeaf < to) continue;
        await hashes.compare();
        this.#state = walkState(hashes.tree, walk.block, previousIn(cursor.header));
        return true;
      }
      const flaw = walk.add(frame, leafHashesOf(frame));
      this.#removals.add(frame);
      if (flaw !== undefined) this.#foundSeal(flaw);
      await hashes.compareSome();
      if (this.#checks.length >= checksAtOnce) await Promise.all(this.#checks.splice(0));
      this.#seen(frame.firstLeaf + frame.count, walk.block.number);
      this.#showProgress(signed.size);
      // What a running gateway has added since the start is for another time, or there might be no end.
      const { header, offset } = cursor;
      const newer = header.firstLeaf > end.segment || (header.firstLeaf === end.segment && offset >= end.offset);
      if (newer && this.#entries >= signed.size) return false;
    }
  }

  #sealWalk(hashes: HashCheck): SealWalk {
    const check = (signed: SignedSeal, leafIndex: number) => this.#checkSoon(signed, leafIndex);
    return new SealWalk(blockIn(this.#state), hashes, check, (bytes, leafIndex) => {
      const entry = this.#seals?.observe === undefined ? undefined : decodeEntry(bytes);
      if (entry?.ok && entry.value.kind === "event") this.#seals!.observe!(entry.value, leafIndex);
    });
  }

  /** Where the walk stands, its place behind the segment before checked. @throws JournalDamage */
  async #openCursor(): Promise<SegmentCursor> {
    const { leaf, previous } = this.#state;
    this.#cursor ??=
      previous === null
        ? await SegmentCursor.open(this.#files, this.#journal, leaf)
        : await SegmentCursor.openBehind(this.#files, this.#journal, leaf, previous);
    return this.#cursor;
  }

  /** At the end a gateway may be writing at this moment. @throws JournalDamage */
  async #nextFrame(signed: Checkpoint, cursor: SegmentCursor): Promise<Frame | "next segment" | "end"> {
    const frame = await cursor.take();
    if (frame !== undefined) return frame;
    const rest = (await cursor.fileSize()) - cursor.offset;
    if (rest === 0) return (await this.#isLast(signed, cursor)) ? "end" : "next segment";
    if (cursor.leaf >= signed.size && !(await holdsFrame(cursor))) {
      this.#tornBytes = rest;
      return "end";
    }
    // A frame that was being written a moment ago is whole by the time another one stands behind it.
    cursor.forgetWindow();
    const whole = await cursor.take();
    if (whole === undefined) throw cursor.damage();
    return whole;
  }

  /** Whether the log ends with the segment that the cursor has read to its end. @throws JournalDamage if too early */
  async #isLast(signed: Checkpoint, cursor: SegmentCursor): Promise<boolean> {
    const segments = await listSegments(this.#files, this.#journal);
    const successor = segments.find((segment) => segment > cursor.header.firstLeaf);
    if (successor !== undefined && cursor.leaf < signed.size) return false;
    if (cursor.leaf < signed.size) throw cursor.damage(`the log ends here, but ${signed.size} entries are signed`);
    return successor === undefined || isUnborn(this.#files, this.#journal, successor);
  }

  #seen(entries: number, blocks: number): void {
    this.#entries = entries;
    this.#blocks = blocks;
  }

  #showProgress(signedSize: number): void {
    const seen = this.#entries + (this.#ahead?.leavesAhead ?? 0);
    this.#options.onProgress?.(seen, Math.max(signedSize, seen));
  }

  /** Says how far it has come, as long as nothing is wrong. */
  async #reportPart(): Promise<void> {
    await Promise.all(this.#checks.splice(0));
    const { record } = this.#removals;
    const sealKeys = this.#seals === undefined ? [] : this.#seals.settled;
    const isSound = this.#sealFlaw === undefined && this.#hashes!.difference === undefined;
    if (!isSound || record === undefined || sealKeys === undefined) return;
    await this.#options.onPart?.({ state: this.#state, removals: record, sealKeys });
  }

  async #sizeOf(segment: number): Promise<number> {
    const file = await this.#files.open(segmentPath(this.#journal, segment), "read");
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  async #compareRoots(signed: Checkpoint, hashes: HashCheck): Promise<void> {
    await hashes.compare();
    await Promise.all(this.#checks);
    const { signedRoot: root, difference } = hashes;
    this.#root = encodeBase64(root);
    if (Buffer.compare(root, signed.root) === 0) {
      if (this.#sealFlaw !== undefined) return this.#blameSeal(this.#sealFlaw);
      const unordered = this.#removals.flaw();
      if (unordered !== undefined) return this.#blameSeal(unordered);
      const keys = this.#seals?.flaw?.();
      if (keys?.leafIndex !== undefined) return this.#blameSeal({ ...keys, leafIndex: keys.leafIndex });
      if (keys !== undefined) return this.#found({ what: keys.what });
      if (difference === undefined) return;
      const { file, offset, leafIndex } = difference;
      const what =
        "the entries are what was signed, but this hash file is wrong: delete hash.*, the next start rebuilds them";
      return this.#found({ what, file, offset, leafIndex });
    }
    if (difference === undefined) {
      if (this.#sealFlaw !== undefined) return this.#blameSeal(this.#sealFlaw);
      return this.#found({ what: `the first ${signed.size} entries and their hashes are not what was signed` });
    }
    const { leafIndex } = difference;
    const place = await this.#placeOf(leafIndex);
    this.#found({ what: "this entry is not the one that was signed", ...place, leafIndex });
  }

  /** Signatures are most of the work and wait for nothing, so they are checked beside the walk. */
  #checkSoon(signed: SignedSeal, leafIndex: number): undefined {
    if (this.#seals === undefined) return;
    const { number } = signed.seal;
    const check = async (flaw: Promise<string | undefined>) => {
      const what = await flaw;
      if (what !== undefined) this.#foundSeal({ what: `the seal of block ${number} ${what}`, leafIndex });
    };
    this.#checks.push(check(this.#seals.flawSoon(signed)));
  }

  async #blameSeal(flaw: SealFlaw): Promise<void> {
    this.#found({ ...flaw, ...(await this.#placeOf(flaw.leafIndex)) });
  }

  #foundSeal(flaw: SealFlaw): void {
    if (this.#sealFlaw === undefined || flaw.leafIndex < this.#sealFlaw.leafIndex) this.#sealFlaw = flaw;
  }

  /** The frame of a leaf that is known to be there. */
  async #placeOf(leaf: number): Promise<{ file: string; offset: number }> {
    const segment = segmentOf(await listSegments(this.#files, this.#journal), leaf)!;
    const cursor = await SegmentCursor.open(this.#files, this.#journal, segment);
    try {
      await cursor.seek(leaf, undefined);
      return { file: `journal/${basename(segmentPath(this.#journal, segment))}`, offset: cursor.offset };
    } finally {
      await cursor.close();
    }
  }
}
