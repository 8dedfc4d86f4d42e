/** The verifier runs in a browser: nothing that it imports, however far away, may need Node. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";
import * as portable from "../../../src/ledger/hash.ts";
import * as fast from "../../../src/ledger/merkle.ts";

/** The file and all that it imports, types aside. */
function closure(file: string, seen = new Map<string, string>()): Map<string, string> {
  if (seen.has(file)) return seen;
  const text = readFileSync(file, "utf8").replaceAll(/^import type [^;]+;/gm, "");
  seen.set(file, text);
  for (const [, path] of text.matchAll(/\b(?:from|import) "(\.[^"]+)"/g)) closure(join(dirname(file), path!), seen);
  return seen;
}

test("the verifier and all that it imports take nothing from Node, and use nothing that only Node has", () => {
  const files = closure(join(projectRoot, "src", "ledger", "verifier.ts"));
  expect(files.size).toBeGreaterThan(20);
  for (const [file, text] of files) {
    const outside = [...text.matchAll(/\bfrom "([^."][^"]*)"/g)].map(([, name]) => name!);
    expect(
      outside.filter((name) => !name.startsWith("@noble/")),
      file,
    ).toEqual([]);
    // device-key.ts has a Buffer in a function of the enrolment, which no verifier calls.
    if (!file.endsWith("device-key.ts"))
      expect(text, file).not.toMatch(/\b(Buffer|process|globalThis|fetch|WebSocket)\b[.(]/);
  }
});

test("portable hashes are those of the gateway", () => {
  const bytes = fc.uint8Array({ maxLength: 500 });
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, hash, hash, (entry, left, right) => {
      expect(Buffer.from(portable.sha256(entry))).toEqual(fast.sha256(entry));
      expect(Buffer.from(portable.leafHash(entry))).toEqual(fast.leafHash(entry));
      expect(Buffer.from(portable.nodeHash(left, right))).toEqual(fast.nodeHash(left, right));
    }),
  );
});
