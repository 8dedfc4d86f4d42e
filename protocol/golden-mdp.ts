/** Golden vectors of MDP v1 frames. */
import { asciiBytes, bytesOf, concat, type GoldenCodec, hexOf } from "./golden.ts";
import { mdp, mdpEndpoints, mdpFlags, mdpTypes } from "./spec.ts";

interface Header {
  readonly type: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly src: number;
  readonly dst: number;
}

const base: Header = {
  type: mdpTypes.TELEMETRY,
  seq: 1,
  ack: 0,
  flags: 0,
  src: mdpEndpoints.SIDE_A,
  dst: mdpEndpoints.GATEWAY,
};

/** @param envelope a signed message, to travel as TELEMETRY */
export function goldenMdp(codec: GoldenCodec, envelope: Uint8Array) {
  const nonZero = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => 1 + (index % 255));
  const frames: readonly (readonly [name: string, header: Partial<Header>, body: Uint8Array])[] = [
    ["an envelope in TELEMETRY", {}, envelope],
    ["an envelope in TELEMETRY that wants an acknowledgement", { seq: 2, flags: mdpFlags.ACK_REQUESTED }, envelope],
    [
      "a JSON command",
      { type: mdpTypes.COMMAND, src: 0xc0, dst: 0xa1 },
      asciiBytes('{"cmd":"read_sensors","params":{}}'),
    ],
    [
      "a bare acknowledgement",
      { type: mdpTypes.ACK, ack: 7, flags: mdpFlags.IS_ACK, src: 0xc0, dst: 0xb1 },
      new Uint8Array(0),
    ],
    [
      "a refusal",
      { type: mdpTypes.ACK, ack: 7, flags: mdpFlags.IS_NACK },
      asciiBytes('{"success":false,"message":"unknown_command"}'),
    ],
    ["a type that no table has", { type: 0x2a }, bytesOf("00ff")],
    ["extreme counters", { seq: 0xffff_ffff, ack: 0xffff_ffff, flags: 0xff, src: 0xff, dst: 0xff }, bytesOf("00")],
    ["only zeros in the body", {}, new Uint8Array(300)],
    ["253 bytes without a zero in a block", {}, nonZero(248)],
    ["254 bytes without a zero in a block", {}, nonZero(249)],
    ["255 bytes without a zero in a block", {}, nonZero(250)],
    ["the longest packet", {}, nonZero(mdp.maxPacketBytes - mdp.headerBytes)],
  ];
  const good = packetOf(base, bytesOf("7b7d"));
  const encoded = frameOf(codec, good);
  const changed = (at: number, value: number): Uint8Array => frameOf(codec, good.with(at, value));

  return {
    accepted: frames.map(([name, changes, body]) => {
      const header = { ...base, ...changes };
      const packet = packetOf(header, body);
      return { name, ...header, body: hexOf(body), packet: hexOf(packet), frame: hexOf(frameOf(codec, packet)) };
    }),
    rejected: [
      ["FRAME_EMPTY", "a delimiter alone", bytesOf("00")],
      [
        "FRAME_TOO_LONG",
        "one byte more than the longest frame",
        concat(new Uint8Array(mdp.maxFrameBytes).fill(1), bytesOf("00")),
      ],
      ["FRAME_COBS_INVALID", "a zero inside", concat(encoded.subarray(0, 4), bytesOf("00"), encoded.subarray(4))],
      ["FRAME_COBS_INVALID", "the last byte is missing", concat(encoded.subarray(0, -2), bytesOf("00"))],
      [
        "FRAME_TOO_SHORT",
        "one byte less than header and CRC",
        concat(codec.encodeCobs(good.subarray(0, 17)), bytesOf("00")),
      ],
      [
        "FRAME_CRC_MISMATCH",
        "another byte in the body",
        concat(codec.encodeCobs(concat(good, bytesOf("0000"))), bytesOf("00")),
      ],
      ["FRAME_BAD_MAGIC", "the magic the other way round", frameOf(codec, concat(bytesOf("a15a"), good.subarray(2)))],
      ["FRAME_BAD_VERSION", "version 2", changed(mdp.header.version.at, 2)],
    ].map(([reject, name, frame]) => ({ name, reject, frame: hexOf(frame as Uint8Array) })),
  };
}

function packetOf({ type, seq, ack, flags, src, dst }: Header, body: Uint8Array): Uint8Array {
  const packet = new Uint8Array(mdp.headerBytes + body.length);
  const view = new DataView(packet.buffer);
  const { header } = mdp;
  view.setUint16(header.magic.at, mdp.magic, true);
  view.setUint8(header.version.at, mdp.version);
  view.setUint8(header.type.at, type);
  view.setUint32(header.seq.at, seq, true);
  view.setUint32(header.ack.at, ack, true);
  view.setUint8(header.flags.at, flags);
  view.setUint8(header.src.at, src);
  view.setUint8(header.dst.at, dst);
  packet.set(body, mdp.headerBytes);
  return packet;
}

function frameOf(codec: GoldenCodec, packet: Uint8Array): Uint8Array {
  const crc = codec.crc16(packet);
  return concat(codec.encodeCobs(concat(packet, Uint8Array.of(crc & 0xff, crc >> 8))), bytesOf("00"));
}
