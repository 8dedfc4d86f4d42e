/** Golden vectors of sparse signing: one chain with its anchors, and chained messages that nobody may take for one. */
import { bytesOf, concat, type GoldenCodec, type GoldenValue, hexOf } from "./golden.ts";
import { base, changed, deviceSeed, type Fields, jsonOf, mapOf, seal } from "./golden-envelopes.ts";
import { chained, envelope, sensors, units } from "./spec.ts";

const { fields } = envelope;

/** Of each message: by how many of the chained ones before it it skips to each link; an anchor has a signature. */
const chain: readonly { readonly name: string; readonly links: readonly number[]; readonly anchor?: true }[] = [
  { name: "the first of a chain", links: [] },
  { name: "the second, with one link", links: [1] },
  { name: "two links", links: [1, 2] },
  { name: "three links, one of them far", links: [1, 2, 3] },
  { name: "an anchor", links: [1, 2], anchor: true },
  { name: "behind an anchor, with links to before it", links: [1, 2] },
  { name: "the first after a start without memory", links: [] },
  { name: "eight links, the most", links: [1, 2, 3, 4, 5, 6, 6, 6] },
  { name: "an anchor with one link", links: [1], anchor: true },
  { name: "an anchor without links, which is an envelope like any other", links: [], anchor: true },
];

export function goldenChained(codec: GoldenCodec) {
  const publicKey = hexOf(codec.publicKey(deviceSeed));
  const ids: Uint8Array[] = [];
  const accepted = chain.map(({ name, links: steps, anchor }, index) => {
    const links = steps.map((step) => ids.at(-step)!);
    const joined = concat(...links);
    const values: Fields = {
      ...base,
      seq: index + 1,
      monoMs: 60_000 * index,
      geo: index % 4 === 3 ? { latE7: 327_157_000, lonE7: -1_171_611_000, accM: 5 } : null,
      readings: [
        [sensors.temp.code, 217 + index, 1, units.C.code, 0],
        [sensors.battery_mv.code, 3_700 - index, 0, units.mV.code, 0],
      ],
    };
    const common = { name, ...jsonOf(values), links: links.map(hexOf) };
    if (anchor) {
      const map = mapOf(values).set(fields.metadata.key, new Map([[chained.anchorKey, joined]]));
      return { ...common, publicKey, seed: hexOf(deviceSeed), cbor: hexOf(seal(codec, codec.encodeCbor(map))) };
    }
    const cbor = codec.encodeCbor(chainedMap(values, joined));
    const id = codec.blake2b256(cbor).subarray(0, chained.linkBytes);
    ids.push(id);
    return { ...common, msgId: hexOf(id), cbor: hexOf(cbor) };
  });
  return { accepted, rejected: rejected(codec) };
}

function rejected(codec: GoldenCodec) {
  const links = new Uint8Array(2 * chained.linkBytes).fill(0xee);
  const good = codec.encodeCbor(chainedMap(base, links));
  const field = (key: number, value: GoldenValue | undefined): Uint8Array =>
    codec.encodeCbor(changed(chainedMap(base, links), key, value));
  const list: readonly (readonly [reject: string, name: string, cbor: Uint8Array])[] = [
    ["NOT_WELL_FORMED", "no bytes", new Uint8Array(0)],
    ["NOT_WELL_FORMED", "the last byte is missing", good.subarray(0, -1)],
    ["NOT_WELL_FORMED", "a byte follows", concat(good, bytesOf("00"))],
    ["NOT_DETERMINISTIC", "a map of indefinite length", concat(bytesOf("bf"), good.subarray(1), bytesOf("ff"))],
    ["SCHEMA_INVALID", "the version of an envelope", field(fields.version.key, envelope.version)],
    ["SCHEMA_INVALID", "version 78", field(fields.version.key, 78)],
    ["SCHEMA_INVALID", "no links", field(fields.msgId.key, undefined)],
    ["SCHEMA_INVALID", "links as text", field(fields.msgId.key, "0123456789abcdef")],
    ["SCHEMA_INVALID", "links of 15 bytes", field(fields.msgId.key, links.subarray(0, 15))],
    ["SCHEMA_INVALID", "links of 17 bytes", field(fields.msgId.key, links.subarray(0, 17))],
    ["SCHEMA_INVALID", "nine links", field(fields.msgId.key, new Uint8Array(9 * chained.linkBytes))],
    ["SCHEMA_INVALID", "an id with a space", field(fields.deviceId.key, "golden 01")],
    ["SCHEMA_INVALID", "a negative seq", field(fields.seq.key, -1)],
    ["SCHEMA_INVALID", "a hash", field(fields.hash.key, new Uint8Array(32))],
    ["SCHEMA_INVALID", "a sixth key in a reading", field(fields.readings.key, [new Map([[5, 0]])])],
    ["SCHEMA_INVALID", "a signed envelope", seal(codec, codec.encodeCbor(mapOf(base)))],
    ["SCHEMA_INVALID", "an array", codec.encodeCbor([1, 2, 3])],
    [
      "NOT_DETERMINISTIC",
      "longer than any",
      field(fields.metadata.key, new Map([["n", "x".repeat(chained.maxBytes)]])),
    ],
  ];
  return list.map(([reject, name, cbor]) => ({ name, reject, cbor: hexOf(cbor) }));
}

function chainedMap(values: Fields, links: Uint8Array): Map<number, GoldenValue> {
  return mapOf(values).set(fields.version.key, chained.version).set(fields.msgId.key, links);
}
