import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { heapGrowing } from "../../../gateway/run.ts";

test("this Node knows the flag that bounds the heap", () => {
  const known = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
  expect(known).toContain(`  ${heapGrowing.split("=")[0]} `);
});
