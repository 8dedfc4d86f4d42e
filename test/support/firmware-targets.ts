/**
 * The processors that the device library is compiled for, and what it takes there. Sizes are of the object files, before a
 * linker leaves anything out; what a compiler's own run-time library adds for 64-bit arithmetic is not the library's.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compile, filesIn, librarySources, shimRoot, strictFlags } from "./firmware.ts";
import type { Tool } from "./needs.ts";

export interface Target {
  readonly name: string;
  readonly compiler: Extract<Tool, `${string}-gcc`>;
  readonly flags: readonly string[];
}

const arm = (cpu: string, ...more: readonly string[]): Pick<Target, "compiler" | "flags"> => ({
  compiler: "arm-none-eabi-gcc",
  flags: [`-mcpu=${cpu}`, "-mthumb", ...more],
});

export const targets: readonly Target[] = [
  { name: "Cortex-M0+", ...arm("cortex-m0plus") },
  { name: "Cortex-M3", ...arm("cortex-m3") },
  { name: "Cortex-M4F", ...arm("cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard") },
  { name: "RISC-V rv32imc", compiler: "riscv64-unknown-elf-gcc", flags: ["-march=rv32imc", "-mabi=ilp32"] },
  { name: "Xtensa LX106", compiler: "xtensa-lx106-elf-gcc", flags: ["-mlongcalls", "-mtext-section-literals"] },
];

export const targetFlags = [...strictFlags, "-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections"];

/** What is in which file; a build takes only what it calls. */
export const parts = {
  "envelope and MDP": ["cbor_reader", "cbor_writer", "cobs", "envelope", "internal", "mdp"],
  "store, receipts, checkpoints and commands": ["checkpoint", "command", "receipt", "store"],
  "retransmission and pace": ["forward", "link"],
  "sparse signing": ["sparse"],
} as const;

export interface Sizes {
  /** Bytes for each object file, read-only data with the code. */
  readonly text: ReadonlyMap<string, number>;
  readonly data: number;
  readonly bss: number;
  /** Bytes of stack of every function that a program may call and of all that it calls, callbacks aside. */
  readonly stacks: ReadonlyMap<string, number>;
}

/** Compile the library without a warning, and measure it. @param folder for what is built */
export function measure({ name, compiler, flags }: Target, folder: string): Sizes {
  const dir = join(folder, name.replaceAll(/\W/g, "-"));
  mkdirSync(dir);
  const sources = librarySources.map((file) => join(shimRoot, file));
  // The old interface is a header: it has a stack where somebody calls it, and no object file.
  const caller = join(dir, "compat.c");
  writeFileSync(caller, `#include "${shimRoot}include/myco/compat/myco_envelope.h"\n${compatCaller}`);
  compile(compiler, [...flags, ...targetFlags, "-fcallgraph-info=su", "-c", ...sources, caller], dir);
  const objects = librarySources.map((file) => basename(file, ".c"));
  const size = spawnSync(
    compiler.replace(/gcc$/, "size"),
    objects.map((object) => `${object}.o`),
    {
      cwd: dir,
      encoding: "utf8",
    },
  );
  if (size.status !== 0) throw new Error(size.stderr);
  const rows = size.stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  const sum = (column: number): number => rows.reduce((total, row) => total + Number(row[column]), 0);
  const graphs = [...objects, "compat"].map((object) => readFileSync(join(dir, `${object}.ci`), "utf8"));
  return {
    text: new Map(rows.map((row, at) => [objects[at]!, Number(row[0])])),
    data: sum(1),
    bss: sum(2),
    stacks: deepestStacks(graphs),
  };
}

/** Takes the function's address, so that it is compiled by itself. */
const compatCaller = `typedef int build(uint8_t *, size_t, size_t *, const char *, uint8_t, const uint8_t *, int64_t, uint32_t,
                  uint64_t, const myco_geo_t *, const myco_reading_t *, size_t, const uint8_t *);
build *myco_caller(void);
build *myco_caller(void) { return myco_build_envelope_cbor; }
`;

/** @param graphs as `-fcallgraph-info=su` writes them @throws Error where a bound cannot be told, recursion included */
function deepestStacks(graphs: readonly string[]): Map<string, number> {
  const frames = new Map<string, number>();
  const calls = new Map<string, string[]>();
  for (const graph of graphs) {
    for (const [, name, frame, kind] of graph.matchAll(/^node: .*?title: "([^"]*)".*?\\n(\d+) bytes \(([^)]*)\)/gm)) {
      if (kind !== "static") throw new Error(`the stack of ${name} is ${kind}`);
      frames.set(name!, Number(frame));
    }
    for (const [, from, to] of graph.matchAll(/^edge: .*?sourcename: "([^"]*)" targetname: "([^"]*)"/gm)) {
      calls.set(from!, [...(calls.get(from!) ?? []), to!]);
    }
  }
  const known = new Map<string, number>();
  const depth = (name: string, above: readonly string[]): number => {
    if (above.includes(name)) throw new Error(`recursion: ${[...above, name].join(" > ")}`);
    const found = known.get(name);
    if (found !== undefined) return found;
    const below = (calls.get(name) ?? []).map((called) => depth(called, [...above, name]));
    const bytes = (frames.get(name) ?? 0) + Math.max(0, ...below);
    known.set(name, bytes);
    return bytes;
  };
  // What is `static` has its file before its name, which is also so of what a header defines.
  const publicName = (title: string): string => title.replace(/^.*:(?=myco_)/, "");
  return new Map(
    [...frames.keys()]
      .filter((title) => isPublic(publicName(title)))
      .map((title) => [publicName(title), depth(title, [])]),
  );
}

const declared = filesIn("include", ".h").map((file) => readFileSync(join(shimRoot, file), "utf8"));
const isPublic = (name: string): boolean => declared.some((text) => text.includes(`${name}(`));

/** Instructions of each operation of firmware-shim/test/count.c, by name, on an emulated processor. */
export function countInstructions({ flags }: Target, folder: string): Map<string, number> {
  const image = join(folder, `count${flags.join("")}.elf`);
  const example = "examples/cortex-m-mps2";
  const sources = [...librarySources, "test/count.c", `${example}/board.c`];
  const link = ["-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-T", `${example}/link.ld`];
  compile("arm-none-eabi-gcc", [...flags, ...targetFlags, ...sources, ...link, "-o", image]);
  const machine = ["-machine", "mps2-an385", "-display", "none", "-monitor", "none", "-serial", "stdio"];
  const counting = ["-icount", "shift=10", "-semihosting-config", "enable=on"];
  const run = spawnSync("qemu-system-arm", [...machine, ...counting, "-kernel", image], {
    encoding: "utf8",
    timeout: 60_000,
  });
  const counts = run.stdout
    .trim()
    .split("\n")
    .map((line) => line.split(": "));
  if (run.status !== 0 || run.stdout.includes("failed")) throw new Error(run.stdout + run.stderr);
  return new Map(counts.map(([name, count]) => [name!, Number(count)]));
}
