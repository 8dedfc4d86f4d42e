/** Compiles the C library and its test programs, and talks with them: a line in, a line out. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

export const shimRoot = fileURLToPath(new URL("../../firmware-shim/", import.meta.url));
export const strictFlags = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror".split(
  " ",
);
export const sanitizers = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

export const librarySources = filesIn("src", ".c");

/** Paths of files of the library, from the project's root folder of it. */
export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(shimRoot, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

/** A folder for what this suite builds, removed behind it. */
export function buildFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mycogate-firmware-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Run a compiler in firmware-shim/, or in `cwd`. @throws Error with what it said, warnings included */
export function compile(compiler: string, args: readonly string[], cwd = shimRoot): void {
  const run = spawnSync(compiler, args, { cwd, encoding: "utf8" });
  if (run.status !== 0 || run.stderr !== "") throw new Error(`${compiler} ${args.join(" ")}\n${run.stderr}`);
}

/** firmware-shim/test/NAME.c with the library, under ASan and UBSan. @returns the program's path */
export function buildProgram(folder: string, name: string, extra: readonly string[] = [], compiler = "gcc"): string {
  const program = join(folder, name);
  compile(compiler, [...strictFlags, ...sanitizers, ...librarySources, `test/${name}.c`, ...extra, "-o", program]);
  return program;
}

/** @returns one answer for each line @throws Error when a sanitizer found something */
export function answers(program: string, lines: readonly string[]): string[] {
  const run = spawnSync(program, {
    env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0" }, // The library allocates nothing; the test programs forget on purpose.
    input: lines.map((line) => `${line}\n`).join(""),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (run.status !== 0) throw new Error(`${program} ended with ${run.status ?? run.signal}\n${run.stderr}`);
  const answered = run.stdout.split("\n").slice(0, -1);
  if (answered.length !== lines.length) throw new Error(`${lines.length} lines got ${answered.length} answers`);
  return answered;
}
