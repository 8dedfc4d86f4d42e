/** Entry bundles of C2SP tlog-tiles, and what frames of the journal hold: each entry behind its length, u16be. */

/** Total. Visits the entries of a bundle. @returns how many there are, or -1 when the lengths do not add up */
export function forEachEntry(bundle: Uint8Array, visit: (entry: Uint8Array, index: number) => void): number {
  return forEachPlace(bundle, (start, end, index) => visit(bundle.subarray(start, end), index));
}

/** As `forEachEntry`, for who looks at few of them: an entry is bytes `start` to `end` of the bundle. */
export function forEachPlace(bundle: Uint8Array, visit: (start: number, end: number, index: number) => void): number {
  let index = 0;
  for (let at = 0; at < bundle.length; index++) {
    if (bundle.length - at < 2) return -1;
    const start = at + 2;
    at = start + ((bundle[at]! << 8) | bundle[at + 1]!);
    if (at > bundle.length) return -1;
    visit(start, at, index);
  }
  return index;
}
