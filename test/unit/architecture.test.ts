/** The floor plan as a test: which folder may import which, and what the core may take from outside. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  src: ["protocol"],
  gateway: ["src", "protocol"],
  simulators: ["src", "protocol"],
};

/** Pure packages: to compute, to describe shapes, and to read what people write. Folders that are not listed take what they need. */
const mayTake: Readonly<Record<string, RegExp>> = {
  protocol: /^$/,
  src: /^(node:crypto|@noble\/(curves|hashes|post-quantum)\/.*|typebox(\/(schema|system))?|yaml)$/,
};

const root = fileURLToPath(new URL("../..", import.meta.url));
const importPattern = /\b(?:from|import)\s*\(?\s*"([^"]+)"/g;

interface Import {
  readonly file: string;
  readonly from: string;
}

function importsIn(folder: string): Import[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => {
      const file = join(folder, name);
      return [...readFileSync(join(root, file), "utf8").matchAll(importPattern)].map(([, from]) => ({
        file,
        from: from!,
      }));
    });
}

test.each(Object.entries(mayImport))("%s/ imports only from %j", (folder, allowed) => {
  const offences = importsIn(folder)
    .filter(({ from }) => from.startsWith("."))
    .map(({ file, from }) => ({ file, target: relative(root, join(root, dirname(file), from)).split("/")[0]! }))
    .filter(({ target }) => target !== folder && !allowed.includes(target))
    .map(({ file, target }) => `${file} → ${target}`);
  expect(offences).toEqual([]);
});

test.each(Object.entries(mayTake))("%s/ takes from outside only what matches %s", (folder, allowed) => {
  const offences = importsIn(folder)
    .filter(({ from }) => !from.startsWith(".") && !allowed.test(from))
    .map(({ file, from }) => `${file} → ${from}`);
  expect(offences).toEqual([]);
});

test("the core reads no clock and no randomness", () => {
  const offences = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .filter((name) =>
      /\b(Date\.now|new Date\(\)|performance\.|Math\.random|randomBytes|randomUUID|process\.|setTimeout|setInterval)/.test(
        readFileSync(join(root, "src", name), "utf8"),
      ),
    );
  expect(offences).toEqual([]);
});
