import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatTilePath, parseTilePath, tileLevels, tileWidthAt } from "../../../src/ledger/tiles.ts";

describe("the tiles of a tree", () => {
  test("of 70 000 leaves are those of the specification's example", () => {
    const size = 70_000;
    expect(tileLevels(size)).toEqual([0, 1, 2]);
    expect([272, 273, 274].map((index) => tileWidthAt(size, 0, index))).toEqual([256, 112, 0]);
    expect([0, 1, 2].map((index) => tileWidthAt(size, 1, index))).toEqual([256, 17, 0]);
    expect([0, 1].map((index) => tileWidthAt(size, 2, index))).toEqual([1, 0]);
  });

  test("of 256 leaves are a full one and one of a single hash above it", () => {
    expect(tileLevels(256).map((level) => tileWidthAt(256, level, 0))).toEqual([256, 1]);
    expect(tileLevels(0)).toEqual([]);
  });
});

describe("paths", () => {
  test.each([
    [{ level: 0, index: 0, width: 256 }, "tile/0/000"],
    [{ level: 0, index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"],
    [{ level: 63, index: 1_000, width: 17 }, "tile/63/x001/000.p/17"],
    [{ level: "entries", index: 273, width: 112 }, "tile/entries/273.p/112"],
  ] as const)("%j is %s", (tile, path) => {
    expect(formatTilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  test.each([
    ["a level above 63", "tile/64/000"],
    ["a level with a leading zero", "tile/00/000"],
    ["groups of zeros in front", "tile/0/x000/001"],
    ["a short group", "tile/0/01"],
    ["a group in front without its x", "tile/0/001/234"],
    ["an x on the last group", "tile/0/x001"],
    ["a width of 256", "tile/0/000.p/256"],
    ["a width of 0", "tile/0/000.p/0"],
    ["a width with a leading zero", "tile/0/000.p/017"],
    ["a slash at the end", "tile/0/000/"],
    ["an index from 2^53 on", "tile/0/x009/x007/x199/x254/x740/992"],
    ["eight groups", "tile/0/x001/x001/x001/x001/x001/x001/x001/001"],
    ["a path out of the directory", "tile/0/../../checkpoint"],
    ["an encoded digit", "tile/0/%3000"],
    ["another level word", "tile/entry/000"],
    ["a newline", "tile/0/000\n"],
    ["nothing", ""],
  ])("%s is no tile", (_name, path) => expect(parseTilePath(path)).toBeUndefined());

  test("every tile has one path", () => {
    const level = fc.oneof(fc.nat(63), fc.constant("entries" as const));
    fc.assert(
      fc.property(level, fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
        expect(parseTilePath(formatTilePath({ level, index, width }))).toEqual({ level, index, width });
      }),
    );
  });

  test("whatever is taken is written the same way", () => {
    const pieces = fc.constantFrom(
      "tile/",
      "entries/",
      "x001/",
      "000",
      "1",
      "0/",
      ".p/",
      "255",
      "x",
      "/",
      "63/",
      "%00",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 12 }).map((parts) => `tile/${parts.join("")}`),
    );
    fc.assert(
      fc.property(text, (path) => {
        const tile = parseTilePath(path);
        if (tile !== undefined) expect(formatTilePath(tile)).toBe(path);
      }),
      { numRuns: 2_000 },
    );
  });
});
