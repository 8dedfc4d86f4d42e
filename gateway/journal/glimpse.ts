import type { OpenFile } from "./file-port.ts";
import { decodeFrameHeader, type FrameHeader, frameHeaderBytes } from "./frame.ts";
import type { LeafHint } from "./offset-index.ts";

/** More than lies between two hints, so that a wrong one does not become an allocation. */
const mostBytes = 2 * 2 ** 20;

/**
 * The entry `leaf` out of the bytes of a segment between two hints, as they stand there: nothing is checked.
 * @returns undefined where the hints do not lead to it
 */
export async function entryBetween(
  file: OpenFile,
  [from, to]: readonly [LeafHint, LeafHint],
  leaf: number,
): Promise<Uint8Array | undefined> {
  const start = from.offset + from.distance;
  const length = to.offset + to.distance - start;
  if (length <= 0 || length > mostBytes) return undefined;
  const bytes = Buffer.alloc(length);
  const isOneFrame = from.offset === to.offset;
  const [, frame] = await Promise.all([
    file.read(bytes, start),
    isOneFrame ? { firstLeaf: from.leaf, count: to.leaf - from.leaf } : frameAt(file, from.offset),
  ]);
  return frame && entryFrom(bytes, { next: from.leaf, end: frame.firstLeaf + frame.count }, leaf);
}

async function frameAt(file: OpenFile, offset: number): Promise<FrameHeader | undefined> {
  const bytes = Buffer.alloc(frameHeaderBytes);
  await file.read(bytes, offset);
  return decodeFrameHeader(bytes, 0);
}

/** @param bytes begin with the entry `next` of a frame that ends before leaf `end`; other frames may follow */
function entryFrom(bytes: Buffer, { next, end }: { next: number; end: number }, leaf: number): Uint8Array | undefined {
  let at = 0;
  let frameEnd = end;
  for (let passed = next; ; passed++) {
    while (passed >= frameEnd) {
      const frame = decodeFrameHeader(bytes, at);
      if (frame === undefined) return undefined;
      frameEnd = frame.firstLeaf + frame.count;
      at += frameHeaderBytes;
    }
    if (at + 2 > bytes.length) return undefined;
    const start = at + 2;
    at = start + bytes.readUInt16BE(at);
    if (passed === leaf) return at <= bytes.length ? bytes.subarray(start, at) : undefined;
  }
}
