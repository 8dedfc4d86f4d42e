/**
 * Rows for `COPY … FROM STDIN (FORMAT binary)`, written into one buffer that is used again for every batch. It is already
 * cut into the protocol's CopyData messages, so that it goes to the socket as it is.
 * PostgreSQL manual: "COPY", Binary Format; "Frontend/Backend Protocol", CopyData.
 */

/** `PGCOPY\n\377\r\n\0`, flags, length of the header extension. */
const copyHeader = Buffer.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const copyDataTag = 0x64;
const messageHeaderBytes = 5;
/** The server takes in one message at a time; these stay in its processor's cache. */
const messageBytes = 64 * 1024;

/** 2000-01-01, from which PostgreSQL counts, as microseconds since 1970. */
const postgresEpochUs = 946_684_800_000_000;
const twoTo32 = 0x1_0000_0000;
/** What lifts the last group of decimal places to a whole base-10000 digit. */
const groupShift = [1, 10, 100, 1000] as const;
/** Well within what numeric holds, and far beyond what any decoder lets through. */
const maxNumericDigits = 1000;
const numericLimit = 10n ** BigInt(maxNumericDigits);

export const typeOid = { int2: 21, int4: 23, numeric: 1700 } as const;

/** Whether `numericField` takes vi × 10^(−vs). */
export function fitsNumeric(vi: number | bigint, vs: number): boolean {
  if (!(Number.isInteger(vs) && vs >= 0 && vs <= maxNumericDigits)) return false;
  return typeof vi === "number" ? Number.isInteger(vi) : vi < numericLimit && vi > -numericLimit;
}

export class CopyBuffer {
  #bytes = Buffer.allocUnsafeSlow(1024 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #position = 0;
  #messageStart = 0;
  readonly #digits = new Uint16Array(maxNumericDigits / 4 + 2);

  /** Begin a batch; what was in the buffer is gone. */
  start(): void {
    this.#position = 0;
    this.#openMessage();
    this.#bytes.set(copyHeader, this.#position);
    this.#position += copyHeader.length;
  }

  /** End the batch. @returns messages for the socket, valid until the next `start` */
  finish(): Buffer {
    this.reserve(2);
    this.int16(-1);
    this.#closeMessage();
    return this.#bytes.subarray(0, this.#position);
  }

  /** Bytes written since `start`. */
  get size(): number {
    return this.#position;
  }

  /** Begin a row of `fields` fields that takes at most `bytes` beside its numerics. */
  row(fields: number, bytes: number): void {
    this.reserve(bytes + 2 + messageHeaderBytes);
    if (this.#position - this.#messageStart > messageBytes) {
      this.#closeMessage();
      this.#openMessage();
    }
    this.int16(fields);
  }

  reserve(bytes: number): void {
    if (this.#position + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#position + bytes));
    this.#bytes.copy(larger, 0, 0, this.#position);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  nullField(): void {
    this.int32(-1);
  }

  int16Field(value: number): void {
    this.int32(2);
    this.int16(value);
  }

  int32Field(value: number): void {
    this.int32(4);
    this.int32(value);
  }

  /** @param value a whole number, exact as a double */
  int64Field(value: number): void {
    this.int32(8);
    const high = Math.floor(value / twoTo32);
    this.int32(high);
    this.int32(value - high * twoTo32);
  }

  booleanField(value: boolean): void {
    this.int32(1);
    this.#bytes[this.#position++] = value ? 1 : 0;
  }

  timestampField(microsecondsSince1970: number): void {
    this.int64Field(microsecondsSince1970 - postgresEpochUs);
  }

  bytesField(bytes: Uint8Array): void {
    this.int32(bytes.length);
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  /** Takes up to 3 bytes per UTF-16 unit. U+0000, which PostgreSQL's text cannot hold, becomes U+FFFD. */
  textField(text: string): void {
    const start = this.#position;
    let position = start + 4;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === 0 || unit > 0x7f) {
        position = start + 4 + this.#bytes.write(text.replaceAll("\0", "\ufffd"), start + 4, "utf8");
        break;
      }
      this.#bytes[position++] = unit;
    }
    this.int32(position - start - 4);
    this.#position = position;
  }

  /** Begin an array; `count` elements follow, each written as a field. @returns where `closeArray` finds it */
  openArray(elementType: number, count: number): number {
    const start = this.#position;
    this.int32(0);
    this.int32(count === 0 ? 0 : 1);
    this.int32(0);
    this.int32(elementType);
    if (count > 0) {
      this.int32(count);
      this.int32(1);
    }
    return start;
  }

  closeArray(start: number): void {
    this.#view.setInt32(start, this.#position - start - 4);
  }

  /** vi × 10^(−vs), with exactly vs decimal places. Reserves its own space. Only for what `fitsNumeric`. */
  numericField(vi: number | bigint, vs: number): void {
    // Base-10000 digits, aligned at the decimal point.
    const fractionGroups = (vs + 3) >> 2;
    const shift = groupShift[fractionGroups * 4 - vs]!;
    const negative = vi < 0;
    const shifted = Math.abs(Number(vi)) * shift;
    const groups =
      shifted <= Number.MAX_SAFE_INTEGER
        ? this.#splitNumber(shifted)
        : this.#splitBigint((negative ? -BigInt(vi) : BigInt(vi)) * BigInt(shift));

    const digits = this.#digits;
    let trailingZeros = 0;
    while (trailingZeros < groups && digits[trailingZeros] === 0) trailingZeros++;
    const count = groups - trailingZeros;
    this.reserve(12 + 2 * count);
    this.int32(8 + 2 * count);
    this.int16(count);
    this.int16(count === 0 ? 0 : groups - fractionGroups - 1);
    this.int16(negative ? 0x4000 : 0);
    this.int16(vs);
    for (let i = groups - 1; i >= trailingZeros; i--) this.int16(digits[i]!);
  }

  /** Digits into the scratch array, lowest first. @returns how many */
  #splitNumber(value: number): number {
    const digits = this.#digits;
    let groups = 0;
    let rest = value;
    while (rest > 0) {
      const quotient = Math.floor(rest / 10_000);
      digits[groups++] = rest - quotient * 10_000;
      rest = quotient;
    }
    return groups;
  }

  #splitBigint(value: bigint): number {
    const text = value.toString();
    const digits = this.#digits;
    let groups = 0;
    for (let end = text.length; end > 0; end -= 4) digits[groups++] = Number(text.slice(Math.max(0, end - 4), end));
    return groups;
  }

  int16(value: number): void {
    this.#view.setInt16(this.#position, value);
    this.#position += 2;
  }

  int32(value: number): void {
    this.#view.setInt32(this.#position, value);
    this.#position += 4;
  }

  #openMessage(): void {
    this.#messageStart = this.#position;
    this.#bytes[this.#position] = copyDataTag;
    this.#position += messageHeaderBytes;
  }

  #closeMessage(): void {
    // The length counts itself, not the tag.
    this.#view.setInt32(this.#messageStart + 1, this.#position - this.#messageStart - 1);
  }
}
