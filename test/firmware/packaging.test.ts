/** The device library as the tools of firmware authors take it: what describes it agrees, and what they would do with it builds. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { projectRoot } from "../../gateway/project-root.ts";
import { buildFolder, compile, filesIn, shimRoot, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const read = (path: string): string => readFileSync(join(shimRoot, path), "utf8");
const project = JSON.parse(readFileSync(`${projectRoot}package.json`, "utf8"));
const arduino = Object.fromEntries(
  read("library.properties")
    .trim()
    .split("\n")
    .map((line) => line.split(/=(.*)/s, 2)),
);
const folder = buildFolder();

/** What a program of a firmware author does with it. */
const program = `
#include <myco/myco.h>
int main(void) {
  size_t needed = 0;
  myco_envelope said = {0};
  said.device_id = "d";
  said.device_id_len = 1;
  said.msg_id = (const uint8_t *)"sixteen bytes id";
  return myco_envelope_build(&said, NULL, NULL, 0, &needed) == MYCO_OK && needed > 0u ? 0 : 1;
}
`;

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}\n${done.stdout}${done.stderr}`);
}

describe("what describes the library", () => {
  test("says one version", () => {
    expect({
      arduino: arduino.version,
      platformio: JSON.parse(read("library.json")).version,
      espIdf: parse(read("idf_component.yml")).version,
      cmake: /project\(mycogate VERSION (\S+)/.exec(read("CMakeLists.txt"))?.[1],
      header: /MYCO_LIBRARY_VERSION "(.*)"/.exec(read("include/myco/version.h"))?.[1],
    }).toEqual({
      arduino: project.version,
      platformio: project.version,
      espIdf: project.version,
      cmake: project.version,
      header: project.version,
    });
  });

  test("says one licence", () => {
    expect([JSON.parse(read("library.json")).license, parse(read("idf_component.yml")).license]).toEqual([
      project.license,
      project.license,
    ]);
  });

  test("has what Arduino asks for", () => {
    for (const field of ["name", "author", "maintainer", "sentence", "paragraph", "category", "architectures"]) {
      expect(arduino[field], field).toMatch(/\S/);
    }
  });

  test("leads Zephyr to the same files from the project's root and from the library's", () => {
    const { build: inside } = parse(read("zephyr/module.yml"));
    const { build: outside } = parse(readFileSync(`${projectRoot}zephyr/module.yml`, "utf8"));
    expect({ cmake: `firmware-shim/${inside.cmake}`, kconfig: `firmware-shim/${inside.kconfig}` }).toEqual(outside);
    expect(read(join(inside.cmake, "CMakeLists.txt"))).toContain("CONFIG_MYCOGATE");
    expect(read(inside.kconfig)).toContain("config MYCOGATE");
  });
});

describe("Arduino, which looks only into src/", () => {
  const doors = [
    ["src/myco/myco.h", "../../include/myco/myco.h"],
    ["src/myco_envelope.h", "../include/myco/compat/myco_envelope.h"],
    ...filesIn("include/myco/adapters", ".h").map((header) => [
      header.replace("include/", "src/"),
      `../../../${header}`,
    ]),
  ];

  test("finds every header that a sketch includes", () => {
    const own = ["src/internal.h", "src/envelope_fields.h", "src/record.h"];
    const found = [...filesIn("src", ".h")].filter((header) => !own.includes(header));
    expect(found).toEqual(doors.map(([header]) => header!).sort());
    for (const [header, to] of doors) expect(read(header!)).toMatch(new RegExp(`^#include "${to}"`, "m"));
  });

  needs("gcc", "g++")("a sketch", () => {
    test("builds with the library's folder alone, compiled as Arduino does", () => {
      const library = join(folder, "libraries", "Mycogate");
      mkdirSync(library, { recursive: true });
      cpSync(shimRoot, library, { recursive: true });
      const sketch = join(folder, "sketch.cpp");
      writeFileSync(sketch, program);
      const sources = readdirSync(join(library, "src"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".c"))
        .map((name) => join(library, "src", name));
      const include = ["-I", join(library, "src")];
      const object = join(folder, "library.o");
      const cpp = strictFlags.map((flag) => flag.replace("c99", "c++11"));
      compile("gcc", [...strictFlags, ...include, "-r", "-nostdlib", ...sources, "-o", object]);
      compile("g++", [
        ...cpp,
        "-Wno-missing-field-initializers",
        ...include,
        sketch,
        object,
        "-o",
        join(folder, "sketch"),
      ]);
      run(join(folder, "sketch"), []);
    });
  });
});

needs("cmake", "gcc")("CMake", () => {
  const configured = (name: string, lines: readonly string[]): string => {
    const source = join(folder, name);
    mkdirSync(source);
    const head = ["cmake_minimum_required(VERSION 3.16)", "project(consumer C)"];
    const link = ["add_executable(program main.c)", "target_link_libraries(program mycogate)", ""];
    writeFileSync(join(source, "CMakeLists.txt"), [...head, ...lines, ...link].join("\n"));
    writeFileSync(join(source, "main.c"), program);
    run("cmake", ["-S", source, "-B", join(source, "build"), "-DCMAKE_C_COMPILER_WORKS=1"]);
    return join(source, "build");
  };
  const works = (build: string): void => {
    run("cmake", ["--build", build]);
    run(join(build, "program"), []);
  };

  test("adds the project, and with it the library's folder, to a program", () => {
    works(configured("plain", [`add_subdirectory("${projectRoot}" mycogate)`]));
  }, 180_000);

  // Of the two systems only the functions that the library calls, doing what their documentation says.
  test("makes a component of ESP-IDF", () => {
    const system = `
function(idf_component_register)
  cmake_parse_arguments(IDF "" "" "SRC_DIRS;INCLUDE_DIRS" \${ARGN})
  file(GLOB sources "${shimRoot}\${IDF_SRC_DIRS}/*.c")
  add_library(mycogate STATIC \${sources})
  target_include_directories(mycogate PUBLIC "${shimRoot}\${IDF_INCLUDE_DIRS}")
endfunction()
set(ESP_PLATFORM 1)`;
    works(configured("esp-idf", [system, `include("${shimRoot}CMakeLists.txt")`]));
  }, 180_000);

  test("makes a library of Zephyr, where it is chosen", () => {
    const system = `
macro(zephyr_include_directories)
  include_directories(\${ARGN})
endmacro()
macro(zephyr_library)
  add_library(mycogate STATIC)
endmacro()
macro(zephyr_library_sources)
  target_sources(mycogate PRIVATE \${ARGN})
endmacro()
set(CONFIG_MYCOGATE y)`;
    works(configured("zephyr", [system, `include("${shimRoot}zephyr/CMakeLists.txt")`]));
  }, 180_000);
});
