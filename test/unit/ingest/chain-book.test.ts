import fc from "fast-check";
import { expect, test } from "vitest";
import { anchorLinks, chainedId, parseChained } from "../../../src/codec/chained.ts";
import { parseEnvelope } from "../../../src/codec/envelope.ts";
import { ChainBook } from "../../../src/ingest/chain-book.ts";
import { blake2b256, testDevice } from "../../support/envelopes.ts";
import { SparseChain, type SparseMessage } from "../../support/sparse-chain.ts";

const device = testDevice("hilltop");
const hourUs = 3_600_000_000;

/** A gateway of nothing but the book: takes messages in any order, believes those that are proven. */
class Believer {
  readonly book = new ChainBook(24 * hourUs);
  readonly believed = new Set<SparseMessage>();
  readonly #held: SparseMessage[] = [];

  take(message: SparseMessage, nowUs = 0): void {
    if (message.isAnchor) {
      const envelope = parseEnvelope(message.bytes);
      if (!envelope.ok) throw new Error(envelope.detail);
      this.#believe(message, anchorLinks(envelope.value.metadata), nowUs);
      return;
    }
    const link = chainedId(blake2b256(message.bytes));
    if (this.book.proof(device.id, link)) this.#believeChained(message, nowUs);
    else if (this.book.waiting(device.id, link) === undefined) {
      this.book.wait(device.id, link, { quarantineId: this.#held.push(message) - 1, receivedUs: nowUs });
    }
  }

  #believeChained(message: SparseMessage, nowUs: number): void {
    const parsed = parseChained(message.bytes);
    if (!parsed.ok) throw new Error(parsed.detail);
    this.#believe(message, parsed.value.links, nowUs);
  }

  #believe(message: SparseMessage, links: readonly Uint8Array[], nowUs: number): void {
    this.believed.add(message);
    for (const id of this.book.prove(device.id, links, { keyEpoch: 1, atUs: nowUs })) {
      this.book.leave(id);
      this.#believeChained(this.#held[id]!, nowUs);
    }
  }
}

function sent(count: number, span: number, links: number): SparseMessage[] {
  const chain = new SparseChain(device, span, links);
  return [...Array.from({ length: count }, () => chain.next()), chain.anchor()];
}

/** Lost frames, so that of the chained ones never as many in a row are lost as there are links. */
const arbLosses = fc
  .record({
    span: fc.integer({ min: 1, max: 20 }),
    links: fc.integer({ min: 1, max: 8 }),
    count: fc.integer({ min: 1, max: 60 }),
  })
  .chain(({ span, links, count }) =>
    fc.record({
      span: fc.constant(span),
      links: fc.constant(links),
      count: fc.constant(count),
      lost: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
      order: fc.array(fc.double({ noNaN: true }), { minLength: count + 1, maxLength: count + 1 }),
    }),
  );

test("whatever is lost, anchors too: with fewer chained messages lost in a row than there are links, all others are proven", () => {
  fc.assert(
    fc.property(arbLosses, ({ span, links, count, lost }) => {
      const messages = sent(count, span, links);
      let run = 0;
      const arriving = messages.filter(({ isAnchor }, at) => {
        // The last anchor arrives; an earlier one that is lost breaks nothing.
        const isLost = at < count && lost[at]! && (isAnchor || run + 1 < links);
        if (!isAnchor) run = isLost ? run + 1 : 0;
        return !isLost;
      });
      const gateway = new Believer();
      for (const message of arriving) gateway.take(message);
      expect(gateway.believed.size).toBe(arriving.length);
      expect(gateway.book.waitingCount).toBe(0);
    }),
  );
});

test("in whatever order they arrive, the same ones are proven", () => {
  fc.assert(
    fc.property(arbLosses, ({ span, links, count, lost, order }) => {
      const arriving = sent(count, span, links).filter((_, at) => at === count || !lost[at]);
      const inOrder = new Believer();
      for (const message of arriving) inOrder.take(message);
      const shuffled = new Believer();
      const places = new Map(arriving.map((message, at) => [message, order[at]!]));
      for (const message of arriving.toSorted((a, b) => places.get(a)! - places.get(b)!)) shuffled.take(message);
      expect(shuffled.believed).toEqual(inOrder.believed);
    }),
  );
});

test("a message with any bit changed is not the one that is proven", () => {
  fc.assert(
    fc.property(fc.nat({ max: 9 }), fc.nat(), (which, bit) => {
      const messages = sent(10, 20, 2);
      const original = messages[which]!;
      const bytes = original.bytes.slice();
      bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
      const forged = { ...original, bytes };
      const gateway = new Believer();
      for (const message of messages) gateway.take(message === original ? forged : message);
      expect(gateway.believed.has(forged)).toBe(false);
      expect(gateway.believed.size).toBe(messages.length - 1);
      // Nor does the genuine one suffer from it.
      gateway.take(original);
      expect(gateway.believed.has(original)).toBe(true);
    }),
  );
});

test("what waited for too long is not proven any more, and neither is what only it leads to", () => {
  const chain = new SparseChain(device, 9, 1);
  const gateway = new Believer();
  const [old, stale, fresh] = [chain.chained(), chain.chained(), chain.chained()];
  gateway.take(old, 0);
  gateway.take(stale, 0);
  gateway.take(fresh, hourUs);
  gateway.take(chain.anchor(), 24 * hourUs + 1);
  expect([...gateway.believed].filter(({ isAnchor }) => !isAnchor)).toEqual([fresh]);
  expect(gateway.book.waitingCount).toBe(2);
});

test("after a start without memory a chain begins anew, and what was not signed before it waits", () => {
  const chain = new SparseChain(device, 9, 2);
  const gateway = new Believer();
  const before = [chain.chained(), chain.chained()];
  chain.reboot();
  const after = [chain.chained(), chain.anchor()];
  for (const message of [...before, ...after]) gateway.take(message);
  expect(gateway.believed).toEqual(new Set(after));
  expect(gateway.book.waitingCount).toBe(before.length);
});

test("proofs of one device are nothing to another, and are forgotten in the order they came", () => {
  const book = new ChainBook(hourUs);
  const link = (number: number): Uint8Array => blake2b256(Uint8Array.of(number >> 8, number & 0xff)).subarray(0, 16);
  const proof = { keyEpoch: 3, atUs: 0 };
  book.prove("a", [link(0)], proof);
  expect(book.proof("a", link(0))).toEqual(proof);
  expect(book.proof("b", link(0))).toBeUndefined();
  for (let number = 1; number <= 1024; number++) book.prove("a", [link(number)], proof);
  expect(book.proof("a", link(0))).toBeUndefined();
  expect(book.proof("a", link(1))).toEqual(proof);
});

test("what is proven and still waits is found after a start", () => {
  const book = new ChainBook(hourUs);
  const link = new Uint8Array(16).fill(1);
  book.prove("a", [link], { keyEpoch: 1, atUs: 5 });
  book.wait("a", link, { quarantineId: 7, receivedUs: 0 });
  book.wait("a", new Uint8Array(16), { quarantineId: 8, receivedUs: 0 });
  expect(book.overdue()).toEqual([7]);
  book.leave(7);
  expect(book.overdue()).toEqual([]);
  expect(book.waitingCount).toBe(1);
});
