/**
 * What a port knows of one endpoint at its other end: which run of sequence numbers it is in, which frames came twice,
 * and up to where it may be told that its frames are safe. wire-facts §3.1, §3.2; docs/adr/0030.
 */

/** Frames remembered to recognise a retransmission. */
const remembered = 64;
/** A peer holds at most this many frames for retransmission, so an older hole is never filled. */
const longestQueue = 8;
/** A durable frame sent again so often shows that the hole before it stays: peers retransmit their oldest frame first. */
const patience = 2;

interface Seen {
  readonly digest: number;
  state: "open" | "failed" | "settled";
  repeats: number;
}

export class Peer {
  /** Counts the runs; with the port's opening it names a session. */
  run = 0;
  /** Highest seq up to which every frame is durable or given up by the sender; what `ack` carries. */
  ack = 0;
  readonly #seen = new Map<number, Seen>();
  /** Side-B numbers two links from one counter, so holes in what one link sees are no loss. */
  readonly #holesAreNormal: boolean;
  #base = 0;
  #highest = -1;
  #latest = -1;

  constructor(holesAreNormal: boolean) {
    this.#holesAreNormal = holesAreNormal;
  }

  /**
   * A frame came.
   * @param digest of what it says: the same seq saying something else is another run
   * @param boot the frame is one that a board sends when it starts
   * @returns whether it is the copy that follows every reliable frame back to back, wire-facts §3.2
   */
  arrive(seq: number, digest: number, boot: boolean): boolean {
    const known = this.#seen.get(seq);
    const isCopy = known?.repeats === 0 && seq === this.#latest;
    this.#latest = seq;
    if (known?.digest === digest && !boot) {
      known.repeats++;
      this.#advance();
      return isCopy;
    }
    // Lower than others, yet new and within reach of a retransmission: it was lost at first.
    const isLate = known === undefined && seq >= this.#base && seq > this.#highest - longestQueue;
    const isFirst = this.#highest === -1;
    if (isFirst || boot || !(seq > this.#highest || isLate)) {
      if (!isFirst) this.run++;
      this.#seen.clear();
      this.#base = seq;
      this.#highest = seq;
      this.ack = Math.max(0, seq - 1);
    }
    this.#highest = Math.max(this.#highest, seq);
    this.#seen.set(seq, { digest, state: "open", repeats: 0 });
    return false;
  }

  /**
   * The gateway has done what it will do with a frame.
   * @param run the run it came in; an earlier one no longer matters
   * @param durable false: it could not be kept, so that only the same frame again, or the peer giving up, gets past it
   */
  settle(run: number, seq: number, durable: boolean): void {
    const frame = run === this.run ? this.#seen.get(seq) : undefined;
    if (!frame || frame.state === "settled") return;
    frame.state = durable ? "settled" : "failed";
    this.#advance();
  }

  #advance(): void {
    const ahead = [...this.#seen.keys()].filter((seq) => seq > this.ack).sort((a, b) => a - b);
    let reached = this.ack;
    for (const seq of ahead) {
      const { state } = this.#seen.get(seq)!;
      if (state === "open") break;
      if (seq > reached + 1 && !this.#holesAreNormal && !this.#isGivenUp(seq - 1)) break;
      if (state === "failed" && !this.#isGivenUp(seq)) break;
      if (state === "settled") this.ack = seq;
      reached = seq;
    }
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= remembered || oldest > this.ack) break;
      this.#seen.delete(oldest);
    }
  }

  /** The sender will not send this one any more. */
  #isGivenUp(seq: number): boolean {
    if (seq <= this.#highest - longestQueue) return true;
    for (const [later, { state, repeats }] of this.#seen) {
      if (later > seq && state === "settled" && repeats >= patience) return true;
    }
    return false;
  }
}
