import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const scratchDirs: string[] = [];
afterAll(() => {
  for (const dir of scratchDirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A folder that PostgreSQL's user can reach even when the tests are run by root; gone when the tests are over. */
export function scratchDir(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `mycogate-${name}-`));
  chmodSync(dir, 0o755);
  scratchDirs.push(dir);
  return dir;
}
