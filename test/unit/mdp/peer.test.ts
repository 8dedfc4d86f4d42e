import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Peer } from "../../../src/mdp/peer.ts";

const digest = (seq: number): number => seq * 7;

/** A frame that arrives and is on disk at once. */
function take(peer: Peer, seq: number): number {
  peer.arrive(seq, digest(seq), false);
  peer.settle(peer.run, seq, true);
  return peer.ack;
}

describe("acknowledging a peer", () => {
  test("the first seq seen is the base", () => {
    const peer = new Peer(false);
    expect([take(peer, 4711), take(peer, 4712)]).toEqual([4711, 4712]);
  });

  test("nothing is covered before it is durable, nor what came after it", () => {
    const peer = new Peer(false);
    for (const seq of [5, 6, 7]) peer.arrive(seq, digest(seq), false);
    expect(peer.ack).toBe(4);
    peer.settle(0, 7, true);
    peer.settle(0, 6, true);
    expect(peer.ack).toBe(4);
    peer.settle(0, 5, true);
    expect(peer.ack).toBe(7);
  });

  test("a restarted seq drops the base and begins a new run", () => {
    const peer = new Peer(false);
    for (const seq of [4000, 4001, 4002]) take(peer, seq);
    expect(take(peer, 1)).toBe(1);
    expect(peer.run).toBe(1);
    expect(take(peer, 2)).toBe(2);
    expect(peer.run).toBe(1);
  });

  test("the same seq with other content is a restart, with the same content a repeat", () => {
    const peer = new Peer(false);
    for (const seq of [1, 2, 3]) take(peer, seq);
    take(peer, 2);
    expect(peer.run).toBe(0);
    peer.arrive(2, 99, false);
    expect([peer.run, peer.ack]).toEqual([1, 1]);
  });

  test("a boot message begins a new run even if it repeats an earlier one", () => {
    const peer = new Peer(false);
    peer.arrive(1, digest(1), true);
    peer.arrive(2, digest(2), false);
    peer.arrive(1, digest(1), true);
    expect(peer.run).toBe(1);
  });

  test("what was on its way to the disk when the peer restarted covers nothing of the new run", () => {
    const peer = new Peer(false);
    take(peer, 1);
    peer.arrive(2, digest(2), false);
    peer.arrive(1, 99, false);
    peer.arrive(2, 98, false);
    peer.settle(0, 2, true);
    peer.settle(1, 1, true);
    expect(peer.ack).toBe(1);
  });

  test("a lost frame holds the ack until it is retransmitted", () => {
    const peer = new Peer(false);
    take(peer, 1);
    expect(take(peer, 3)).toBe(1);
    expect(take(peer, 4)).toBe(1);
    expect(take(peer, 2)).toBe(4);
    expect(peer.run).toBe(0);
  });

  test("a hole that stays is passed over once a later frame came three times, so that nobody retransmits for ever", () => {
    const peer = new Peer(false);
    take(peer, 1);
    expect([take(peer, 3), take(peer, 3), take(peer, 3)]).toEqual([1, 1, 3]);
  });

  test("a hole older than the longest retransmission queue is passed over", () => {
    const peer = new Peer(false);
    take(peer, 1);
    const acks = Array.from({ length: 10 }, (_, at) => take(peer, 3 + at));
    expect(acks.at(-1)).toBe(12);
  });

  test("Side-B numbers two links from one counter: its holes hold nothing", () => {
    const peer = new Peer(true);
    expect([take(peer, 10), take(peer, 14), take(peer, 90)]).toEqual([10, 14, 90]);
  });

  test("a frame that could not be kept is not covered until it comes again, not even for Side-B", () => {
    for (const holesAreNormal of [false, true]) {
      const peer = new Peer(holesAreNormal);
      take(peer, 1);
      peer.arrive(2, digest(2), false);
      peer.settle(0, 2, false);
      expect(take(peer, 3)).toBe(1);
      expect(take(peer, 2)).toBe(3);
    }
  });

  test("only the copy sent back to back is recognised as one", () => {
    const peer = new Peer(false);
    const arrive = (seq: number): boolean => peer.arrive(seq, digest(seq), false);
    expect([arrive(1), arrive(1), arrive(1), arrive(2), arrive(1), arrive(2)]).toEqual([
      false,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test("a peer that retransmits all it has open, in order, is always covered after a few rounds", () => {
    const arbLoss = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 10 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1, max: 40 }),
        arbLoss,
        (base, count, lost) => {
          const peer = new Peer(false);
          const gone = new Set(lost);
          const sent = Array.from({ length: count }, (_, at) => at).filter((at) => !gone.has(at));
          for (const at of sent) take(peer, base + at);
          for (let round = 0; round < 3; round++) {
            for (const at of sent) if (base + at > peer.ack) take(peer, base + at);
          }
          expect(peer.ack).toBe(base + sent.at(-1)!);
          expect(peer.run).toBe(0);
        },
      ),
    );
  });

  test("whatever arrives and settles, no frame is covered while it or one before it is on its way to the disk", () => {
    const arbStep = fc.record({ seq: fc.integer({ min: 1, max: 30 }), settle: fc.constantFrom("now", "never") });
    fc.assert(
      fc.property(fc.array(arbStep, { maxLength: 80 }), fc.boolean(), (steps, holesAreNormal) => {
        const peer = new Peer(holesAreNormal);
        const open = new Set<number>();
        const durable = new Set<number>();
        for (const { seq, settle } of steps) {
          const { run } = peer;
          peer.arrive(seq, digest(seq), false);
          if (peer.run !== run) for (const past of [open, durable]) past.clear();
          if (settle === "now") {
            peer.settle(peer.run, seq, true);
            open.delete(seq);
            durable.add(seq);
          } else if (seq > peer.ack && !durable.has(seq)) {
            open.add(seq);
          }
          for (const pending of open) expect(peer.ack).toBeLessThan(pending);
        }
      }),
    );
  });
});
