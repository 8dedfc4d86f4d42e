/**
 * A place in CBOR bytes that moves forward one data item head at a time and stops for good at the first thing that is
 * not in deterministic encoding. After a failure every further read fails too, so a reader may check once, at the end.
 */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class CborCursor {
  readonly bytes: Uint8Array;
  position: number;
  /** What stopped the reading, for people; undefined while nothing has. */
  flaw: string | undefined;
  /** Argument of the last head, high × 2^32 + low: an integer, a length, a count or a tag number. */
  high = 0;
  low = 0;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  fail(flaw: string): undefined {
    this.flaw ??= `${flaw} at byte ${this.position}`;
    this.position = this.bytes.length;
    return undefined;
  }

  /** Read the head of the next item. @returns its major type, or -1 unless it is there whole and in its shortest form */
  head(): number {
    const { bytes, position } = this;
    if (position >= bytes.length) return this.#failHead("input ends");
    const initial = bytes[position]!;
    const info = initial & 0x1f;
    this.high = 0;
    if (info < 24) {
      this.low = info;
      this.position = position + 1;
      return initial >> 5;
    }
    if (info > 27) return this.#failHead("indefinite or reserved length");
    const end = position + 1 + (1 << (info - 24));
    if (end > bytes.length) return this.#failHead("input ends inside a head");
    let shortest: boolean;
    if (info === 24) {
      this.low = bytes[position + 1]!;
      shortest = this.low >= 24;
    } else if (info === 25) {
      this.low = (bytes[position + 1]! << 8) | bytes[position + 2]!;
      shortest = this.low >= 0x100;
    } else if (info === 26) {
      this.low = this.#uint32(position + 1);
      shortest = this.low >= 0x1_0000;
    } else {
      this.high = this.#uint32(position + 1);
      this.low = this.#uint32(position + 5);
      shortest = this.high > 0;
    }
    if (!shortest) return this.#failHead("an argument longer than needed");
    this.position = end;
    return initial >> 5;
  }

  /** The argument of the last head; exact. */
  argument(): number | bigint {
    // 0x20_0000 × 2^32 = 2^53
    return this.high < 0x20_0000 ? this.high * 0x1_0000_0000 + this.low : (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  /** The argument of the last head as the integer that major type `negative` states: -1 - argument. */
  negative(): number | bigint {
    const argument = this.argument();
    return typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER ? -1 - argument : -1n - BigInt(argument);
  }

  /**
   * The argument of the last head as a count of items that take at least `bytesEach`: what follows must be able to hold
   * them, so nothing is allocated on the word of a head alone. @returns -1 if it cannot
   */
  count(bytesEach: number): number {
    const count = this.high * 0x1_0000_0000 + this.low;
    return count * bytesEach > this.bytes.length - this.position
      ? this.#failHead("promises more than follows,")
      : count;
  }

  /** The next `length` bytes, a view. */
  take(length: number): Uint8Array {
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /** The next `length` bytes as text; undefined if they are not UTF-8. */
  takeText(length: number): string | undefined {
    try {
      return utf8.decode(this.take(length));
    } catch {
      return this.fail("text that is not UTF-8");
    }
  }

  #uint32(at: number): number {
    const { bytes } = this;
    return bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
  }

  #failHead(flaw: string): -1 {
    this.fail(flaw);
    return -1;
  }
}
