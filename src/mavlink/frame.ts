/**
 * MAVLink 2 frames: STX, 9 bytes of header, payload, CRC, and a signature of 13 bytes where the header says so. Multi-byte
 * fields are little-endian. Trailing zeros of a payload are not sent. https://mavlink.io/en/guide/serialization.html
 */
import { sha256 } from "@noble/hashes/sha2.js";
import type { RejectReason } from "../rejects.ts";
import { accept, type Result, refuse } from "../result.ts";
import { crcExtras } from "./messages.ts";

export const mavlink = { stx: 0xfd, stxOfVersion1: 0xfe, headerBytes: 10, crcBytes: 2, signatureBytes: 13 } as const;
const signedFlag = 0x01;
const crcStart = 0xffff;

export interface MavlinkFrame {
  readonly seq: number;
  readonly system: number;
  readonly component: number;
  readonly messageId: number;
  readonly payload: Uint8Array;
  readonly signature: MavlinkSignature | undefined;
  /** The whole frame as received; the other members are views into it. */
  readonly wire: Uint8Array;
}

export interface MavlinkSignature {
  readonly linkId: number;
  /** Units of 10 µs since 2015; 48 bits. */
  readonly timestamp: number;
  /** 6 bytes. */
  readonly digest: Uint8Array;
}

export type MavlinkReject = Extract<
  RejectReason,
  "FRAME_TOO_SHORT" | "FRAME_BAD_MAGIC" | "FRAME_BAD_VERSION" | "FRAME_CRC_MISMATCH" | "FRAME_UNKNOWN_TYPE"
>;

/**
 * Bytes of the frame that begins at `at`, or undefined where the header has not come whole. The byte at `at` is STX. With
 * flags that no frame has it is the header's, so that noise does not wait for a payload.
 */
export function frameLength(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length < at + 3) return undefined;
  if ((bytes[at + 2]! & ~signedFlag) !== 0) return 3;
  const signature = (bytes[at + 2]! & signedFlag) === 0 ? 0 : mavlink.signatureBytes;
  return mavlink.headerBytes + bytes[at + 1]! + mavlink.crcBytes + signature;
}

/** The frame that begins at `at`; what follows it is not looked at. Total. A message we know no CRC_EXTRA of cannot be checked. */
export function readMavlinkFrame(bytes: Uint8Array, at: number): Result<MavlinkFrame, MavlinkReject> {
  if (bytes[at] === mavlink.stxOfVersion1) return refuse("FRAME_BAD_VERSION", "MAVLink 1");
  if (bytes[at] !== mavlink.stx) return refuse("FRAME_BAD_MAGIC", `begins ${bytes[at]}`);
  const length = frameLength(bytes, at);
  if (length === undefined || bytes.length < at + length) return refuse("FRAME_TOO_SHORT", "ends before its end");
  const wire = bytes.subarray(at, at + length);
  // A receiver must not take what it does not understand.
  if ((wire[2]! & ~signedFlag) !== 0) return refuse("FRAME_BAD_VERSION", "unknown incompatibility flags");
  const messageId = wire[7]! | (wire[8]! << 8) | (wire[9]! << 16);
  const extra = crcExtras.get(messageId);
  if (extra === undefined) return refuse("FRAME_UNKNOWN_TYPE", `message ${messageId}`);
  const payloadEnd = mavlink.headerBytes + wire[1]!;
  const sent = wire[payloadEnd]! | (wire[payloadEnd + 1]! << 8);
  if (crcX25(wire.subarray(1, payloadEnd), extra) !== sent) return refuse("FRAME_CRC_MISMATCH", "CRC differs");
  return accept({
    seq: wire[4]!,
    system: wire[5]!,
    component: wire[6]!,
    messageId,
    payload: wire.subarray(mavlink.headerBytes, payloadEnd),
    signature: signatureAt(wire, payloadEnd + mavlink.crcBytes),
    wire,
  });
}

export interface MavlinkFields {
  readonly seq: number;
  readonly system: number;
  readonly component: number;
  readonly messageId: number;
  /** At full length; trailing zeros are cut here. */
  readonly payload: Uint8Array;
}

/** What a frame is signed with. */
export interface MavlinkSigner {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly linkId: number;
  /** Units of 10 µs since 2015; never the same twice on one link. */
  readonly timestamp: number;
}

/** @throws RangeError for a message without CRC_EXTRA, or a payload beyond 255 bytes */
export function encodeMavlinkFrame(
  { seq, system, component, messageId, payload }: MavlinkFields,
  signer?: MavlinkSigner,
): Uint8Array {
  const extra = crcExtras.get(messageId);
  if (extra === undefined) throw new RangeError(`message ${messageId} is not known`);
  if (payload.length > 255) throw new RangeError(`a payload of ${payload.length} bytes`);
  let length = payload.length;
  // One byte is always sent.
  while (length > 1 && payload[length - 1] === 0) length--;
  const wire = new Uint8Array(mavlink.headerBytes + length + mavlink.crcBytes);
  const id = [messageId & 0xff, (messageId >> 8) & 0xff, messageId >> 16];
  wire.set([mavlink.stx, length, signer ? signedFlag : 0, 0, seq & 0xff, system, component, ...id]);
  wire.set(payload.subarray(0, length), mavlink.headerBytes);
  const crc = crcX25(wire.subarray(1, mavlink.headerBytes + length), extra);
  wire.set([crc & 0xff, crc >> 8], mavlink.headerBytes + length);
  return signer ? signed(wire, signer) : wire;
}

function signed(frame: Uint8Array, { key, linkId, timestamp }: MavlinkSigner): Uint8Array {
  const wire = new Uint8Array(frame.length + mavlink.signatureBytes);
  wire.set(frame);
  wire[frame.length] = linkId;
  // 48 bits, which no bit operator takes.
  for (let byte = 0, rest = timestamp; byte < 6; byte++, rest = Math.floor(rest / 0x100)) {
    wire[frame.length + 1 + byte] = rest % 0x100;
  }
  wire.set(signatureDigest(key, wire.subarray(0, -signatureDigestBytes)), wire.length - signatureDigestBytes);
  return wire;
}

const signatureDigestBytes = 6;

/** The first 48 bits of SHA-256 over the key and the frame up to them. https://mavlink.io/en/guide/message_signing.html */
export function signatureDigest(key: Uint8Array, frame: Uint8Array): Uint8Array {
  return sha256.create().update(key).update(frame).digest().subarray(0, signatureDigestBytes);
}

function signatureAt(wire: Uint8Array, at: number): MavlinkSignature | undefined {
  if (wire.length === at) return undefined;
  let timestamp = 0;
  for (let byte = 6; byte >= 1; byte--) timestamp = timestamp * 0x100 + wire[at + byte]!;
  return { linkId: wire[at]!, timestamp, digest: wire.subarray(at + 7, at + 13) };
}

/** CRC-16/MCRF4XX over the bytes and then one more. */
function crcX25(bytes: Uint8Array, extra: number): number {
  let crc = crcStart;
  for (const byte of bytes) crc = crcStep(crc, byte);
  return crcStep(crc, extra);
}

function crcStep(crc: number, byte: number): number {
  let mixed = byte ^ (crc & 0xff);
  mixed = (mixed ^ (mixed << 4)) & 0xff;
  return ((crc >> 8) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)) & 0xffff;
}
