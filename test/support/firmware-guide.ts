/** The code of docs/guides/firmware.md as a program; what surrounds it is in firmware-shim/test/guide-harness.h. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../gateway/project-root.ts";
import { compile, librarySources, shimRoot, strictFlags } from "./firmware.ts";

/** The blocks of C in a guide, in order. */
export function codeIn(guide: string): string[] {
  const text = readFileSync(`${projectRoot}docs/guides/${guide}`, "utf8");
  return [...text.matchAll(/^```c\n(.*?)^```/gms)].map(([, code]) => code!);
}

/** @param receiptKey 32 bytes @returns the program's path */
export function buildGuide(folder: string, receiptKey: Uint8Array): string {
  const file = join(folder, "guide.c");
  const program = join(folder, "guide");
  const include = (name: string): string => `#include "${shimRoot}test/${name}"\n`;
  writeFileSync(file, [include("guide-harness.h"), ...codeIn("firmware.md"), include("guide-end.h")].join("\n"));
  // A reader calls all of it; the harness has no UART.
  const flags = [...strictFlags, "-Wno-unused-function", "-Iinclude", `-DRECEIPT_KEY=${[...receiptKey].join(",")}`];
  compile("gcc", [...flags, file, ...librarySources, "-lsodium", "-o", program]);
  return program;
}
