/** A reader of an exported log that shares no code with what wrote it: only the specification. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** MTH of RFC 6962 §2.1. */
function root(hashes: readonly Buffer[]): Buffer {
  if (hashes.length <= 1) return hashes[0] ?? sha256();
  let left = 1;
  while (left * 2 < hashes.length) left *= 2;
  return sha256(Uint8Array.of(1), root(hashes.slice(0, left)), root(hashes.slice(left)));
}

/**
 * Entries and root of the directory, with every level recomputed from the one below.
 * @throws Error naming the first file that is missing or says something else
 */
export function readTileDirectory(dir: string): { origin: string; size: number; root: string; entries: Buffer[] } {
  const [origin, sizeText, rootText] = readFileSync(join(dir, "checkpoint"), "utf8").split("\n") as [
    string,
    string,
    string,
  ];
  const size = Number(sizeText);
  const entries = files(dir, "entries", size).flatMap(({ bytes, width, path }) => {
    const found: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt16BE(at);
      found.push(bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    if (found.length !== width) throw new Error(`${path} has ${found.length} entries`);
    return found;
  });
  const leafHashes = entries.map((entry) => sha256(Uint8Array.of(0), entry));
  let expected: Buffer[] = leafHashes;
  for (let level = 0; expected.length > 0; level++) {
    for (const { bytes, path, index, width } of files(dir, String(level), expected.length)) {
      const own = Buffer.concat(expected.slice(index * 256, index * 256 + width));
      if (!bytes.equals(own)) throw new Error(`${path} has other hashes than the level below`);
    }
    const full = Math.floor(expected.length / 256);
    expected = Array.from({ length: full }, (_, index) => root(expected.slice(index * 256, (index + 1) * 256)));
  }
  const computed = root(leafHashes).toString("base64");
  if (computed !== rootText) throw new Error(`the root is ${computed}, the checkpoint says ${rootText}`);
  return { origin, size, root: computed, entries };
}

function files(dir: string, level: string, count: number) {
  return Array.from({ length: Math.ceil(count / 256) }, (_, index) => {
    const width = Math.min(256, count - index * 256);
    const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
    const groups = digits.match(/.{3}/g)!.map((group, at, all) => (at < all.length - 1 ? `x${group}` : group));
    const path = `tile/${level}/${groups.join("/")}${width < 256 ? `.p/${width}` : ""}`;
    return { bytes: readFileSync(join(dir, path)), path, index, width };
  });
}
