import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { BoundedLog } from "../../../gateway/store/bounded-log.ts";

const folder = mkdtempSync(join(tmpdir(), "mycogate-log-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a log that is full starts again beside the last full one", () => {
  const file = join(folder, "full.log");
  const log = new BoundedLog(file, 100);
  for (let line = 0; line < 50; line++) log.write(Buffer.from(`line ${line}\n`));
  expect(statSync(file).size + statSync(`${file}.1`).size).toBeLessThanOrEqual(200);
  const joined = readFileSync(`${file}.1`, "utf8") + readFileSync(file, "utf8");
  expect(joined.trim().split("\n").at(-1)).toBe("line 49");
  expect(log.tail).toMatch(/^line 0\n.*line 49$/s);
});

test("what an earlier start wrote is kept and counted", () => {
  const file = join(folder, "kept.log");
  const first = new BoundedLog(file, 100);
  first.write(Buffer.from("earlier\n"));
  const second = new BoundedLog(file, 100);
  second.write(Buffer.from("later\n"));
  expect(readFileSync(file, "utf8")).toBe("earlier\nlater\n");
});

test("a place that cannot be written costs the log, not the process", () => {
  const log = new BoundedLog("/nonexistent/folder/postgres.log");
  log.write(Buffer.from("said\n"));
  expect(log.tail).toBe("said");
});
