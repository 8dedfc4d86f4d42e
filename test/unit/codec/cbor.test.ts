import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CborKey, CborTag, type CborValue, decodeCbor, encodeCbor } from "../../../src/codec/cbor.ts";
import { needsVectors } from "../../support/needs.ts";
import { sharedVectors } from "../../support/shared-vectors.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const verdict = (text: string): string => {
  const decoded = decodeCbor(hex(text));
  return decoded.ok ? "accepted" : decoded.reject;
};

const arbInteger: fc.Arbitrary<number | bigint> = fc
  .oneof(
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
    fc.integer({ min: -70_000, max: 70_000 }),
  )
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) || 0 : value));
const arbText = fc.string({ unit: "grapheme", maxLength: 40 });
const { value: arbValue } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    arbInteger,
    arbText,
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 30 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(
            fc.maxSafeInteger().map((key) => key || 0),
            arbText,
          ) as fc.Arbitrary<CborKey>,
          tie("value"),
        ),
      )
      .map((entries) => new Map(entries)),
  ),
}));

describe("deterministic CBOR", () => {
  test("every value comes back from its encoding", () => {
    fc.assert(
      fc.property(arbValue, (value) => {
        const decoded = decodeCbor(encodeCbor(value));
        // Maps come back in the order of their encoded keys; equality of maps does not look at order.
        expect(decoded).toEqual({ ok: true, value });
      }),
    );
  });

  test("any bytes give a value whose encoding they are, or a typed refusal", () => {
    const arbBytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.tuple(arbValue, fc.nat(), fc.nat({ max: 255 })).map(([value, at, byte]) => {
        const bytes = encodeCbor(value);
        return bytes.with(at % bytes.length, byte);
      }),
    );
    fc.assert(
      fc.property(arbBytes, (bytes) => {
        const decoded = decodeCbor(bytes);
        if (decoded.ok) expect(encodeCbor(decoded.value)).toEqual(bytes);
        else expect(["NOT_WELL_FORMED", "NOT_DETERMINISTIC"]).toContain(decoded.reject);
      }),
      { numRuns: 2000 },
    );
  });

  test("map keys are ordered by their encoding, not by their value", () => {
    const map = new Map<CborKey, CborValue>([
      ["a", 1],
      [-1, 2],
      [100, 3],
      ["aa", 4],
      [10, 5],
      ["b", 6],
    ]);
    // The order given in RFC 8949 §4.2.1: 10, 100, -1, "a"-like texts by length first.
    expect(Buffer.from(encodeCbor(map)).toString("hex")).toBe("a60a05186403200261610161620662616104");
  });

  test.each([
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65_535, "19ffff"],
    [65_536, "1a00010000"],
    [2 ** 32 - 1, "1affffffff"],
    [2 ** 32, "1b0000000100000000"],
    [Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
    [2n ** 53n, "1b0020000000000000"],
    [2n ** 64n - 1n, "1bffffffffffffffff"],
    [-1, "20"],
    [-24, "37"],
    [-25, "3818"],
    [Number.MIN_SAFE_INTEGER, "3b001ffffffffffffe"],
    [-(2n ** 53n), "3b001fffffffffffff"],
    [-(2n ** 64n), "3bffffffffffffffff"],
  ])("the integer %s is %s and exact", (value, encoded) => {
    expect(Buffer.from(encodeCbor(value)).toString("hex")).toBe(encoded);
    expect(decodeCbor(hex(encoded))).toEqual({ ok: true, value });
  });

  test.each([
    ["no bytes", ""],
    ["a head without its argument", "1a 00 00"],
    ["a string shorter than its head says", "43 00 00"],
    ["an array that ends early", "82 01"],
    ["a map without its last value", "a2 01 02 03"],
    ["an array of 2^32 - 1 items in six bytes", "9a ff ff ff ff 00"],
    ["an array of 2^64 - 1 items", "9b ff ff ff ff ff ff ff ff"],
    ["a map of 2^63 entries", "bb 80 00 00 00 00 00 00 00 00"],
    ["a byte after the item", "01 01"],
    ["reserved additional information 28", "1c"],
    ["reserved additional information 30 in a map", "be"],
    ["a break alone", "ff"],
    ["a break in a definite array", "81 ff"],
    ["a break in place of a value", "bf 01 ff"],
    ["an integer of indefinite length", "1f"],
    ["a tag of indefinite length", "df 00"],
    ["a tag without content", "c1"],
    ["a two-byte simple value below 32", "f8 1f"],
    ["a text chunk in a byte string", "5f 61 61 ff"],
    ["an indefinite chunk in an indefinite string", "5f 5f 41 00 ff ff"],
    ["a flaw behind something only not deterministic", "82 18 01 1c"],
    ["ten thousand arrays that never end", "81".repeat(10_000)],
  ])("%s is not well-formed", (_, bytes) => expect(verdict(bytes)).toBe("NOT_WELL_FORMED"));

  test.each([
    ["an integer in two bytes that fits one", "18 17"],
    ["an integer in three bytes that fits two", "19 00 ff"],
    ["an integer in five bytes that fits three", "1a 00 00 ff ff"],
    ["an integer in nine bytes that fits five", "1b 00 00 00 00 ff ff ff ff"],
    ["a length in two bytes that fits one", "58 01 00"],
    ["an array of indefinite length", "9f 01 ff"],
    ["a map of indefinite length", "bf 01 02 ff"],
    ["a byte string in chunks", "5f 41 00 41 01 ff"],
    ["keys out of order", "a2 02 00 01 00"],
    ["a key twice", "a2 01 00 01 00"],
    ["text keys ordered by their letters and not by their length", "a2 62 61 61 00 61 62 00"],
    ["an array as key", "a1 80 00"],
    ["a key beyond 2^53", "a1 1b 00 20 00 00 00 00 00 00 00"],
    ["a half float", "f9 3c 00"],
    ["a double that is a whole number", "fb 3f f0 00 00 00 00 00 00"],
    ["undefined", "f7"],
    ["an unassigned simple value", "e0"],
    ["a two-byte simple value", "f8 ff"],
    ["a tag", "c1 00"],
    ["a bignum", "c2 41 01"],
    ["text that is not UTF-8", "61 ff"],
    ["text with an encoded surrogate", "63 ed a0 80"],
    ["17 levels of arrays", `${"81".repeat(17)}00`],
  ])("%s is well-formed but not deterministic", (_, bytes) => expect(verdict(bytes)).toBe("NOT_DETERMINISTIC"));

  test("a text keeps a byte order mark", () => {
    expect(decodeCbor(hex("63 ef bb bf"))).toEqual({ ok: true, value: "\ufeff" });
  });

  test("limits hold before anything is built", () => {
    const list = encodeCbor(Array.from({ length: 10 }, () => 0));
    expect(decodeCbor(list, { items: 11 }).ok).toBe(true);
    expect(decodeCbor(list, { items: 10 })).toMatchObject({
      reject: "NOT_DETERMINISTIC",
      detail: expect.stringContaining("items"),
    });
    expect(decodeCbor(list, { bytes: 10 })).toMatchObject({
      reject: "NOT_DETERMINISTIC",
      detail: expect.stringContaining("11 bytes"),
    });
    expect(decodeCbor(hex("81 81 00"), { depth: 2 }).ok).toBe(true);
    expect(decodeCbor(hex("81 81 00"), { depth: 1 })).toMatchObject({ reject: "NOT_DETERMINISTIC" });
  });

  test("a tag is read where it is asked for", () => {
    const tagged = encodeCbor(new CborTag(18, [1]));
    expect(decodeCbor(tagged)).toMatchObject({ reject: "NOT_DETERMINISTIC" });
    expect(decodeCbor(tagged, { tags: [18] })).toEqual({ ok: true, value: new CborTag(18, [1]) });
  });

  test.each([[0.5], [Number.NaN], [2 ** 53], [2n ** 64n], [-(2n ** 64n) - 1n]])("%s has no encoding", (value) => {
    expect(() => encodeCbor(value)).toThrow(RangeError);
  });

  test("a text with a lone surrogate has no encoding", () => {
    expect(() => encodeCbor("\ud800")).toThrow(TypeError);
  });
});

