import fc from "fast-check";
import { expect, test } from "vitest";
import { DedupeWindow } from "../../../src/ingest/dedupe-window.ts";

/** Few keys and a tiny table, so that probe sequences collide, wrap and get holes. */
const arbWord = fc.integer({ min: 0, max: 7 });
const arbCommand = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("see" as const),
      key: arbWord,
      high: arbWord,
      content: fc.integer({ min: 0, max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), back: fc.integer({ min: 0, max: 6 }) }) },
);

test("the window answers like a list of the last N messages, through evictions and failed commits", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(arbCommand, { maxLength: 200 }), (capacity, commands) => {
      const window = new DedupeWindow(capacity);
      let model: { key: string; content: number; leafIndex: number }[] = [];
      let nextLeaf = 0;
      for (const command of commands) {
        if (command.do === "fail") {
          nextLeaf = Math.max(0, nextLeaf - command.back);
          window.truncate(nextLeaf);
          model = model.filter(({ leafIndex }) => leafIndex < nextLeaf);
          continue;
        }
        const words = Uint32Array.of(99, command.key, command.high, command.content, 0);
        const key = `${command.key}/${command.high}`;
        const known = model.find((item) => item.key === key);
        expect(window.find(words, 1)).toEqual(
          known && { leafIndex: known.leafIndex, sameContent: known.content === command.content },
        );
        if (known) continue;
        window.add(words, 1, nextLeaf);
        model.push({ key, content: command.content, leafIndex: nextLeaf++ });
        if (model.length > capacity) model.shift();
        expect(window.size).toBe(model.length);
      }
    }),
    { numRuns: 500 },
  );
});
