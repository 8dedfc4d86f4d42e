import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BoundedLog } from "../../../gateway/store/bounded-log.ts";

function logFile(): string {
  return join(mkdtempSync(join(tmpdir(), "mycogate-log-")), "postgres.log");
}

test("a log that is full starts again beside the last full one", () => {
  const file = logFile();
  const log = new BoundedLog(file, 100);
  for (let line = 0; line < 50; line++) log.write(Buffer.from(`line ${line}\n`));
  expect(statSync(file).size + statSync(`${file}.1`).size).toBeLessThanOrEqual(200);
  const joined = readFileSync(`${file}.1`, "utf8") + readFileSync(file, "utf8");
  expect(joined.trim().split("\n").at(-1)).toBe("line 49");
  expect(log.tail).toMatch(/^line 0\n.*line 49$/s);
});

test("what an earlier start wrote is kept and counted", () => {
  const file = logFile();
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
