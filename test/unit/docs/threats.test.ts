/** docs/guides/threats.md names a test for every attack: each of them exists under that name. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";

const page = readFileSync(join(projectRoot, "docs/guides/threats.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| Attack"))
  .map((line) => line.split(" | "));
const named = rows.flatMap((cells) =>
  cells
    .at(-1)!
    .replace(/ \|$/, "")
    .split(/; (?=`test\/)/)
    .map((reference) => ({ attack: cells[0]!.slice(2), reference })),
);

/** Titles of tests and of groups of tests. */
function titlesIn(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), "utf8");
  return [...text.matchAll(/\b(?:test|describe)(?:\.each\([\s\S]*?\))?\(\s*["`]([^"`]+)["`]/g)].map(
    ([, title]) => title!,
  );
}

test("every row says who notices, when, what is seen, and by which test", () => {
  expect(rows.length).toBeGreaterThanOrEqual(16);
  for (const cells of rows) expect(cells, cells[0]).toHaveLength(5);
});

describe("each test exists", () => {
  test.each(named)("$attack: $reference", ({ reference }) => {
    const [, file = "", title = ""] = /^`(test\/[^`]+\.test\.ts)`: (.+)$/.exec(reference) ?? [];
    expect(existsSync(join(projectRoot, file)), reference).toBe(true);
    expect(titlesIn(file)).toContain(title);
  });
});
