import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket } from "../../../src/mqtt/token-bucket.ts";

test("no span of time lets through more than a burst plus its share", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 400 }),
      (perSecond, steps) => {
        const bucket = new TokenBucket(perSecond, 0);
        let nowMs = 0;
        let passed = 0;
        for (const step of steps) {
          nowMs += step;
          if (bucket.take(nowMs)) passed++;
        }
        expect(passed).toBeLessThanOrEqual(perSecond + (nowMs * perSecond) / 1_000 + 1e-6);
      },
    ),
  ));

test("after the wait it names there is a token", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 0, max: 10_000 }), (perSecond, startMs) => {
      const bucket = new TokenBucket(perSecond, startMs);
      while (bucket.take(startMs));
      expect(bucket.take(startMs + bucket.waitMs(startMs))).toBe(true);
    }),
    { numRuns: 30 },
  ));
