/**
 * Writes a closed segment anew with some of its entries replaced, and puts it in the place of the old one in one step: a
 * power cut leaves the old file or the new one. docs/adr/0070-tombstones.md
 */
import { randomBytes } from "node:crypto";
import type { FilePort, OpenFile } from "./file-port.ts";
import { encodeFrameHeader, forEachEntry, frameHeaderBytes } from "./frame.ts";
import type { Frame } from "./frame-scanner.ts";
import { journalFailed } from "./journal-failed.ts";
import { offsetRecords } from "./offset-index.ts";
import { encodeSegmentHeader, segmentPath } from "./segment.ts";
import { SegmentCursor } from "./segment-cursor.ts";

/** @returns what is to stand there instead, undefined where the entry stays */
export type Replace = (entry: Uint8Array, leafIndex: number) => Uint8Array | undefined;

export interface RewriteOptions {
  readonly files: FilePort;
  readonly dir: string;
  /** Of a segment that gets no more frames. */
  readonly firstLeaf: number;
  readonly replace: Replace;
  /** What its header says afterwards, unless it says more already. */
  readonly prunedBefore: number;
  /** Awaited now and then, so that others get their turn. */
  readonly breathe: () => Promise<void>;
}

const suffix = ".new";
/** Written at once. */
const writeBytes = 2 ** 20;

export interface RewrittenSegment {
  readonly replaced: number;
  /** Offset records of its frames, undefined where the file is as it was. */
  readonly offsets: Buffer | undefined;
}

/**
 * @throws JournalDamage, what the disk says, and GatewayError JOURNAL_FAILED when a sync fails
 */
export async function rewriteSegment(options: RewriteOptions): Promise<RewrittenSegment> {
  const { files, dir, firstLeaf } = options;
  const cursor = await SegmentCursor.open(files, dir, firstLeaf);
  try {
    const isMarked = (cursor.header.rewritten?.prunedBefore ?? 0) >= options.prunedBefore;
    const replaced = await countReplaced(cursor, options);
    if (replaced === 0 && isMarked) return { replaced, offsets: undefined };
    const path = segmentPath(dir, firstLeaf);
    const file = await files.open(path + suffix, "replace");
    let offsets: Buffer;
    try {
      offsets = await copy(cursor, file, options);
      await synced(file.datasync());
    } finally {
      await file.close();
    }
    await files.rename(path + suffix, path);
    await synced(files.syncDirectory(dir));
    return { replaced, offsets };
  } finally {
    await cursor.close();
  }
}

/** Removes what a rewriting that was interrupted has left. */
export async function removeUnfinished(files: FilePort, dir: string): Promise<void> {
  const unfinished = (await files.list(dir)).filter((name) => name.endsWith(`.wal${suffix}`));
  for (const name of unfinished) await files.unlink(`${dir}/${name}`);
  if (unfinished.length > 0) await files.syncDirectory(dir);
}

async function countReplaced(cursor: SegmentCursor, { replace, breathe }: RewriteOptions): Promise<number> {
  let count = 0;
  await forEachFrame(cursor, breathe, ({ firstLeaf, bundle }) => {
    forEachEntry(bundle, (entry, index) => {
      if (replace(entry, firstLeaf + index) !== undefined) count++;
    });
  });
  return count;
}

async function copy(cursor: SegmentCursor, file: OpenFile, options: RewriteOptions): Promise<Buffer> {
  const { replace, breathe } = options;
  const salt = randomBytes(4).readUInt32BE();
  const { bytes: _bytes, crc: _crc, rewritten: before, ...kept } = cursor.header;
  const { bytes: header, crc } = encodeSegmentHeader({
    ...kept,
    salt,
    // The cursor stands at the end: the last frame's CRC is what the next segment was told, unless this is not the first time.
    rewritten: {
      handedOnCrc: cursor.handedOnCrc,
      prunedBefore: Math.max(options.prunedBefore, before?.prunedBefore ?? 0),
    },
  });
  cursor.rewind();
  const offsets: Buffer[] = [];
  let waiting: Uint8Array[] = [header];
  let waitingBytes = header.length;
  let written = 0;
  let previousCrc = crc;
  const flush = async (): Promise<void> => {
    await file.write(waiting, written);
    written += waitingBytes;
    waiting = [];
    waitingBytes = 0;
  };
  await forEachFrame(cursor, breathe, async (frame) => {
    const payload = replaced(frame, replace);
    const fields = { ...frame, payloadBytes: payload.length, previousCrc };
    const frameHeader = encodeFrameHeader(fields, [payload], salt);
    offsets.push(offsetRecords({ ...frame, payload: [payload] }, written + waitingBytes));
    previousCrc = frameHeader.readUInt32BE(36);
    waiting.push(frameHeader, payload);
    waitingBytes += frameHeaderBytes + payload.length;
    if (waitingBytes >= writeBytes) await flush();
  });
  await flush();
  return Buffer.concat(offsets);
}

/** A copy of the bundle, with tombstones. */
function replaced({ firstLeaf, bundle }: Frame, replace: Replace): Buffer {
  const pieces: Uint8Array[] = [];
  forEachEntry(bundle, (entry, index) => {
    const kept = replace(entry, firstLeaf + index) ?? entry;
    pieces.push(Uint8Array.of(kept.length >> 8, kept.length & 0xff), kept);
  });
  return Buffer.concat(pieces);
}

/** Every frame from where the cursor stands. @throws JournalDamage unless they reach to the end of the file */
async function forEachFrame(
  cursor: SegmentCursor,
  breathe: () => Promise<void>,
  visit: (frame: Frame) => Promise<void> | void,
): Promise<void> {
  for (let frame = await cursor.take(); frame !== undefined; frame = await cursor.take()) {
    await visit(frame);
    await breathe();
  }
  if (cursor.offset !== (await cursor.fileSize())) throw cursor.damage();
}

async function synced(sync: Promise<void>): Promise<void> {
  try {
    await sync;
  } catch (error) {
    throw journalFailed("the disk failed to sync a segment that was written anew", error);
  }
}
