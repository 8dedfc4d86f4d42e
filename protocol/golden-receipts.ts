/** Golden vectors of signed receipts. */
import { asciiBytes, bytesOf, concat, type GoldenCodec, type GoldenValue, hexOf } from "./golden.ts";
import { receipt } from "./spec.ts";

interface Fields {
  readonly device: string;
  readonly seq: number | bigint;
  readonly msgId: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly treeSize: number;
}

const { fields } = receipt;
const gatewaySeed = Uint8Array.from({ length: 32 }, (_, index) => 0xc0 + index);
const strangerSeed = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);

/** The message is the first of the golden envelopes. */
const base: Fields = {
  device: "golden-01",
  seq: 7,
  msgId: "101112131415161718191a1b1c1d1e1f",
  leafIndex: 41,
  leafHash: "20".repeat(32),
  treeSize: 48,
};
const largest = Number.MAX_SAFE_INTEGER;

const accepted: Readonly<Record<string, Partial<Fields>>> = {
  "a usual receipt": {},
  "the first leaf": { seq: 0, leafIndex: 0, treeSize: 1 },
  "an id of one character": { device: "d" },
  "an id of 23 characters, the longest in a one-byte head": { device: "a".repeat(23) },
  "an id of 24 characters": { device: "a".repeat(24) },
  "the largest numbers": { seq: 2n ** 64n - 1n, leafIndex: largest - 1, treeSize: largest },
  "the longest receipt": {
    device: "A-Z.a_z0".repeat(8),
    seq: 2n ** 64n - 1n,
    leafIndex: largest - 1,
    leafHash: "ff".repeat(32),
    treeSize: largest,
  },
  ...Object.fromEntries(
    [23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32].map((width) => [
      `seq and leaf index ${width}`,
      { seq: width, leafIndex: width, treeSize: width + 1 },
    ]),
  ),
};

export function goldenReceipts(codec: GoldenCodec) {
  const publicKey = hexOf(codec.publicKey(gatewaySeed));
  return {
    accepted: Object.entries(accepted).map(([name, changes]) => {
      const values = { ...base, ...changes };
      const bytes = hexOf(signed(codec, codec.encodeCbor(elements(values))));
      return { name, publicKey, seed: hexOf(gatewaySeed), ...values, seq: jsonOf(values.seq), receipt: bytes };
    }),
    rejected: rejected(codec).map(([reject, name, bytes]) => ({ name, reject, publicKey, receipt: hexOf(bytes) })),
  };
}

