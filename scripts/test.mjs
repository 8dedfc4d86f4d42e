/**
 * `npm test`: install and build what is missing, then everything a change has to pass. With arguments
 * (`npm test -- test/unit/codec`) only those suites. What was skipped is said by name at the end.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root, say, script } from "./bootstrap.mjs";

const modules = join(root, "node_modules");
const checks = {
  "format and lint": [join(modules, "@biomejs", "biome", "bin", "biome"), "check", "."],
  "types of the tests": [join(modules, "typescript", "bin", "tsc"), "-p", "test"],
  "generated files": [join(root, "scripts", "generate.mjs"), "--check"],
  "dead code": [join(modules, "knip", "bin", "knip.js")],
};

await script(() => {
  ensureInstalled();
  ensureBuilt();
  const suites = process.argv.slice(2);
  const scratch = mkdtempSync(join(tmpdir(), "mycogate-test-"));
  const skippedFile = join(scratch, "skipped");
  try {
    const failed = suites.length > 0 ? [] : Object.keys(checks).filter((name) => !passes(name, checks[name]));
    const vitest = [join(modules, "vitest", "vitest.mjs"), "run", ...suites];
    if (!passes("suites", vitest, { SKIPPED_SUITES_FILE: skippedFile })) failed.push("suites");
    for (const line of skippedSuites(skippedFile)) say(`skipped: ${line}`);
    for (const name of failed) say(`FAILED: ${name}`);
    return failed.length === 0 ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

function passes(name, args, env = {}) {
  say(name);
  return (
    spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } }).status === 0
  );
}

/** One line for each suite, written by test/support/needs.ts. */
function skippedSuites(file) {
  return existsSync(file) ? [...new Set(readFileSync(file, "utf8").trim().split("\n"))] : [];
}
