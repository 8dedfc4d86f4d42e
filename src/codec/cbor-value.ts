/** What our CBOR can say. */

/** Integers are numbers where a number is exact (|n| < 2^53), bigints beyond, from -2^64 to 2^64 - 1. */
export type CborValue =
  | number
  | bigint
  | string
  | Uint8Array
  | boolean
  | null
  | CborTag
  | readonly CborValue[]
  | ReadonlyMap<CborKey, CborValue>;

export type CborKey = number | string;

export class CborTag {
  readonly tag: number;
  readonly value: CborValue;

  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

export const cborMajor = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;

/** The bytewise lexicographic order of encoded map keys; a prefix comes first. RFC 8949 §4.2.1 */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let at = 0; at < common; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
