import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chained as spec } from "../../../protocol/spec.ts";
import { decodeCbor } from "../../../src/codec/cbor.ts";
import {
  anchorLinks,
  anchorMetadata,
  chainedId,
  encodeChained,
  looksChained,
  parseChained,
} from "../../../src/codec/chained.ts";
import { checkEnvelope, parseEnvelope } from "../../../src/codec/envelope.ts";
import { decodePayload } from "../../../src/dialects/index.ts";
import { blake2b256, signedEnvelope, sodiumCrypto, testDevice } from "../../support/envelopes.ts";
import { ownVectors } from "../../support/shared-vectors.ts";
import { SparseChain } from "../../support/sparse-chain.ts";

interface Vector {
  readonly name: string;
  readonly deviceId: string;
  readonly msgId: string;
  readonly proto: number;
  readonly epochMs: number;
  readonly seq: number;
  readonly monoMs: number;
  readonly geo: { latE7: number; lonE7: number; accM: number } | null;
  readonly readings: readonly (readonly [number, number, number, number, number])[];
  readonly links: readonly string[];
  readonly publicKey?: string;
  readonly cbor: string;
}

const golden: { accepted: Vector[]; rejected: { name: string; reject: string; cbor: string }[] } =
  ownVectors("golden-chained.json");
const chained = golden.accepted.filter(({ publicKey }) => publicKey === undefined);
const anchors = golden.accepted.filter(({ publicKey }) => publicKey !== undefined);
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const device = testDevice("hilltop");

describe("golden vectors", () => {
  test.each(chained)("$name is read, and written to the same bytes", (vector) => {
    const bytes = hex(vector.cbor);
    const parsed = parseChained(bytes);
    if (!parsed.ok) throw new Error(parsed.detail);
    const { links, readings, geo, ...rest } = parsed.value;
    const { deviceId, proto, epochMs, seq, monoMs } = vector;
    expect(rest).toEqual({ deviceId, proto, epochMs, seq, monoMs, metadata: undefined });
    expect(geo ?? null).toEqual(vector.geo);
    expect(links.map(hexOf)).toEqual(vector.links);
    expect(readings.map(({ sensor, vi, vs, unit, quality }) => [sensor, vi, vs, unit, quality])).toEqual(
      vector.readings,
    );
    expect(hexOf(chainedId(blake2b256(bytes)))).toBe(vector.msgId);
    expect(hexOf(encodeChained(parsed.value, links))).toBe(vector.cbor);
    expect(decodePayload("envelope-chained", bytes)).toMatchObject({ ok: true, value: { msgId: vector.msgId, seq } });
    expect(looksChained(bytes)).toBe(true);
  });

  test.each(anchors)("$name is a signed envelope with these links", ({ cbor, publicKey, links }) => {
    const parsed = parseEnvelope(hex(cbor));
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(checkEnvelope(parsed.value, sodiumCrypto(hex(publicKey!))).ok).toBe(true);
    expect(anchorLinks(parsed.value.metadata).map(hexOf)).toEqual(links);
    expect(looksChained(hex(cbor))).toBe(false);
  });

  test.each(golden.rejected)("$name is refused as $reject", ({ cbor, reject }) => {
    expect(parseChained(hex(cbor))).toMatchObject({ ok: false, reject });
  });
});

test("no bytes are both a chained message and an envelope", () => {
  const chain = new SparseChain(device, 8, 2);
  const messages = Array.from({ length: 18 }, () => chain.next());
  expect(messages.filter(({ isAnchor }) => isAnchor)).toHaveLength(2);
  for (const { bytes, isAnchor } of messages) {
    expect(parseChained(bytes).ok).toBe(!isAnchor);
    expect(parseEnvelope(bytes).ok).toBe(isAnchor);
  }
  // An anchor without its signature is no chained message: nobody can pass off half a message for a whole one.
  const unsigned = parseEnvelope(messages[8]!.bytes);
  expect(unsigned.ok && parseChained(unsigned.value.unsigned).ok).toBe(false);
});

test("any bytes give a message or the reason that the CBOR reader has", () => {
  const whole = new SparseChain(device, 2, 3);
  const seeds = Array.from({ length: 4 }, () => whole.next().bytes);
  const arbChanged = fc
    .tuple(fc.constantFrom(...seeds), fc.nat({ max: 400 }), fc.nat({ max: 255 }), fc.nat({ max: 400 }))
    .map(([bytes, at, value, cut]) => {
      const changed = bytes.slice();
      changed[at % changed.length] = value;
      return changed.subarray(0, cut === 0 ? changed.length : cut);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), arbChanged), (bytes) => {
      const parsed = parseChained(bytes);
      const decoded = decodeCbor(bytes);
      if (!decoded.ok) expect(parsed).toMatchObject({ ok: false, reject: decoded.reject });
      else if (!parsed.ok) expect(parsed.reject).toBe("SCHEMA_INVALID");
      else expect(hexOf(encodeChained(parsed.value, parsed.value.links))).toBe(hexOf(bytes));
    }),
  );
});

test.each([
  ["a number", 5],
  ["text", "0123456789abcdef"],
  ["no whole links", new Uint8Array(17)],
  ["more links than may be", new Uint8Array(9 * spec.linkBytes)],
])("metadata whose key 77 is %s are metadata, and prove nothing", (_, value) => {
  const parsed = parseEnvelope(signedEnvelope(device, { metadata: new Map([[spec.anchorKey, value]]) }));
  expect(parsed.ok && anchorLinks(parsed.value.metadata)).toEqual([]);
});

test("an anchor keeps its other metadata", () => {
  const link = new Uint8Array(16).fill(7);
  const metadata = anchorMetadata([link], new Map([["fw", "1.2"]]));
  const parsed = parseEnvelope(signedEnvelope(device, { metadata }));
  if (!parsed.ok) throw new Error(parsed.detail);
  expect(parsed.value.metadata?.get("fw")).toBe("1.2");
  expect(anchorLinks(parsed.value.metadata).map(hexOf)).toEqual([hexOf(link)]);
});
