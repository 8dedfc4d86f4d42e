/**
 * C2SP tlog-tiles: the tree as files of up to 256 hashes, and the entries as bundles of up to 256 entries. A tree of
 * some size has exactly one set of them; those that are not full stand at its right edge.
 */
/** A tile spans 8 tree levels: 256 hashes become one hash of the next tile level. */
export const tileHeight = 8;
export const tileWidth = 256;

/** Hashes `256 index` to `256 index + width` of a tile level; of level 0 also the entries with those leaf indexes. */
export interface TileRange {
  readonly index: number;
  /** 1 to 256. */
  readonly width: number;
}

export interface TilePath extends TileRange {
  /** Tile level from 0, or the bundle of the entries themselves. */
  readonly level: number | "entries";
}

/** 32 × width bytes: the first `width` hashes of a tile. */
export type ReadTile = (level: number, index: number, width: number) => Promise<Uint8Array>;

const maxLevel = 63;

/** Hashes that a tree of `size` leaves has on a tile level. */
export function hashesOnLevel(size: number, level: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** Hashes in a tile of a tree of `size` leaves, 0 to 256. */
export function tileWidthAt(size: number, level: number, index: number): number {
  return Math.min(tileWidth, Math.max(0, hashesOnLevel(size, level) - index * tileWidth));
}

/** Every tile level that a tree of `size` leaves has a hash on. */
export function tileLevels(size: number): number[] {
  const levels: number[] = [];
  for (let level = 0; hashesOnLevel(size, level) > 0; level++) levels.push(level);
  return levels;
}

/** `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`, without a slash in front. */
export function formatTilePath({ level, index, width }: TilePath): string {
  const groups = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return `tile/${level}/${groups.join("/")}${width < tileWidth ? `.p/${width}` : ""}`;
}

/** Total. @returns undefined unless `path` is the one that `formatTilePath` writes for a tile with an exact index */
export function parseTilePath(path: string): TilePath | undefined {
  // Seven groups reach beyond every index of a tree whose size is below 2^53.
  const pattern = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,6}\d{3})(?:\.p\/(\d{1,3}))?$/;
  const [, level, groups, partial] = pattern.exec(path) ?? [];
  if (level === undefined || groups === undefined) return undefined;
  const parsed: TilePath = {
    level: level === "entries" ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, "")),
    width: partial === undefined ? tileWidth : Number(partial),
  };
  const isLegal = parsed.level === "entries" || parsed.level <= maxLevel;
  const isPartial = partial === undefined || (parsed.width >= 1 && parsed.width < tileWidth);
  return isLegal && isPartial && Number.isSafeInteger(parsed.index) && formatTilePath(parsed) === path
    ? parsed
    : undefined;
}

/** Where the root of a complete subtree is found: in the tree over the hashes of a tile. */
export interface TileNode {
  readonly level: number;
  /** Of the tile. */
  readonly index: number;
  /** Height above the tile's hashes, 0 to 7, and the place there from the left. */
  readonly row: number;
  readonly place: number;
}

/** @param index which of the subtrees of 2^height leaves, from the left */
export function tileOfSubtree(height: number, index: number): TileNode {
  const row = height % tileHeight;
  const perTile = tileWidth / 2 ** row;
  const place = index % perTile;
  return { level: Math.floor(height / tileHeight), index: (index - place) / perTile, row, place };
}
