/**
 * Suites that need a program which npm cannot install. Without it they are skipped by name, and `npm test` says at its
 * end what was skipped and how to get it; with CI=true, where everything is installed, they fail instead.
 */
import { accessSync, appendFileSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, test } from "vitest";
import { hasSharedVectors } from "./shared-vectors.ts";

/** Programs, or the headers of libraries, and the Debian packages that have them. */
const packages = {
  gcc: "gcc",
  "g++": "g++",
  python3: "python3",
  openssl: "openssl",
  socat: "socat",
  chromium: "chromium",
  curl: "curl",
  clang: "clang",
  cmake: "cmake make",
  "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
  "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
  "xtensa-lx106-elf-gcc": "gcc-xtensa-lx106",
  "qemu-system-arm": "qemu-system-arm",
  valgrind: "valgrind",
  "sodium.h": "libsodium-dev",
  "mbedtls/sha256.h": "libmbedtls-dev",
  "mosquitto.h": "libmosquitto-dev",
  "apt-get": "apt",
} as const;
export type Tool = keyof typeof packages;

type Describe = (name: string, body: () => void) => void;

/** `needs("gcc")("the C codec agrees", () => { … })` */
export function needs(...tools: readonly Tool[]): Describe {
  const missing = tools.filter((tool) => !isInstalled(tool));
  const install = `apt-get install ${missing.map((tool) => packages[tool]).join(" ")}`;
  return unless(missing.length === 0 ? undefined : `needs ${missing.join(", ")}: ${install}`);
}

/** @param how what is missing and how to get it; undefined if nothing is */
export function unless(how: string | undefined): Describe {
  if (how === undefined) return describe;
  if (process.env.CI === "true") {
    return (name) =>
      describe(name, () => {
        test(how, () => {
          throw new Error(how);
        });
      });
  }
  return skipping(how);
}

/**
 * `needsVectors("rfc8032.json")("…", () => { … })`: published vectors lie beside a checkout rather than in it, so they are
 * the one thing that may be missing with CI=true too.
 */
export function needsVectors(...files: readonly string[]): Describe {
  const missing = files.filter((file) => !hasSharedVectors(file));
  if (missing.length === 0) return describe;
  return skipping(`needs ${missing.map((file) => `../shared/vectors/${file}`).join(", ")}`);
}

function skipping(how: string): Describe {
  return (name) => {
    const report = process.env.SKIPPED_SUITES_FILE;
    if (report !== undefined) appendFileSync(report, `${name} (${how})\n`);
    // The suite's own body is not run: it may read what is missing.
    describe.skip(name, () => test(how));
  };
}

export function isInstalled(tool: string): boolean {
  const isHeader = tool.endsWith(".h");
  const folders = isHeader ? ["/usr/include", "/usr/local/include"] : (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), isHeader ? constants.R_OK : constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
