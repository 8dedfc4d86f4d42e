/**
 * What a start finds at the end of a journal, put right where a power cut explains it. Only one frame is ever on its way
 * to the disk, so an unreadable tail is torn and removed, while a valid frame after an unreadable one means damage.
 */
import { GatewayError } from "../../src/errors.ts";
import type { FilePort, OpenFile } from "./file-port.ts";
import { decodeFrameHeader, frameCrcHolds, frameHeaderBytes, frameMagic } from "./frame.ts";
import type { Frame } from "./frame-scanner.ts";
import type { JournalLogger } from "./logger.ts";
import { listSegments, readSegmentHeader, type SegmentHeader, segmentHeaderBytes, segmentPath } from "./segment.ts";
import { SegmentCursor } from "./segment-cursor.ts";

export interface RecoveryOptions {
  readonly files: FilePort;
  readonly dir: string;
  readonly log: JournalLogger;
  /** Entries that were promised to be there; fewer is a rollback. */
  readonly atLeast: number;
  /** Sees every frame of the newest segment, with its offset. */
  readonly onFrame: (frame: Frame, offset: number) => void;
}

export interface RecoveredJournal {
  /** First leaves, oldest first; the last is the segment to go on with. */
  readonly segments: readonly number[];
  readonly active: SegmentHeader;
  /** Offset of its last frame, or 0 when it has none. */
  readonly lastWritten: number;
  /** Offset and predecessor of its next frame. */
  readonly end: number;
  readonly crc: number;
  /** Entries in the journal. */
  readonly size: number;
  readonly lastControl: number | undefined;
}

/**
 * @returns undefined when there is no journal yet
 * @throws JournalDamage, or GatewayError JOURNAL_ROLLED_BACK; then nothing was changed
 */
export async function recoverJournal(options: RecoveryOptions): Promise<RecoveredJournal | undefined> {
  const { files, dir, log, atLeast } = options;
  const segments = await listSegments(files, dir);
  const last = segments.at(-1);
  const unborn = last !== undefined && (await isUnborn(files, dir, last)) ? segments.pop() : undefined;
  await checkLinks(files, dir, segments);
  const newest = segments.at(-1);
  if (newest === undefined && atLeast > 0) throw rolledBack(0, atLeast);
  const tail = newest === undefined ? undefined : await recoverTail(options, newest);
  if (unborn !== undefined) {
    log.warn({ segment: unborn }, "removed a journal segment that was being created when the power went");
    await files.unlink(segmentPath(dir, unborn));
    await files.syncDirectory(dir);
  }
  return tail && { segments, ...tail };
}

/** A segment gets its first frame only after its header is durable: one that has neither was never in use. */
export async function isUnborn(files: FilePort, dir: string, segment: number): Promise<boolean> {
  return using(await files.open(segmentPath(dir, segment), "read"), async (file) => {
    return (await file.size()) <= segmentHeaderBytes && (await readSegmentHeader(file)) === undefined;
  });
}

async function checkLinks(files: FilePort, dir: string, segments: readonly number[]): Promise<void> {
  for (const [index, segment] of segments.entries()) {
    await using(await SegmentCursor.open(files, dir, segment), async (cursor) => {
      if (index > 0 && cursor.header.previousSegment !== segments[index - 1]) {
        throw cursor.damage("the segment before this one is missing");
      }
    });
  }
}

async function recoverTail(options: RecoveryOptions, segment: number): Promise<Omit<RecoveredJournal, "segments">> {
  const { files, dir, log, atLeast, onFrame } = options;
  return using(await SegmentCursor.open(files, dir, segment), async (cursor) => {
    let lastControl = cursor.header.previousControl;
    let lastWritten = 0;
    for (;;) {
      const offset = cursor.offset;
      const frame = await cursor.take();
      if (frame === undefined) break;
      onFrame(frame, offset);
      lastWritten = offset;
      if (frame.control) lastControl = frame.firstLeaf;
    }
    const { header: active, offset: end, leaf: size, crc } = cursor;
    const tornBytes = (await cursor.fileSize()) - end;
    // Signed leaves were durable. Bytes that are there but unreadable are damage; bytes that are not are a rollback.
    if (tornBytes > 0 && ((size < atLeast && !cursor.ranOut) || (await holdsFrame(cursor)))) throw cursor.damage();
    if (size < atLeast) throw rolledBack(size, atLeast);
    if (tornBytes > 0) {
      log.warn(
        { segment, offset: end, tornBytes, leafIndex: size },
        "removed a torn frame from the end of the journal",
      );
      await cutOff(files, dir, segment, end);
    }
    return { active, lastWritten, end, crc, size, lastControl };
  });
}

/** Whether a valid frame of the cursor's segment lies anywhere behind it. */
export async function holdsFrame(cursor: SegmentCursor): Promise<boolean> {
  const rest = Buffer.alloc(Math.max(0, (await cursor.fileSize()) - cursor.offset));
  const tail = rest.subarray(0, await cursor.readRaw(rest));
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(frameMagic);
  for (let at = tail.indexOf(magic); at >= 0; at = tail.indexOf(magic, at + 1)) {
    const header = decodeFrameHeader(tail, at);
    const fits = header !== undefined && at + frameHeaderBytes + header.payloadBytes <= tail.length;
    if (fits && frameCrcHolds(tail, at, header, cursor.header.salt)) return true;
  }
  return false;
}

async function cutOff(files: FilePort, dir: string, segment: number, end: number): Promise<void> {
  await using(await files.open(segmentPath(dir, segment), "update"), async (file) => {
    await file.truncate(end);
    await file.datasync();
  });
  await files.syncDirectory(dir);
}

function rolledBack(size: number, atLeast: number): GatewayError {
  return new GatewayError("JOURNAL_ROLLED_BACK", `the journal holds ${size} entries, but ${atLeast} are signed`, {
    details: { size, signed: atLeast },
  });
}

async function using<F extends Pick<OpenFile, "close">, T>(file: F, use: (file: F) => Promise<T>): Promise<T> {
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
