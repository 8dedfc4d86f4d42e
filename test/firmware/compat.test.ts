/** Firmware written for the codec in the field, recompiled unchanged with this library: the same bytes, the same codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  answers,
  buildFolder,
  compile,
  librarySources,
  sanitizers,
  shimRoot,
  strictFlags,
} from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

interface Vector {
  readonly deviceId: string;
  readonly seed: string;
  readonly proto: number;
  readonly msgId: string;
  readonly epochMs: number;
  readonly seq: number;
  readonly monoMs: string;
  readonly geo: { readonly latE7: number; readonly lonE7: number; readonly accM: number } | null;
  /** sensor, vi, vs, unit, quality */
  readonly readings: readonly (readonly number[])[];
  readonly cbor: string;
}
/** Made by the codec in the field itself. */
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
);

const folder = buildFolder();
/** The only folders that the firmware knows. */
const includes = ["-I", join(shimRoot, "include/myco/compat"), "-I", join(shimRoot, "test")];
const firmware = join(shimRoot, "test/compat-driver.c");

function buildAs(language: "C" | "C++"): string {
  const program = join(folder, `compat-${language.length}`);
  const objects = librarySources.map((file) => join(shimRoot, file));
  const flags = [...strictFlags, ...sanitizers];
  if (language === "C") {
    compile("gcc", [...flags, ...includes, firmware, ...objects, "-lsodium", "-o", program], folder);
    return program;
  }
  const library = join(folder, "library.o");
  compile("gcc", [...flags, "-r", "-nostdlib", ...objects, "-o", library], folder);
  const cpp = flags.map((flag) => flag.replace("c99", "c++11"));
  compile(
    "g++",
    [...cpp, ...includes, "-x", "c++", firmware, "-x", "none", library, "-lsodium", "-o", program],
    folder,
  );
  return program;
}

for (const language of ["C", "C++"] as const) {
  needs(
    "gcc",
    ...(language === "C++" ? (["g++"] as const) : []),
    "sodium.h",
  )(`present firmware in ${language}`, () => {
    const program = buildAs(language);
    const build = (changes: Partial<Vector> = {}, cap = 4096): string =>
      `build ${cap} ${fieldsOf({ ...vectors[0]!, ...changes })}`;
    const codes = (lines: readonly string[]): number[] =>
      answers(program, lines).map((line) => Number.parseInt(line, 10));

    test("makes the same bytes as before", () => {
      expect(vectors.length).toBe(40);
      expect(
        answers(
          program,
          vectors.map((vector) => build(vector)),
        ),
      ).toEqual(vectors.map(({ cbor }) => `0 ${cbor}`));
    });

    describe("gets the same codes as before", () => {
      const bytes = vectors[0]!.cbor.length / 2;
      const signed = bytes - 3 - 32 - 3 - 64; // Without two keys, two heads, hash and signature.

      test("for a buffer of any size", () => {
        const caps = Array.from({ length: bytes + 2 }, (_, cap) => cap);
        expect(codes(caps.map((cap) => build({}, cap)))).toEqual(
          caps.map((cap) => (cap < 128 ? -2 : cap < signed ? -1 : cap < bytes ? -3 : 0)),
        );
      });

      test("for what is signed already being too long", () => {
        const readings = Array.from({ length: 20 }, () => [1, 1, 0, 1, 0]);
        expect(codes([build({ readings }, 128), build({ readings }, 300), build({ readings }, 400)])).toEqual([
          -1, -3, 0,
        ]);
      });
    });

    test.each<[string, Partial<Vector>]>([
      ["ten decimal places", { readings: [[1, 1, 10, 1, 0]] }],
      ["quality 3", { readings: [[1, 1, 0, 1, 3]] }],
      ["a position off the globe", { geo: { latE7: 900_000_001, lonE7: 0, accM: 1 } }],
      ["an id of 65 characters", { deviceId: "a".repeat(65) }],
      ["an id with a colon", { deviceId: "AA:BB" }],
    ])("is not made to sign what no receiver takes: %s", (_, changes) => {
      expect(codes([build(changes)])).toEqual([-4]);
    });
  });
}

function fieldsOf({ seed, deviceId, proto, msgId, epochMs, seq, monoMs, geo, readings }: Vector): string {
  const position = geo === null ? "-" : `${geo.latE7},${geo.lonE7},${geo.accM}`;
  const values = readings.map((reading) => reading.join(":")).join(",") || "-";
  return [seed, deviceId, proto, msgId, epochMs, seq, monoMs, position, values].join(" ");
}
