/** MDP v1 frames: COBS(16-byte header ‖ body ‖ CRC) ‖ 0x00, little-endian. protocol/spec.ts, wire-facts §1 */
import { mdp } from "../../protocol/spec.ts";
import type { RejectReason } from "../rejects.ts";
import { accept, type Result, refuse } from "../result.ts";
import { decodeCobs, encodeCobs } from "./cobs.ts";
import { crc16 } from "./crc16.ts";

export interface MdpFields {
  /** Message type; numbers outside of the table are legal. */
  readonly type: number;
  readonly seq: number;
  readonly ack: number;
  /** Bit set of mdp.flags. */
  readonly flags: number;
  readonly src: number;
  readonly dst: number;
  readonly rsv: number;
  readonly body: Uint8Array;
}

export interface MdpPacket extends MdpFields {
  /** Header and body, without the CRC; `body` is a view into it. */
  readonly packet: Uint8Array;
}

export type FrameReject = Extract<
  RejectReason,
  | "FRAME_EMPTY"
  | "FRAME_TOO_LONG"
  | "FRAME_COBS_INVALID"
  | "FRAME_CRC_MISMATCH"
  | "FRAME_TOO_SHORT"
  | "FRAME_BAD_MAGIC"
  | "FRAME_BAD_VERSION"
>;

const { header } = mdp;

/**
 * Bytes for the wire, delimiter included. `ack`, `flags` and `rsv` default to 0, `body` to none.
 * @throws RangeError if the packet is longer than mdp.maxPacketBytes or a field does not fit its bytes
 */
export function encodeMdpFrame(
  fields: Pick<MdpFields, "type" | "seq" | "src" | "dst"> & Partial<Pick<MdpFields, "ack" | "flags" | "rsv" | "body">>,
): Uint8Array {
  const body = fields.body ?? new Uint8Array(0);
  const packetBytes = mdp.headerBytes + body.length;
  if (packetBytes > mdp.maxPacketBytes)
    throw new RangeError(`a packet of ${packetBytes} bytes, more than ${mdp.maxPacketBytes}`);
  const plain = new Uint8Array(packetBytes + mdp.crcBytes);
  const view = new DataView(plain.buffer);
  view.setUint16(header.magic.at, mdp.magic, true);
  view.setUint8(header.version.at, mdp.version);
  for (const name of ["seq", "ack"] as const)
    view.setUint32(header[name].at, checked(name, fields[name] ?? 0, 0xffff_ffff), true);
  for (const name of ["type", "flags", "src", "dst", "rsv"] as const)
    view.setUint8(header[name].at, checked(name, fields[name] ?? 0, 0xff));
  plain.set(body, mdp.headerBytes);
  view.setUint16(packetBytes, crc16(plain, 0, packetBytes), true);
  const encoded = encodeCobs(plain);
  const wire = new Uint8Array(encoded.length + 1);
  wire.set(encoded);
  return wire;
}

/** Total. @param frame one frame as received, with or without its final 0x00 */
export function decodeMdpFrame(frame: Uint8Array): Result<MdpPacket, FrameReject> {
  const encoded = frame.at(-1) === 0 ? frame.subarray(0, -1) : frame;
  if (encoded.length === 0) return refuse("FRAME_EMPTY", "no bytes before the delimiter");
  if (encoded.length >= mdp.maxFrameBytes)
    return refuse("FRAME_TOO_LONG", `${encoded.length} bytes without a delimiter`);
  const plain = decodeCobs(encoded);
  if (!plain) return refuse("FRAME_COBS_INVALID", `${encoded.length} bytes are no COBS blocks`);
  const packetBytes = plain.length - mdp.crcBytes;
  if (packetBytes < mdp.headerBytes)
    return refuse("FRAME_TOO_SHORT", `${plain.length} bytes, a header and CRC take 18`);
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  if (view.getUint16(packetBytes, true) !== crc16(plain, 0, packetBytes)) {
    return refuse("FRAME_CRC_MISMATCH", `CRC over ${packetBytes} bytes differs`);
  }
  if (view.getUint16(header.magic.at, true) !== mdp.magic)
    return refuse("FRAME_BAD_MAGIC", `begins ${plain[0]}, ${plain[1]}`);
  const version = view.getUint8(header.version.at);
  if (version !== mdp.version) return refuse("FRAME_BAD_VERSION", `version ${version}`);
  const packet = plain.subarray(0, packetBytes);
  return accept({
    type: view.getUint8(header.type.at),
    seq: view.getUint32(header.seq.at, true),
    ack: view.getUint32(header.ack.at, true),
    flags: view.getUint8(header.flags.at),
    src: view.getUint8(header.src.at),
    dst: view.getUint8(header.dst.at),
    rsv: view.getUint8(header.rsv.at),
    body: packet.subarray(mdp.headerBytes),
    packet,
  });
}

function checked(name: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`${name} ${value} is not in 0 … ${max}`);
  return value;
}
