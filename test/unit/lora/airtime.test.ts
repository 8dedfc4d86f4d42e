import fc from "fast-check";
import { expect, test } from "vitest";
import { airtimeSeconds, mycobrainRadio } from "../../../src/lora/airtime.ts";
import { AirtimeBudget } from "../../../src/lora/airtime-budget.ts";

test("the radio's settings give the times that were computed for them", () => {
  // wire-facts §8.1: 245 bytes about 1.66 s, a bare ACK frame of 20 bytes about 0.23 s.
  expect(airtimeSeconds(245, mycobrainRadio)).toBeCloseTo(1.66, 2);
  expect(airtimeSeconds(20, mycobrainRadio)).toBeCloseTo(0.23, 2);
});

test("other settings agree with Semtech's calculator", () => {
  const sf = (spreadingFactor: number) => ({ ...mycobrainRadio, codingRate: 5, spreadingFactor });
  expect(airtimeSeconds(10, sf(7)) * 1000).toBeCloseTo(41.216, 3);
  // Symbols of 32.8 ms, with low data rate optimisation.
  expect(airtimeSeconds(10, sf(12)) * 1000).toBeCloseTo(991.232, 3);
});

test("more bytes never take less time", () => {
  fc.assert(
    fc.property(fc.nat(254), fc.integer({ min: 6, max: 12 }), (bytes, spreadingFactor) => {
      const modulation = { ...mycobrainRadio, spreadingFactor };
      expect(airtimeSeconds(bytes + 1, modulation)).toBeGreaterThanOrEqual(airtimeSeconds(bytes, modulation));
    }),
  );
});

test("no stretch as long as the window holds more than the budget, and waiting so long as told is enough", () => {
  const windowMs = 3_600_000;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(600_000), fc.double({ min: 0.01, max: 2, noNaN: true })), { maxLength: 60 }),
      (asked) => {
        const budget = new AirtimeBudget(0.001, windowMs);
        const sent: { at: number; seconds: number }[] = [];
        let now = 0;
        for (const [gap, seconds] of asked) {
          now += gap;
          now += budget.waitMs(seconds, now);
          expect(budget.waitMs(seconds, now)).toBe(0);
          budget.spend(seconds, now);
          sent.push({ at: now, seconds });
        }
        for (const { at } of sent) {
          const within = sent.filter((each) => each.at > at - windowMs && each.at <= at);
          expect(within.reduce((sum, { seconds }) => sum + seconds, 0)).toBeLessThanOrEqual(3.6 + 1e-6);
        }
      },
    ),
  );
  expect(new AirtimeBudget(0.001, windowMs).waitMs(3.7, 0)).toBe(Number.POSITIVE_INFINITY);
});
