/**
 * The examples whose SDK cannot be installed here, against declarations of what they use of it: that their C is C, and that
 * they use this library as it is. Not that they link, and not that they run; that is shown by examples/posix and
 * examples/cortex-m-mps2 in test/e2e.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compile, shimRoot, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const standIns = ["esp", "monocypher"].flatMap((name) => [
  "-isystem",
  fileURLToPath(new URL(`stand-ins/${name}`, import.meta.url)),
]);
const flags = [...standIns, "-Iinclude", "-fsyntax-only"];

describe.each([
  ["gcc", "g++"],
  ["clang", "clang++"],
] as const)("%s", (cc, cxx) => {
  needs(
    cc,
    "g++",
    "sodium.h",
  )("the examples for the ESP32", () => {
    test("the ESP-IDF project is C99 without a warning", () => {
      compile(cc, [...strictFlags, ...flags, "-include", "sdkconfig.h", "examples/esp-idf/main/main.c"]);
    });

    test("the Arduino sketch is C++ without a warning", () => {
      const sketch = ["-x", "c++", "-include", "Arduino.h", "examples/Bme688Mqtt/Bme688Mqtt.ino"];
      const cxxFlags = strictFlags.map((flag) => flag.replace("c99", "c++17"));
      compile(cxx, [...cxxFlags, ...flags, ...sketch]);
    });
  });
});

describe("the examples", () => {
  const examples = readdirSync(join(shimRoot, "examples"));

  test.each(examples)("%s says what it is and how it is tested", (name) => {
    expect(readFileSync(join(shimRoot, "examples", name, "README.md"), "utf8")).toMatch(
      /npm test -- |test\/firmware\//,
    );
  });
});
