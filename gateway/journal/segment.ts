/**
 * The journal is a row of files `<first leaf>.wal`. Each begins with a header that ties it to the one before, so that a
 * lost or foreign file is noticed without reading the frames. Every number is big-endian.
 *
 * ```
 *  0 magic "MYCOWAL1"      16 first leaf of the segment before, + 1 (u64), 0 if none     32 CRC of the last frame before
 *  8 first leaf (u64)      24 newest control frame so far: first leaf + 1 (u64)          36 salt of this segment's CRCs
 *                                                                                        40 CRC-32 of bytes 0–40
 * ```
 * A segment that was written anew, because readings were taken out of it, begins with "MYCOWAL2". Its frames have other
 * CRCs than before, so it keeps the one that the segment behind it names. docs/adr/0070-tombstones.md
 *
 * ```
 * 40 CRC that the next segment names as the one before it    44 retention has taken out every reading before this leaf (u64)
 * 52 CRC-32 of bytes 0–52
 * ```
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { readU64, writeU64 } from "./binary.ts";
import type { FilePort, OpenFile } from "./file-port.ts";

export const segmentHeaderBytes = 44;
const rewrittenHeaderBytes = 56;
const magic = Buffer.from("MYCOWAL1");
const rewrittenMagic = Buffer.from("MYCOWAL2");
const namePattern = /^(\d{16})\.wal$/;

export interface SegmentHeader {
  readonly firstLeaf: number;
  readonly previousSegment: number | undefined;
  readonly previousControl: number | undefined;
  readonly previousCrc: number;
  /** Random, so that nobody who can fill in a payload can foretell a valid CRC. */
  readonly salt: number;
  /** What the first frame names as the CRC before it. */
  readonly crc: number;
  /** Bytes of the header. */
  readonly bytes: number;
  readonly rewritten: Rewritten | undefined;
}

/** Of a segment that was written anew. */
export interface Rewritten {
  /** What the segment behind it names as the CRC before it. */
  readonly handedOnCrc: number;
  /** Retention has taken out every reading before this leaf; 0 where it has taken out none. */
  readonly prunedBefore: number;
}

export function encodeSegmentHeader(header: Omit<SegmentHeader, "crc" | "bytes">): { bytes: Buffer; crc: number } {
  const { rewritten } = header;
  const bytes = Buffer.alloc(rewritten ? rewrittenHeaderBytes : segmentHeaderBytes);
  (rewritten ? rewrittenMagic : magic).copy(bytes);
  writeU64(bytes, header.firstLeaf, 8);
  writeU64(bytes, header.previousSegment === undefined ? 0 : header.previousSegment + 1, 16);
  writeU64(bytes, header.previousControl === undefined ? 0 : header.previousControl + 1, 24);
  bytes.writeUInt32BE(header.previousCrc, 32);
  bytes.writeUInt32BE(header.salt, 36);
  if (rewritten) {
    bytes.writeUInt32BE(rewritten.handedOnCrc, 40);
    writeU64(bytes, rewritten.prunedBefore, 44);
  }
  const crc = crc32(bytes.subarray(0, -4));
  bytes.writeUInt32BE(crc, bytes.length - 4);
  return { bytes, crc };
}

/** @returns undefined when the file does not begin with a whole, undamaged header */
export async function readSegmentHeader(file: OpenFile): Promise<SegmentHeader | undefined> {
  const start = Buffer.alloc(rewrittenHeaderBytes);
  const filled = await file.read(start, 0);
  const isRewritten = rewrittenMagic.equals(start.subarray(0, 8));
  if (!isRewritten && !magic.equals(start.subarray(0, 8))) return undefined;
  const bytes = start.subarray(0, isRewritten ? rewrittenHeaderBytes : segmentHeaderBytes);
  const crc = bytes.readUInt32BE(bytes.length - 4);
  if (filled < bytes.length || crc32(bytes.subarray(0, -4)) !== crc) return undefined;
  const previousSegment = readU64(bytes, 16);
  const previousControl = readU64(bytes, 24);
  const handedOn = () => ({ handedOnCrc: bytes.readUInt32BE(40), prunedBefore: readU64(bytes, 44) });
  return {
    firstLeaf: readU64(bytes, 8),
    previousSegment: previousSegment === 0 ? undefined : previousSegment - 1,
    previousControl: previousControl === 0 ? undefined : previousControl - 1,
    previousCrc: bytes.readUInt32BE(32),
    salt: bytes.readUInt32BE(36),
    crc,
    bytes: bytes.length,
    rewritten: isRewritten ? handedOn() : undefined,
  };
}

export function segmentPath(dir: string, firstLeaf: number): string {
  return join(dir, `${String(firstLeaf).padStart(16, "0")}.wal`);
}

/** First leaves of the segments in `dir`, oldest first. */
export async function listSegments(files: FilePort, dir: string): Promise<number[]> {
  const names = await files.list(dir);
  const firsts = names.flatMap((name) => {
    const digits = namePattern.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
  return firsts.sort((a, b) => a - b);
}

/** The segment that holds `leaf`: the last that begins at or before it. */
export function segmentOf(segments: readonly number[], leaf: number): number | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]! <= leaf) low = middle + 1;
    else high = middle;
  }
  return segments[low - 1];
}

/**
 * Entries before this one may be without their readings, as C2SP tlog-tiles has it of a pruned log: its minimum index.
 * Retention goes from the oldest segment on, so the first that it has not touched ends the search.
 */
export async function minimumIndex(files: FilePort, dir: string, segments: readonly number[]): Promise<number> {
  let minimum = 0;
  for (const segment of segments) {
    const file = await files.open(segmentPath(dir, segment), "read");
    const prunedBefore = await readSegmentHeader(file)
      .then((header) => header?.rewritten?.prunedBefore ?? 0)
      .finally(() => file.close());
    if (prunedBefore === 0) break;
    minimum = Math.max(minimum, prunedBefore);
  }
  return minimum;
}
