import { decodeFrameHeader, encodeFrameHeader, forEachEntry, frameHeaderBytes } from "../../gateway/journal/frame.ts";
import { segmentHeaderBytes } from "../../gateway/journal/segment.ts";

/**
 * Exchanges one entry for another of the same length and makes every CRC after it right again, as someone can who may
 * write the files.
 *
 * @returns offset of the entry's frame
 */
export function forgeEntry(segment: Buffer, leafIndex: number, forged: Uint8Array): number {
  const salt = segment.readUInt32BE(36);
  let frameOfEntry = -1;
  let previousCrc = segment.readUInt32BE(40);
  for (let offset = segmentHeaderBytes; offset < segment.length; ) {
    const header = decodeFrameHeader(segment, offset)!;
    const payload = segment.subarray(offset + frameHeaderBytes, offset + frameHeaderBytes + header.payloadBytes);
    forEachEntry(payload, (entry, index) => {
      if (header.firstLeaf + index !== leafIndex) return;
      entry.set(forged);
      frameOfEntry = offset;
    });
    const rewritten = encodeFrameHeader({ ...header, previousCrc }, [payload], salt);
    rewritten.copy(segment, offset);
    previousCrc = decodeFrameHeader(segment, offset)!.crc;
    offset += frameHeaderBytes + header.payloadBytes;
  }
  return frameOfEntry;
}
