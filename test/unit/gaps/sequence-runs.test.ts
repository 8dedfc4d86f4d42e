import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Range, SequenceRuns } from "../../../src/gaps/sequence-runs.ts";

const place = { leaf: 0, timeUs: 0 };

function runsOf(numbers: readonly number[], limits?: { runs: number; gaps: number }): SequenceRuns {
  const runs = new SequenceRuns(limits);
  for (const [leaf, seq] of numbers.entries()) runs.add(seq, { leaf, timeUs: leaf * 1_000 });
  return runs;
}

function shown(runs: SequenceRuns): unknown[] {
  return runs.runs.map(({ first, last, messages, missing, gaps }) => [first, last, messages, missing, gaps]);
}

const listed = (gaps: readonly Range[]): number[] =>
  gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));

describe("the numbers of one counter", () => {
  test("without a hole are one run", () => {
    expect(shown(runsOf([1, 2, 3]))).toEqual([[1, 3, 3, 0, []]]);
  });

  test("that are missing are told, and what comes late fills its place and splits the gap", () => {
    expect(shown(runsOf([10, 20, 15]))).toEqual([
      [
        10,
        20,
        3,
        8,
        [
          { from: 11, to: 14 },
          { from: 16, to: 19 },
        ],
      ],
    ]);
    expect(shown(runsOf([10, 12, 11]))).toEqual([[10, 12, 3, 0, []]]);
  });

  test("that were overtaken by the first one belong to its run", () => {
    expect(shown(runsOf([5, 3, 4, 1]))).toEqual([[1, 5, 4, 1, [{ from: 2, to: 2 }]]]);
  });

  test("that come again, or are far lower, begin another run", () => {
    expect(shown(runsOf([1, 2, 4, 1, 2]))).toEqual([
      [1, 4, 3, 1, [{ from: 3, to: 3 }]],
      [1, 2, 2, 0, []],
    ]);
    expect(shown(runsOf([1_000, 1, 2]))).toEqual([
      [1_000, 1_000, 1, 0, []],
      [1, 2, 2, 0, []],
    ]);
  });

  test("begin another run where the message says so, also in a gap", () => {
    const runs = new SequenceRuns();
    runs.add(1, place);
    runs.add(9, place);
    runs.add(2, place, true);
    expect(shown(runs)).toEqual([
      [1, 9, 2, 7, [{ from: 2, to: 8 }]],
      [2, 2, 1, 0, []],
    ]);
  });

  test("in whatever order they come behind the first: what is missing is exactly what never came", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1 }), (rest) => {
        const [run, ...others] = runsOf([0, ...rest]).runs;
        const there = new Set([0, ...rest]);
        const last = Math.max(...there);
        const missing = Array.from({ length: last + 1 }, (_, seq) => seq).filter((seq) => !there.has(seq));
        expect(others).toEqual([]);
        expect([run!.first, run!.last, run!.messages, run!.missing]).toEqual([0, last, there.size, missing.length]);
        expect(listed(run!.gaps)).toEqual(missing);
      }),
    );
  });

  test("of any kind keep the law: messages + missing = last − first + 1, in each run; memory stays bounded", () => {
    const limits = { runs: 5, gaps: 4 };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 })), (numbers) => {
        const runs = runsOf(numbers, limits);
        expect(runs.runs.length).toBeLessThanOrEqual(limits.runs);
        for (const { first, last, messages, missing, gaps } of runs.runs) {
          expect(gaps.length).toBeLessThanOrEqual(limits.gaps);
          expect(missing).toBeGreaterThanOrEqual(listed(gaps).length);
          if (missing > 0) expect(messages + missing).toBe(last - first + 1);
        }
        const counted = runs.runs.reduce((sum, { messages }) => sum + messages, runs.earlier.messages);
        expect(counted).toBe(numbers.length);
      }),
    );
  });

  test("beyond what is held one by one are still counted, and what fills them is", () => {
    const odd = Array.from({ length: 20 }, (_, index) => 2 * index);
    const runs = runsOf([...odd, 1], { runs: 1, gaps: 3 });
    expect(runs.runs[0]).toMatchObject({ missing: 18, messages: 21 });
    expect(runs.runs[0]!.gaps).toHaveLength(3);
  });
});
