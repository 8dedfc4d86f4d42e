/** The C library under the strictest settings of each compiler, and from C++. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { buildFolder, compile, filesIn, librarySources, shimRoot, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const folder = buildFolder();
const headers = filesIn("include", ".h").filter((name) => !name.includes("adapters"));
const absolute = (file: string): string => join(shimRoot, file);

/** One source file for each header that includes nothing else. */
const standalone = headers.map((header, at) => {
  const file = join(folder, `header${at}.c`);
  writeFileSync(file, `#include "${absolute(header)}"\ntypedef int used;\n`);
  return file;
});

describe.each(["gcc", "clang"] as const)("%s", (compiler) => {
  needs(compiler)("compiles without a warning", () => {
    test("every source", () => {
      compile(compiler, [...strictFlags, "-O2", "-c", ...librarySources.map(absolute)], folder);
    });

    test("every header on its own", () => {
      compile(compiler, [...strictFlags, "-fsyntax-only", ...standalone]);
    });
  });
});

needs("clang")("for a processor whose int has 16 bits", () => {
  test("it does not compile, and says why", () => {
    const args = ["--target=msp430", "-std=c99", "-ffreestanding", "-fsyntax-only", ...standalone];
    expect(() => compile("clang", args)).toThrow("is for processors whose int has 32 bits");
  });
});

const cxxFlags = strictFlags.map((flag) => flag.replace("c99", "c++11"));

needs("g++")("C++", () => {
  test("includes every header", () => {
    compile("g++", [...cxxFlags, "-fsyntax-only", "-x", "c++", ...standalone]);
  });
});

needs(
  "g++",
  "sodium.h",
  "mbedtls/sha256.h",
)("C++, in one file,", () => {
  test("includes every adapter", () => {
    const file = join(folder, "adapters.cc");
    const adapters = filesIn("include/myco/adapters", ".h").map((name) => `#include "${absolute(name)}"\n`);
    writeFileSync(file, `#define MYCO_PSA_HAS_ED25519 1\n${adapters.join("")}`);
    const standIns = ["esp", "monocypher"].flatMap((name) => [
      "-isystem",
      fileURLToPath(new URL(`stand-ins/${name}`, import.meta.url)),
    ]);
    compile("g++", [...cxxFlags, ...standIns, "-fsyntax-only", file]);
  });
});

describe("house rules of the sources", () => {
  test("only freestanding headers are included", () => {
    expect(offending(/#include <(?!limits\.h|stddef\.h|stdint\.h)/)).toEqual([]);
  });

  test("nothing is allocated, printed, or kept in a variable of its own", () => {
    expect(offending(/\b(malloc|calloc|realloc|alloca|printf|free)\s*\(|^static (?!inline|const\b|.*\()/)).toEqual([]);
  });
});

function offending(pattern: RegExp): string[] {
  return [...librarySources, ...headers, "src/internal.h"].flatMap((file) =>
    readFileSync(absolute(file), "utf8")
      .split("\n")
      .flatMap((line, at) => (pattern.test(line) ? [`${file}:${at + 1}: ${line}`] : [])),
  );
}
