/**
 * A frame is what one group commit writes: a header, then the entries in the bundle encoding of C2SP tlog-tiles
 * (u16be length ‖ entry). Every number is big-endian.
 *
 * ```
 *  0 magic "MYCF"          16 count of entries            32 CRC of the frame before, or of the segment header
 *  4 payload length        20 flags                       36 CRC-32 of bytes 0–36 and the payload, begun from
 *  8 first leaf (u64)      24 newest earlier control          the segment's salt
 *                             frame: first leaf + 1 (u64), 0 if none
 * ```
 * Each frame names the CRC of the one before, so a stale or transplanted frame does not fit in. The CRC begins from a
 * secret salt, so a payload that contains a whole frame cannot pass for one when a damaged tail is searched.
 */
import { crc32 } from "node:zlib";
import { readU64, writeU64 } from "./binary.ts";

export { forEachEntry, forEachPlace } from "../../src/ledger/bundle-entries.ts";

export const frameHeaderBytes = 40;
/** Far above any commit; a longer length is damage and must not become an allocation. */
export const maxPayloadBytes = 32 * 2 ** 20;

export const frameMagic = 0x4d59_4346;
const controlFlag = 1;

export interface FrameHeader {
  readonly payloadBytes: number;
  readonly firstLeaf: number;
  /** Entries, at least one. */
  readonly count: number;
  /** True when any of the entries is an event. */
  readonly control: boolean;
  /** First leaf of the newest control frame before this one: a way to all of them that passes over everything else. */
  readonly previousControl: number | undefined;
  readonly previousCrc: number;
  readonly crc: number;
}

/** @returns the header, with its CRC filled in */
export function encodeFrameHeader(
  header: Omit<FrameHeader, "crc">,
  payload: readonly Uint8Array[],
  salt: number,
): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes);
  bytes.writeUInt32BE(frameMagic, 0);
  bytes.writeUInt32BE(header.payloadBytes, 4);
  writeU64(bytes, header.firstLeaf, 8);
  bytes.writeUInt32BE(header.count, 16);
  bytes.writeUInt32BE(header.control ? controlFlag : 0, 20);
  writeU64(bytes, header.previousControl === undefined ? 0 : header.previousControl + 1, 24);
  bytes.writeUInt32BE(header.previousCrc, 32);
  const crc = payload.reduce((sum, piece) => crc32(piece, sum), crc32(bytes.subarray(0, 36), salt));
  bytes.writeUInt32BE(crc, 36);
  return bytes;
}

/** @returns undefined when the bytes at `offset` cannot be a frame header; its CRC is still to be checked */
export function decodeFrameHeader(bytes: Buffer, offset: number): FrameHeader | undefined {
  if (bytes.length - offset < frameHeaderBytes || bytes.readUInt32BE(offset) !== frameMagic) return undefined;
  const payloadBytes = bytes.readUInt32BE(offset + 4);
  const firstLeaf = readU64(bytes, offset + 8);
  const count = bytes.readUInt32BE(offset + 16);
  const flags = bytes.readUInt32BE(offset + 20);
  const control = readU64(bytes, offset + 24);
  const possible =
    payloadBytes <= maxPayloadBytes &&
    Number.isSafeInteger(firstLeaf + count) &&
    count > 0 &&
    count * 2 <= payloadBytes &&
    flags <= controlFlag &&
    control <= firstLeaf;
  if (!possible) return undefined;
  return {
    payloadBytes,
    firstLeaf,
    count,
    control: flags === controlFlag,
    previousControl: control === 0 ? undefined : control - 1,
    previousCrc: bytes.readUInt32BE(offset + 32),
    crc: bytes.readUInt32BE(offset + 36),
  };
}

/** @param bytes holds the whole frame at `offset` */
export function frameCrcHolds(bytes: Buffer, offset: number, header: FrameHeader, salt: number): boolean {
  const payload = offset + frameHeaderBytes;
  const sum = crc32(bytes.subarray(offset, offset + 36), salt);
  return crc32(bytes.subarray(payload, payload + header.payloadBytes), sum) === header.crc;
}

/** The part of a bundle that holds entries `from` to `to` (exclusive). */
export function sliceBundle(bundle: Uint8Array, from: number, to: number): Uint8Array {
  let start = 0;
  let at = 0;
  for (let index = 0; index < to && at + 2 <= bundle.length; index++) {
    if (index === from) start = at;
    at += 2 + ((bundle[at]! << 8) | bundle[at + 1]!);
  }
  return bundle.subarray(start, at);
}
