/**
 * Is this one complete CBOR data item? RFC 8949 appendix C, without recursion: nesting costs one array element a level.
 * Everything well-formed passes, also what our profile does not read: floats, tags, indefinite lengths.
 */

/** An array, map, tag or indefinite-length string whose end has not come yet. */
interface Open {
  readonly major: number;
  /** Data items still to come; undefined where a break ends it. */
  left: number | undefined;
  /** Data items seen so far. */
  seen: number;
}

/** @returns what is wrong and where, or undefined for well-formed bytes */
export function wellFormednessFlaw(bytes: Uint8Array): string | undefined {
  const open: Open[] = [];
  let at = 0;
  do {
    if (at >= bytes.length) return `ends at byte ${at} inside a data item`;
    const start = at;
    const initial = bytes[at++]!;
    const major = initial >> 5;
    const info = initial & 0x1f;
    const parent = open.at(-1);

    if (initial === 0xff) {
      if (!parent || parent.left !== undefined) return `a break at byte ${start} that ends nothing`;
      if (parent.major === 5 && parent.seen % 2 === 1) return `a key without a value before byte ${start}`;
      open.pop();
    } else {
      if (info > 27 && info < 31) return `reserved additional information ${info} at byte ${start}`;
      const inString = parent && parent.left === undefined && (parent.major === 2 || parent.major === 3);
      if (inString && (major !== parent.major || info === 31)) return `byte ${start} is no chunk of its string`;
      if (parent) parent.seen++;
      if (info === 31) {
        if (major < 2 || major === 6) return `indefinite length at byte ${start} of an integer or tag`;
        open.push({ major, left: undefined, seen: 0 });
      } else {
        let argument = info;
        if (info >= 24) {
          const end = at + (1 << (info - 24));
          if (end > bytes.length) return `ends at byte ${bytes.length} inside a data item`;
          for (argument = 0; at < end; at++) argument = argument * 256 + bytes[at]!;
        }
        if (major === 7 && info === 24 && argument < 32) return `two-byte simple value ${argument} at byte ${start}`;
        // A data item takes at least a byte, so an impossible count is refused without a walk.
        const needed =
          major === 2 || major === 3 || major === 4 ? argument : major === 5 ? argument * 2 : major === 6 ? 1 : 0;
        if (needed > bytes.length - at) return `byte ${start} promises more than follows`;
        if (major === 2 || major === 3) at += argument;
        else if (needed > 0) open.push({ major, left: needed, seen: 0 });
      }
    }
    for (let top = open.at(-1); top?.left === top?.seen && top; top = open.at(-1)) open.pop();
  } while (open.length > 0);
  return at === bytes.length ? undefined : `${bytes.length - at} bytes follow the data item`;
}
