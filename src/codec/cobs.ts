/** Consistent Overhead Byte Stuffing, without the delimiter. wire-facts §1.2 */

/**
 * Encode as every encoder of the field does: a block closes as soon as it holds 254 bytes and a new one opens, so data
 * that ends there gets one 0x01 more than the shortest form.
 */
export function encodeCobs(data: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(data.length + Math.floor(data.length / 254) + 1);
  let codeAt = 0;
  let at = 1;
  for (const byte of data) {
    if (byte !== 0) encoded[at++] = byte;
    if (byte === 0 || at - codeAt === 0xff) {
      encoded[codeAt] = at - codeAt;
      codeAt = at++;
    }
  }
  encoded[codeAt] = at - codeAt;
  return encoded.subarray(0, at);
}

/**
 * Takes both forms, with and without the extra 0x01 after a full last block.
 * @returns undefined for a zero byte anywhere, and for a last block shorter than its code promises
 */
export function decodeCobs(encoded: Uint8Array): Uint8Array | undefined {
  if (encoded.length === 0) return undefined;
  const data = new Uint8Array(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length; ) {
    const code = encoded[at]!;
    const end = at + code;
    if (code === 0 || end > encoded.length) return undefined;
    for (at++; at < end; at++) {
      if (encoded[at] === 0) return undefined;
      data[length++] = encoded[at]!;
    }
    // The zero that a block stands for; the last one and full ones stand for none.
    if (code < 0xff && at < encoded.length) length++;
  }
  return data.subarray(0, length);
}
