/** Decoding of deterministic CBOR into values, within limits. See cbor.ts. */
import { accept, type Result, refuse } from "../result.ts";
import { CborCursor } from "./cbor-cursor.ts";
import { type CborKey, CborTag, type CborValue, cborMajor, compareBytes } from "./cbor-value.ts";
import { wellFormednessFlaw } from "./cbor-well-formed.ts";

export interface CborLimits {
  /** Longest input. */
  readonly bytes?: number;
  /** Arrays, maps and tags inside one another. */
  readonly depth?: number;
  /** Data items in total, map keys and containers included. */
  readonly items?: number;
  /** Tag numbers that may occur. */
  readonly tags?: readonly number[];
}

/** 65 535 bytes are the longest ledger entry, see src/ledger/types.ts; each data item takes at least one. */
const defaultLimits = { bytes: 65_535, depth: 16, items: 65_535, tags: [] } as const;

export type CborReject = "NOT_WELL_FORMED" | "NOT_DETERMINISTIC";

/**
 * Strict inverse of `encodeCbor`: `encodeCbor(decodeCbor(b).value)` equals `b`. The whole input must be one data item.
 * Byte strings are views into `bytes`.
 * @returns NOT_WELL_FORMED for what is no complete data item; NOT_DETERMINISTIC for well-formed bytes outside of the
 * profile: another encoding of the same value, duplicate keys, invalid UTF-8, floats, tags, or beyond a limit
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = {}): Result<CborValue, CborReject> {
  const maxBytes = limits.bytes ?? defaultLimits.bytes;
  if (bytes.length > maxBytes) return refuse("NOT_DETERMINISTIC", `${bytes.length} bytes, more than ${maxBytes}`);
  const cursor = new CborCursor(bytes);
  const value = readCborItem(cursor, limits);
  if (value !== undefined && cursor.position === bytes.length) return accept(value);
  const flaw = wellFormednessFlaw(bytes);
  return flaw === undefined ? refuse("NOT_DETERMINISTIC", cursor.flaw!) : refuse("NOT_WELL_FORMED", flaw);
}

/** One data item from the cursor's place on. @returns undefined when it is outside of the profile; `cursor.flaw` says why */
export function readCborItem(cursor: CborCursor, limits: Omit<CborLimits, "bytes">): CborValue | undefined {
  return new ItemReader(cursor, limits).read(0);
}

class ItemReader {
  readonly #cursor: CborCursor;
  readonly #maxDepth: number;
  readonly #tags: readonly number[];
  #itemsLeft: number;

  constructor(cursor: CborCursor, limits: CborLimits) {
    this.#cursor = cursor;
    this.#maxDepth = limits.depth ?? defaultLimits.depth;
    this.#itemsLeft = limits.items ?? defaultLimits.items;
    this.#tags = limits.tags ?? defaultLimits.tags;
  }

  read(depth: number): CborValue | undefined {
    const cursor = this.#cursor;
    if (this.#itemsLeft-- <= 0) return cursor.fail("too many data items");
    const major = cursor.head();
    switch (major) {
      case cborMajor.uint:
        return cursor.argument();
      case cborMajor.negative:
        return cursor.negative();
      case cborMajor.bytes:
      case cborMajor.text: {
        const length = cursor.count(1);
        if (length < 0) return undefined;
        return major === cborMajor.bytes ? cursor.take(length) : cursor.takeText(length);
      }
      case cborMajor.simple:
        return this.#simple();
      case -1:
        return undefined;
    }
    if (depth >= this.#maxDepth) return cursor.fail(`nested deeper than ${this.#maxDepth}`);
    if (major === cborMajor.array) return this.#array(depth + 1);
    if (major === cborMajor.map) return this.#map(depth + 1);
    return this.#tagged(depth + 1);
  }

  #simple(): CborValue | undefined {
    const { low } = this.#cursor;
    return low === 20
      ? false
      : low === 21
        ? true
        : low === 22
          ? null
          : this.#cursor.fail("a float or simple value before");
  }

  #array(depth: number): CborValue[] | undefined {
    const count = this.#cursor.count(1);
    const items: CborValue[] = [];
    for (let index = 0; index < count; index++) {
      const item = this.read(depth);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return count < 0 ? undefined : items;
  }

  #map(depth: number): Map<CborKey, CborValue> | undefined {
    const cursor = this.#cursor;
    const count = cursor.count(2);
    const map = new Map<CborKey, CborValue>();
    let previous: Uint8Array | undefined;
    for (let index = 0; index < count; index++) {
      const start = cursor.position;
      const key = this.read(depth);
      if (key === undefined) return undefined;
      if (typeof key !== "number" && typeof key !== "string")
        return cursor.fail("a key that is no small integer and no text before");
      const encoded = cursor.bytes.subarray(start, cursor.position);
      if (previous && compareBytes(previous, encoded) >= 0) return cursor.fail("a key out of order or twice before");
      previous = encoded;
      const value = this.read(depth);
      if (value === undefined) return undefined;
      map.set(key, value);
    }
    return count < 0 ? undefined : map;
  }

  #tagged(depth: number): CborTag | undefined {
    const tag = this.#cursor.high * 0x1_0000_0000 + this.#cursor.low;
    if (!this.#tags.includes(tag)) return this.#cursor.fail(`tag ${tag} before`);
    const content = this.read(depth);
    return content === undefined ? undefined : new CborTag(tag, content);
  }
}
