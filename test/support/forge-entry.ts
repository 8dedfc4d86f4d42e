import {
  decodeFrameHeader,
  encodeFrameHeader,
  type FrameHeader,
  forEachEntry,
  frameHeaderBytes,
} from "../../gateway/journal/frame.ts";

/**
 * Writes the frames of a segment anew, every CRC right, as someone can who may write the files.
 *
 * @param change gets each header and its payload, to change in place or to give other header fields for
 * @param chained false leaves each frame naming the CRC that the one before had at first
 */
export function forgeFrames(
  segment: Buffer,
  change: (header: FrameHeader, payload: Buffer, offset: number) => Partial<FrameHeader> | undefined,
  chained = true,
): void {
  const salt = segment.readUInt32BE(36);
  const headerBytes = segment.toString("latin1", 0, 8) === "MYCOWAL2" ? 56 : 44;
  let previousCrc = segment.readUInt32BE(headerBytes - 4);
  for (let offset = headerBytes; offset < segment.length; ) {
    const header = decodeFrameHeader(segment, offset)!;
    const payload = segment.subarray(offset + frameHeaderBytes, offset + frameHeaderBytes + header.payloadBytes);
    const fields = { ...header, ...(chained && { previousCrc }), ...change(header, payload, offset) };
    const forged = encodeFrameHeader(fields, [payload], salt);
    forged.copy(segment, offset);
    previousCrc = forged.readUInt32BE(36);
    offset += frameHeaderBytes + header.payloadBytes;
  }
}

/** Exchanges one entry for another of the same length. @returns offset of its frame */
export function forgeEntry(segment: Buffer, leafIndex: number, forged: Uint8Array): number {
  let frameOfEntry = -1;
  forgeFrames(segment, ({ firstLeaf }, payload, offset) => {
    forEachEntry(payload, (entry, index) => {
      if (firstLeaf + index !== leafIndex) return;
      entry.set(forged);
      frameOfEntry = offset;
    });
    return undefined;
  });
  return frameOfEntry;
}
