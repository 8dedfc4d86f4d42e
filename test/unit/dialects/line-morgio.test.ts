/** What is left of a text line that was cut off or mixed with another: no wrong digits, and none that were whole are lost. */
import { describe, expect, test } from "vitest";
import { decodeLineMorgio } from "../../../src/dialects/line-morgio.ts";

const whole =
  "AMB addr=0x77 age=312ms T=23.41C RH=44.10% P=1008.7hPa(raw=100870) Gas=120034Ohm IAQ=51.2 acc=1 sIAQ=49.0 CO2eq=611 VOC=0.72";

function read(line: string): unknown {
  const decoded = decodeLineMorgio(new TextEncoder().encode(line));
  return decoded.ok ? decoded.value.readings.map(({ sensor, vi, vs }) => [sensor, Number(vi) / 10 ** vs]) : "refused";
}

describe("a text line of a morgio build", () => {
  test("says what the whole line says as far as it goes, wherever it was cut off, or nothing", () => {
    const all = read(whole) as readonly unknown[];
    const names = (readings: readonly unknown[]): unknown[] => readings.map((reading) => (reading as unknown[])[0]);
    const seen = new Set<unknown>();
    // The last number ends where the line ends: that one alone may lack digits and nobody can tell.
    for (let cut = 0; cut < whole.indexOf("VOC="); cut++) {
      const left = read(whole.slice(0, cut));
      seen.add(left === "refused");
      if (left !== "refused") expect(all, whole.slice(0, cut)).toEqual(expect.arrayContaining(left as unknown[]));
    }
    expect(seen).toEqual(new Set([true, false]));
    expect(names(all)).toHaveLength(10);
  });

  test("says nothing when another line runs into it", () => {
    for (let cut = "AMB addr=0x77 ".length; cut < whole.length; cut++) {
      expect(read(`${whole.slice(0, cut)}${whole}`), whole.slice(0, cut)).toBe("refused");
    }
  });

  test("has numbers with exponents, numbers that are none, and members of its own", () => {
    expect(read("ENV addr=0x76 age=12ms T=21.5°C RH=nan% Gas=1.2e+05Ohm fan=3 VOC=-0.5")).toEqual([
      ["env.temp", 21.5],
      ["env.gas_resistance", 120_000],
      ["env.fan", 3],
      ["env.voc_equivalent", -0.5],
    ]);
  });
});
