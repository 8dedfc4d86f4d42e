/**
 * The device library on the processors it is meant for: it compiles without a warning, stays within its budget, and
 * docs/reference/firmware-size.md says what it takes. `npm test -- test/firmware/size.test.ts -u` writes that page.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { projectRoot } from "../../gateway/project-root.ts";
import { buildFolder, librarySources } from "../support/firmware.ts";
import {
  countInstructions,
  measure,
  parts,
  type Sizes,
  type Target,
  targetFlags,
  targets,
} from "../support/firmware-targets.ts";
import { isInstalled, needs, unless } from "../support/needs.ts";

const folder = buildFolder();
const measured = new Map<string, Sizes>();
const sizesOn = (target: Target): Sizes => {
  const sizes = measured.get(target.name) ?? measure(target, folder);
  measured.set(target.name, sizes);
  return sizes;
};

const KiB = 1024;
const budget = { codec: 6 * KiB, all: 9 * KiB, stack: 512 };
const [codec, device, delivery] = Object.values(parts);
const textOf = ({ text }: Sizes, files: readonly string[]): number =>
  files.reduce((total, file) => total + text.get(file)!, 0);
const deepest = ({ stacks }: Sizes): [string, number][] => [...stacks].sort((a, b) => b[1] - a[1]);

test("every source belongs to a part of the library", () => {
  const named = Object.values(parts)
    .flat()
    .map((file) => `src/${file}.c`);
  expect(named.sort()).toEqual(librarySources);
});

for (const target of targets) {
  needs(target.compiler)(target.name, () => {
    test("the library compiles without a warning, and has no memory of its own", () => {
      const { data, bss } = sizesOn(target);
      expect({ data, bss }).toEqual({ data: 0, bss: 0 });
    });
  });
}

needs(targets[0]!.compiler)("the budget on a Cortex-M0+", () => {
  test("code", () => {
    const sizes = sizesOn(targets[0]!);
    expect(textOf(sizes, [...codec!, ...delivery!])).toBeLessThanOrEqual(budget.codec);
    expect(textOf(sizes, [...codec!, ...device!, ...delivery!])).toBeLessThanOrEqual(budget.all);
  });

  test("the stack of every call, with all that it calls", () => {
    expect(deepest(sizesOn(targets[0]!)).filter(([, bytes]) => bytes > budget.stack)).toEqual([]);
  });
});

const page = "docs/reference/firmware-size.md";
const tools = [...new Set(targets.map(({ compiler }) => compiler)), "qemu-system-arm"] as const;
const versions = (): string[] =>
  targets.map(({ compiler }) => spawnSync(compiler, ["-dumpfullversion"], { encoding: "utf8" }).stdout.trim());
const described = [...readFileSync(projectRoot + page, "utf8").matchAll(/`\S+-gcc` (\S+)/g)].map(
  ([, version]) => version,
);
// Another compiler makes other code of the same source: the page speaks of those it names, once there is one.
const speaksOf = (found: readonly string[]): boolean => described.length === 0 || `${described}` === `${found}`;
const suite = tools.every(isInstalled)
  ? unless(speaksOf(versions()) ? undefined : `needs the compilers of ${page}`)
  : needs(...tools);

suite("the page about sizes", () => {
  test("says what the compilers and the emulator say", async () => {
    await expect(sizePage()).toMatchFileSnapshot(projectRoot + page);
  });
});

function sizePage(): string {
  const all = targets.map(sizesOn);
  const version = versions();
  const counted = targets.slice(0, 2).map((target) => countInstructions(target, folder));
  const files = Object.values(parts).flat();
  const [onSmallest] = all;
  return [
    "# Size of the device library",
    "",
    "Measured by `test/firmware/size.test.ts`, which compares this page with what it measures and fails beyond the limits.",
    "",
    "Bytes of the object files: code and read-only data, whether a program uses them or not. `-Wl,--gc-sections` leaves out what it",
    "does not call. The compiler's own helpers for 64-bit arithmetic and copying are not counted; most programs have them anyway.",
    `Flags: \`${targetFlags.filter((flag) => !flag.startsWith("-W")).join(" ")}\` and, for each processor, those below.`,
    "",
    "The stack is that of the deepest chain of calls below a function of the library, its own frame included. What a callback needs",
    "(crypto, flash) comes on top.",
    "",
    ...table(
      ["Processor", "Compiler", "Flags", ...Object.keys(parts).map(upper), "Together", "Data and bss", "Stack"],
      targets.map(({ name, compiler, flags }, at) => [
        name,
        `\`${compiler}\` ${version[at]}`,
        `\`${flags.join(" ")}\``,
        ...Object.values(parts).map((part) => textOf(all[at]!, part)),
        textOf(all[at]!, files),
        all[at]!.data + all[at]!.bss,
        deepest(all[at]!)[0]![1],
      ]),
    ),
    "",
    `Limits, on the Cortex-M0+: ${budget.codec} bytes for the first and the third part together, ${budget.all} for the first three, none`,
    `of data and bss, and ${budget.stack} of stack. The first three are ${textOf(onSmallest!, [...codec!, ...device!, ...delivery!])}.`,
    "",
    "## By file",
    "",
    ...table(
      ["File", ...targets.map(({ name }) => name)],
      files.map((file) => [`\`${file}.c\``, ...all.map(({ text }) => text.get(file)!)]),
    ),
    "",
    "## Deepest calls",
    "",
    ...table(
      ["Function", ...targets.map(({ name }) => name)],
      deepest(onSmallest!)
        .slice(0, 12)
        .map(([name]) => [`\`${name}\``, ...all.map(({ stacks }) => stacks.get(name)!)]),
    ),
    "",
    "## Instructions",
    "",
    "What one envelope takes, crypto and flash aside: their callbacks do nothing here. `firmware-shim/test/count.c` runs on QEMU's",
    "`mps2-an385` with `-icount shift=10`: an instruction then takes 1024 ns of the board's time, and SysTick counts them. Both",
    "columns run on its Cortex-M3, which executes all that a Cortex-M0+ does. The device id has 16 characters, a unit of flash 8 bytes.",
    "",
    ...table(
      ["Operation", ...targets.slice(0, 2).map(({ name }) => name)],
      [...counted[0]!.keys()].map((name) => [upper(name), ...counted.map((counts) => counts.get(name)!)]),
    ),
    "",
  ].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

function upper(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