const rfcFile = "rfc8949-appendix-a.json";
needsVectors(rfcFile)(`RFC 8949 appendix A (${rfcFile})`, () => {
  const vectors = sharedVectors<{ hex: string; roundtrip: boolean; decoded?: unknown }[]>(rfcFile);

  /** Tags, floats, undefined and simple values; the file's `roundtrip` is false for what is not in its shortest form. */
  const inProfile = (encoded: string, roundtrip: boolean): boolean => roundtrip && !/^(?:[cd]|f[0789ab])/.test(encoded);

  test.each(vectors)("$hex", ({ hex: encoded, decoded: expected, roundtrip }) => {
    const decoded = decodeCbor(hex(encoded));
    expect(decoded.ok).toBe(inProfile(encoded, roundtrip));
    if (!decoded.ok) {
      // Left over from RFC 7049: RFC 8949 §3.3 says that a two-byte simple value below 32 is not well-formed.
      expect(decoded.reject).toBe(encoded === "f818" ? "NOT_WELL_FORMED" : "NOT_DETERMINISTIC");
      return;
    }
    expect(Buffer.from(encodeCbor(decoded.value)).toString("hex")).toBe(encoded);
    if (expected !== undefined) expect(plain(decoded.value)).toEqual(expected);
  });
});

/** As the JSON of the vectors has it: maps as objects, integers rounded to doubles. */
function plain(value: CborValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]));
  return value;
}
