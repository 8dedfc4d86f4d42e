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
    const entries = Array.from(map, ([key, value]) => ({ key: encodeCbor(key), value }));
    for (const { key, value } of entries.sort((a, b) => compareBytes(a.key, b.key))) {
      this.#raw(key);
      this.value(value);
    }
  }

  #head(major: number, argument: number | bigint): void {
    if (argument >= 2n ** 64n) throw new RangeError(`${argument} needs more than 64 bits`);
    const size = argument < 24 ? 0 : argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
    this.#reserve(9);
    this.#buffer[this.#length++] = (major << 5) | (size === 0 ? Number(argument) : 24 + Math.log2(size));
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) {
      // Beyond 32 bits only bigints shift exactly.
      this.#buffer[this.#length++] =
        size === 8 ? Number((BigInt(argument) >> BigInt(shift)) & 0xffn) : Number(argument) >>> shift;
    }
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