function rejected(codec: GoldenCodec): readonly (readonly [reject: string, name: string, bytes: Uint8Array])[] {
  const payload = codec.encodeCbor(elements(base));
  const good = signed(codec, payload);
  const malformed = (name: string, bytes: Uint8Array) => ["RECEIPT_MALFORMED", name, bytes] as const;
  const forged = (name: string, bytes: Uint8Array) => ["RECEIPT_SIGNATURE_INVALID", name, bytes] as const;
  /** Signed as it should be, so that nothing but the change is wrong. */
  const withPayload = (name: string, items: readonly GoldenValue[]) =>
    malformed(name, signed(codec, codec.encodeCbor(items)));
  const field = (name: string, key: keyof typeof fields, value: GoldenValue) =>
    withPayload(name, elements(base).with(fields[key].key, value));
  /** The payload with some of its hex digits replaced, signed over the result. */
  const edited = (name: string, from: string, to: string) => {
    const parts = hexOf(payload).split(from);
    if (parts.length !== 2) throw new Error(`${from} occurs ${parts.length - 1} times`);
    return malformed(name, signed(codec, bytesOf(parts.join(to))));
  };
  const replaced = (from: string, to: string): Uint8Array => bytesOf(hexOf(good).replace(from, to));
  const lastByte = good.length - 1;

  return [
    malformed("no bytes", new Uint8Array(0)),
    malformed("a refusal in JSON", asciiBytes('{"success":false,"message":"UNKNOWN_DEVICE"}')),
    malformed("the last byte is missing", good.subarray(0, -1)),
    malformed("a byte follows", concat(good, bytesOf("00"))),
    malformed("no tag", good.subarray(1)),
    malformed("tag 17", replaced("d28443", "d18443")),
    malformed("an array of five", concat(replaced("d28443", "d28543"), bytesOf("00"))),
    malformed("algorithm -8, which names no curve", replaced("43a10132a0", "43a10127a0")),
    malformed("a protected header with a second entry", replaced("43a10132a0", "46a2013204413101a0")),
    malformed("an unprotected header", replaced("43a10132a0", "43a10132a10400")),
    malformed("a payload whose length is in two bytes", replaced("a058", "a05900")),
    malformed("a signature of 63 bytes", concat(good.subarray(0, -66), bytesOf("583f"), good.subarray(-63))),
    malformed(
      "a signature of zeros, one byte longer",
      concat(good.subarray(0, -66), bytesOf("5841"), new Uint8Array(65)),
    ),
    field("the kind of a seal", "kind", 2),
    field("the kind as text", "kind", "4"),
    field("an empty id", "device", ""),
    field("an id with a space", "device", "golden 01"),
    field("an id of 65 characters", "device", "a".repeat(65)),
    field("an id as byte string", "device", asciiBytes("golden-01")),
    field("a negative seq", "seq", -1),
    field("seq as text", "seq", "7"),
    field("a message id of 15 bytes", "msgId", bytesOf(base.msgId).subarray(1)),
    field("a message id of 17 bytes", "msgId", bytesOf(`${base.msgId}00`)),
    field("a message id as text", "msgId", "0123456789abcdef"),
    field("a negative leaf index", "leafIndex", -1),
    field("a leaf index of 2^53", "leafIndex", 2n ** 53n),
    field("a leaf hash of 31 bytes", "leafHash", bytesOf(base.leafHash).subarray(1)),
    field("a leaf hash of 33 bytes", "leafHash", bytesOf(`${base.leafHash}00`)),
    field("a tree that ends before the leaf", "treeSize", base.leafIndex),
    field("a tree of 2^53 leaves", "treeSize", 2n ** 53n),
    field("a negative tree size", "treeSize", -1),
    withPayload("no tree size", elements(base).slice(0, -1)),
    withPayload("an eighth element", [...elements(base), 0]),
    malformed("a map as payload", signed(codec, codec.encodeCbor(new Map(elements(base).entries())))),
    malformed("an empty payload", signed(codec, new Uint8Array(0))),
    edited("an integer in two bytes that fits one", "3031075010", "303118075010"),
    edited("a text of indefinite length", "69676f6c64656e2d3031", "7f69676f6c64656e2d3031ff"),
    edited("an array of indefinite length", "870469", "9f0469"),
    malformed("a byte after the payload's array", signed(codec, concat(payload, bytesOf("00")))),
    forged("another leaf index than was signed", replaced("1829", "182a")),
    forged("another device than was signed", replaced("2d3031", "2d3032")),
    forged("another seq than was signed", replaced("3031075010", "3031085010")),
    forged("a changed signature", good.with(lastByte, good[lastByte]! ^ 1)),
    forged("a signature of zeros", concat(good.subarray(0, -64), new Uint8Array(64))),
    forged("the signature of another key", signed(codec, payload, strangerSeed)),
    forged("a signature of the payload alone", assemble(payload, codec.sign(payload, gatewaySeed))),
  ];
}

function elements({ device, seq, msgId, leafIndex, leafHash, treeSize }: Fields): GoldenValue[] {
  return [receipt.kind, device, seq, bytesOf(msgId), leafIndex, bytesOf(leafHash), treeSize];
}

function signed(codec: GoldenCodec, payload: Uint8Array, seed = gatewaySeed): Uint8Array {
  const structure = codec.encodeCbor(["Signature1", bytesOf("a10132"), new Uint8Array(0), payload]);
  return assemble(payload, codec.sign(structure, seed), codec.encodeCbor(payload));
}

/** @param wrapped the payload as a byte string; by default with the length in one byte */
function assemble(
  payload: Uint8Array,
  signature: Uint8Array,
  wrapped = concat(bytesOf("58"), Uint8Array.of(payload.length), payload),
): Uint8Array {
  return concat(bytesOf("d28443a10132a0"), wrapped, Uint8Array.from(receipt.signatureHead), signature);
}

/** Integers beyond 2^53 are decimal text. */
function jsonOf(value: number | bigint): number | string {
  return typeof value === "bigint" ? String(value) : value;
}
