import fc from "fast-check";
import { test } from "vitest";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { signedEnvelope, testDevice } from "../../support/envelopes.ts";
import { fuzzTargets } from "../../support/fuzz-targets.ts";

const envelope = signedEnvelope(testDevice("greenhouse-1"));
const seeds = [envelope, encodeMdpFrame({ type: 1, seq: 1, src: 0xa1, dst: 0xc0, body: envelope })];

/** Noise, and genuine messages with a few bytes changed. */
const arbBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }))
    .map(([seed, changes]) => changes.reduce((bytes, [at, byte]) => bytes.with(at % bytes.length, byte), seed)),
);

test.each(fuzzTargets)("$name", ({ run }) => {
  fc.assert(fc.property(arbBytes, run), { numRuns: 500 });
});
