/** Deterministic encoding of values. See cbor.ts. */
import { type CborKey, CborTag, type CborValue, cborMajor, compareBytes } from "./cbor-value.ts";

/**
 * The one deterministic encoding of `value`.
 * @throws RangeError for an integer outside of -2^64 … 2^64 - 1 or a number that is no exact integer, TypeError for
 * text that has no UTF-8
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new CborWriter();
  writer.value(value);
  return writer.bytes();
}

const utf8 = new TextEncoder();

class CborWriter {
  #buffer = new Uint8Array(256);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  value(value: CborValue): void {
    if (typeof value === "number" || typeof value === "bigint") this.#integer(value);
    else if (typeof value === "string") this.#text(value);
    else if (typeof value === "boolean") this.#head(cborMajor.simple, value ? 21 : 20);
    else if (value === null) this.#head(cborMajor.simple, 22);
    else if (value instanceof Uint8Array) this.#string(cborMajor.bytes, value);
    else if (value instanceof CborTag) {
      this.#head(cborMajor.tag, value.tag);
      this.value(value.value);
    } else if (isMap(value)) this.#map(value);
    else {
      this.#head(cborMajor.array, value.length);
      for (const item of value) this.value(item);
    }
  }

  #integer(value: number | bigint): void {
    if (typeof value === "number" && !Number.isSafeInteger(value))
      throw new RangeError(`${value} is not an exact integer`);
    if (value >= 0) this.#head(cborMajor.uint, value);
    else this.#head(cborMajor.negative, typeof value === "bigint" ? -1n - value : -1 - value);
  }

  #text(text: string): void {
    if (/\p{Surrogate}/u.test(text)) throw new TypeError("text with a lone surrogate has no UTF-8");
    this.#string(cborMajor.text, utf8.encode(text));
  }

  #string(major: number, bytes: Uint8Array): void {
    this.#head(major, bytes.length);
    this.#raw(bytes);
  }

  #map(map: ReadonlyMap<CborKey, CborValue>): void {
    this.#head(cborMajor.map, map.size);
    for (const key of [...map.keys()].sort(compareKeys)) {
      this.value(key);
      this.value(map.get(key)!);
    }
  }

  #head(major: number, argument: number | bigint): void {
    this.#reserve(9);
    const size = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
    this.#bigEndian((major << 5) | (size === 0 ? Number(argument) : 24 + Math.log2(size)), 1);
    if (size < 8) this.#bigEndian(Number(argument), size);
    else {
      const isNumber = typeof argument === "number";
      const high = isNumber ? Math.floor(argument / 0x1_0000_0000) : Number(argument >> 32n);
      if (high > 0xffff_ffff) throw new RangeError(`${argument} needs more than 64 bits`);
      this.#bigEndian(high, 4);
      this.#bigEndian(isNumber ? argument % 0x1_0000_0000 : Number(argument & 0xffff_ffffn), 4);
    }
  }

  #bigEndian(value: number, size: number): void {
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) this.#buffer[this.#length++] = value >>> shift;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + size));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

function isMap(
  value: readonly CborValue[] | ReadonlyMap<CborKey, CborValue>,
): value is ReadonlyMap<CborKey, CborValue> {
  return value instanceof Map;
}

/** The order of the keys' encodings: integers from 0 up, then from -1 down, then texts, the shorter in UTF-8 first. */
function compareKeys(a: CborKey, b: CborKey): number {
  if (typeof a === "string" && typeof b === "string") {
    const [aBytes, bBytes] = [utf8.encode(a), utf8.encode(b)];
    return aBytes.length - bBytes.length || compareBytes(aBytes, bBytes);
  }
  if (typeof a === "string" || typeof b === "string") return typeof a === "string" ? 1 : -1;
  if (a < 0 !== b < 0) return a < 0 ? 1 : -1;
  return a < 0 ? b - a : a - b;
}
