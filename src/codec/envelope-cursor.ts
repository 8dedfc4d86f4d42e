/** The fields of an envelope, read one after the other. See envelope.ts. */
import { envelope as spec } from "../../protocol/spec.ts";
import type { Reading } from "../reading.ts";
import { deviceIdPattern } from "../registry/device.ts";
import { CborCursor } from "./cbor-cursor.ts";
import { readCborItem } from "./cbor-reader.ts";
import { type CborKey, type CborValue, cborMajor } from "./cbor-value.ts";

export interface Geo {
  readonly latE7: number;
  readonly lonE7: number;
  readonly accM: number | undefined;
}

export type EnvelopeMetadata = ReadonlyMap<CborKey, CborValue>;

const { fields, geo: geoFields, reading: readingFields } = spec;
const readingKeys = Object.keys(readingFields).length;
const isIdByte = Array.from({ length: 0x100 }, (_, byte) => deviceIdPattern.test(String.fromCharCode(byte)));

/** `deviceId` → 1, the map key on the wire. */
export const keyOf = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.key])) as {
  readonly [Name in keyof typeof fields]: (typeof fields)[Name]["key"];
};

/** Reads the fields of an envelope in the order of their keys, which deterministic encoding makes the order on the wire. */
export class EnvelopeCursor extends CborCursor {
  /** The head of a container. @returns 0 on failure */
  countOf(major: number, bytesEach: number, flaw: string): number {
    if (this.head() !== major) this.fail(flaw);
    return this.flaw === undefined ? Math.max(0, this.count(bytesEach)) : 0;
  }

  uint(key: number, max: number): number {
    this.#key(key);
    if (this.head() !== cborMajor.uint || this.high !== 0 || this.low > max) this.#unfit(key);
    return this.low;
  }

  uint64(key: number): number | bigint {
    this.#key(key);
    if (this.head() !== cborMajor.uint) this.#unfit(key);
    return this.argument();
  }

  int64(key: number): number | bigint {
    this.#key(key);
    const major = this.head();
    // Both -1 - n and n are in range of 64 bits with a sign up to n = 2^63 - 1.
    if ((major !== cborMajor.uint && major !== cborMajor.negative) || this.high >= 0x8000_0000) this.#unfit(key);
    return major === cborMajor.negative ? this.negative() : this.argument();
  }

  fixedBytes(key: number, length: number): Uint8Array {
    this.#key(key);
    if (this.head() !== cborMajor.bytes || this.count(1) !== length) this.#unfit(key);
    return this.take(length);
  }

  someBytes(key: number): Uint8Array {
    this.#key(key);
    if (this.head() !== cborMajor.bytes) this.#unfit(key);
    return this.flaw === undefined ? this.take(Math.max(0, this.count(1))) : this.take(0);
  }

  deviceId(key: number): string {
    this.#key(key);
    const end = this.#textLength(fields.deviceId.maxBytes) + this.position;
    let id = "";
    for (; this.position < end; this.position++) {
      const byte = this.bytes[this.position]!;
      if (!isIdByte[byte]) this.fail("a deviceId of other characters than A-Z a-z 0-9 . _ -");
      id += String.fromCharCode(byte);
    }
    return id;
  }

  geo(): Geo | undefined {
    if (!this.#optionalKey(keyOf.geo)) return undefined;
    const size = this.countOf(cborMajor.map, 2, "geo is no map");
    const latE7 = this.#degreesE7(geoFields.latE7.key, geoFields.latE7.max);
    const lonE7 = this.#degreesE7(geoFields.lonE7.key, geoFields.lonE7.max);
    const accM = size === 3 ? this.uint(geoFields.accM.key, geoFields.accM.max) : undefined;
    if (size !== 2 && size !== 3) this.fail("geo has other keys than 0, 1, 2");
    return { latE7, lonE7, accM };
  }

  readings(): Reading[] {
    this.#key(keyOf.readings);
    const count = this.countOf(cborMajor.array, 1, "readings are no array");
    if (count > fields.readings.max) this.fail(`more than ${fields.readings.max} readings`);
    const readings: Reading[] = [];
    for (let index = 0; index < count && this.flaw === undefined; index++) {
      const keys = this.countOf(cborMajor.map, 2, "a reading is no map");
      if (keys !== readingKeys) this.fail("a reading has other keys than 0 to 4");
      const sensor = this.#code(readingFields.sensor.key);
      const vi = this.int64(readingFields.vi.key);
      const vs = this.uint(readingFields.vs.key, readingFields.vs.max);
      const unit = this.#code(readingFields.unit.key);
      const quality = this.uint(readingFields.quality.key, readingFields.quality.max);
      readings.push({ sensor, vi, vs, unit, quality });
    }
    return readings;
  }

  metadata(): EnvelopeMetadata | undefined {
    if (!this.#optionalKey(keyOf.metadata)) return undefined;
    const value = readCborItem(this, { depth: spec.metadata.maxDepth, items: spec.metadata.maxItems });
    if (value instanceof Map) return value;
    this.fail("metadata is no map");
    return undefined;
  }

  #degreesE7(key: number, max: number): number {
    const value = this.int64(key);
    if (value > max || value < -max) this.fail("geo is not on the globe");
    return Number(value);
  }

  /** A number of a code table, or text. */
  #code(key: number): number | string {
    if (this.bytes[this.position + 1]! >> 5 === cborMajor.uint) return this.uint(key, readingFields.sensor.max);
    this.#key(key);
    const text = this.takeText(this.#textLength(readingFields.sensor.maxBytes)) ?? "";
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point; PostgreSQL's text holds no U+0000
    if (/[\u0000-\u001f\u007f]/.test(text)) this.fail("a sensor or unit with control characters");
    return text;
  }

  /** The head of a text that must not be empty. @returns 0 on failure */
  #textLength(maxBytes: number): number {
    const length = this.countOf(cborMajor.text, 1, "a value that should be text");
    if (length === 0 || length > maxBytes) this.fail(`text that is empty or longer than ${maxBytes} bytes`);
    return this.flaw === undefined ? length : 0;
  }

  #key(key: number): void {
    if (this.bytes[this.position] === key) this.position++;
    else this.fail(`key ${key} is missing`);
  }

  #optionalKey(key: number): boolean {
    if (this.bytes[this.position] !== key) return false;
    this.position++;
    return true;
  }

  #unfit(key: number): void {
    this.fail(`the value of key ${key} has another type or is out of range`);
  }
}
