/** The figures of docs/adr/0097, computed. */
import { expect, test } from "vitest";
import { radioLink } from "../../../protocol/spec.ts";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { airtimeSeconds, mycobrainRadio } from "../../../src/lora/airtime.ts";
import { signedEnvelope, testDevice } from "../../support/envelopes.ts";
import { SparseChain } from "../../support/sparse-chain.ts";

const device = testDevice("hilltop-01234567");
const reading = { sensor: 1, vi: 217, vs: 1, unit: 1, quality: 0 };
const span = 8;

interface Sizes {
  readonly signed: number;
  readonly chained: number;
  readonly anchor: number;
}

function messages(readings: number, links: number): Sizes {
  const fields = { seq: 1_000, monoMs: 3_600_000, proto: 1, readings: Array(readings).fill(reading) };
  const chain = new SparseChain(device, span, links);
  const sent = Array.from({ length: span + 1 }, () => chain.next(fields).bytes.length);
  return { signed: signedEnvelope(device, fields).length, chained: sent[span - 1]!, anchor: sent[span]! };
}

/** As one LoRa packet: an MDP frame with its delimiter. */
function frameBytes(body: number): number {
  return encodeMdpFrame({ type: 1, seq: 1_000, src: 0xb1, dst: 0xc0, body: new Uint8Array(body).fill(1) }).length;
}

function mostReadings(links: number, kind: keyof Sizes): number {
  let readings = 0;
  while (frameBytes(messages(readings + 1, links)[kind]) <= radioLink.maxPacketBytes) readings++;
  return readings;
}

/**
 * Of the chained messages that arrive, the share that no signature ever proves, where each frame is lost with the same
 * probability: a message is proven by the first anchor to arrive behind it, unless as many chained ones in a row as there
 * are links were lost between the two.
 */
function unprovenShare(loss: number, links: number): number {
  // Probability that n chained messages hold no such run.
  const whole = [1];
  for (let n = 1; n < 2_000; n++) {
    let probability = n < links ? loss ** n : 0;
    for (let run = 0; run < Math.min(n, links); run++) probability += loss ** run * (1 - loss) * whole[n - 1 - run]!;
    whole.push(probability);
  }
  let proven = 0;
  for (let between = 0; between < span; between++) {
    for (let lostAnchors = 0; lostAnchors < 100; lostAnchors++) {
      proven += (loss ** lostAnchors * (1 - loss) * whole[between + lostAnchors * span]!) / span;
    }
  }
  return 1 - proven;
}

test("bytes of a message with one reading, and of its frame", () => {
  expect([1, 2, 3].map((links) => messages(1, links))).toEqual([
    { signed: 177, chained: 76, anchor: 198 },
    { signed: 177, chained: 93, anchor: 215 },
    { signed: 177, chained: 109, anchor: 231 },
  ]);
  expect([76, 93, 109, 177, 198, 215, 231].map(frameBytes)).toEqual([96, 113, 129, 197, 218, 235, 251]);
});

test("readings that fit into one packet", () => {
  const kinds = ["signed", "chained", "anchor"] as const;
  expect(kinds.map((kind) => mostReadings(2, kind))).toEqual([5, 12, 2]);
});

test("time on air for each message with one reading, eight chained ones to an anchor", () => {
  const onAir = (bytes: number): number => airtimeSeconds(frameBytes(bytes), mycobrainRadio);
  const seconds = [1, 2, 3].map((links) => {
    const { signed, chained, anchor } = messages(1, links);
    return [onAir(signed), (span * onAir(chained) + onAir(anchor)) / (span + 1)].map((each) => each.toFixed(2));
  });
  expect(seconds).toEqual([
    ["1.34", "0.80"],
    ["1.34", "0.91"],
    ["1.34", "1.00"],
  ]);
});

test("share of received messages that stay unproven, by loss of frames and number of links", () => {
  const share = [0.01, 0.05, 0.1, 0.2, 0.3].map((loss) =>
    [1, 2, 3, 4].map((links) => `${Number((unprovenShare(loss, links) * 100).toPrecision(2))} %`),
  );
  expect(share).toEqual([
    ["3.5 %", "0.027 %", "0.00019 %", "0.0000013 %"],
    ["17 %", "0.73 %", "0.027 %", "0.00099 %"],
    ["33 %", "3.2 %", "0.25 %", "0.019 %"],
    ["57 %", "14 %", "2.5 %", "0.41 %"],
    ["72 %", "31 %", "9.7 %", "2.6 %"],
  ]);
});
