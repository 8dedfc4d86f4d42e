import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type SessionRecord, SessionState, storedSize } from "../../../src/mqtt/session-state.ts";

const clientId = fc.constantFrom("c1", "c2");
const filter = fc.constantFrom("a", "a/#", "+");
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const payload = fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString("base64"));
const messageId = fc.integer({ min: 1, max: 4 });
const sequence = fc.integer({ min: 1, max: 6 });

const arbRecord: fc.Arbitrary<SessionRecord> = fc.oneof(
  fc.tuple(fc.constant("session" as const), clientId, fc.constant("owner")),
  fc.tuple(fc.constant("offline" as const), clientId, fc.integer({ min: 0 })),
  fc.tuple(fc.constant("end" as const), clientId),
  fc.tuple(fc.constant("subscribe" as const), clientId, filter, qos),
  fc.tuple(fc.constant("unsubscribe" as const), clientId, filter),
  fc.tuple(fc.constant("release" as const), clientId, messageId),
  fc.tuple(fc.constant("done" as const), clientId, messageId),
  fc.tuple(fc.constant("incoming" as const), clientId, messageId),
  fc.tuple(fc.constant("complete" as const), clientId, messageId),
  fc.tuple(fc.constant("retain" as const), filter, payload, qos),
  fc.tuple(
    fc.constant("will" as const),
    clientId,
    fc.record({ topic: filter, payload, qos, retain: fc.boolean(), transport: fc.constant("mqtt") }),
  ),
  fc.tuple(fc.constant("no-will" as const), clientId),
  fc.tuple(
    fc.constant("queue" as const),
    sequence,
    filter,
    payload,
    fc.array(fc.tuple(clientId, fc.constantFrom(1 as const, 2 as const)), { minLength: 1, maxLength: 1 }),
  ),
  fc.tuple(fc.constant("sent" as const), clientId, sequence, messageId),
);

function stateOf(records: Iterable<SessionRecord>): SessionState {
  const state = new SessionState();
  for (const record of records) state.apply(record);
  return state;
}

describe("session state", () => {
  test("its snapshot rebuilds it, whatever led to it", () =>
    fc.assert(
      fc.property(fc.array(arbRecord, { maxLength: 40 }), (records) => {
        const state = stateOf(records);
        const snapshot = [...state.snapshot()];
        const again = stateOf(snapshot);
        expect([...again.snapshot()]).toEqual(snapshot);
        expect(again.storedBytes).toBe(state.storedBytes);
        for (const topic of ["a", "a/b", "x"]) {
          expect(again.subscriptions.match(topic).length).toBe(state.subscriptions.match(topic).length);
        }
      }),
      { numRuns: 1_000 },
    ));

  test("it counts exactly the bytes it holds", () =>
    fc.assert(
      fc.property(fc.array(arbRecord, { maxLength: 40 }), (records) => {
        const state = stateOf(records);
        let held = 0;
        for (const message of state.retained.values()) held += storedSize(message.topic, message.payload);
        for (const session of state.sessions.values()) {
          let queued = 0;
          for (const delivery of session.deliveries.values()) queued += storedSize(delivery.topic, delivery.payload);
          expect(session.queuedBytes).toBe(queued);
          held += queued;
        }
        expect(state.storedBytes).toBe(held);
      }),
      { numRuns: 1_000 },
    ));

  test("the end of a session leaves nothing of it", () => {
    const state = stateOf([
      ["session", "c1", "owner"],
      ["subscribe", "c1", "a/#", 1],
      ["queue", 1, "a/b", "AAAA", [["c1", 1]]],
      ["sent", "c1", 1, 9],
      ["incoming", "c1", 3],
      ["end", "c1"],
    ]);
    expect([...state.snapshot()]).toEqual([]);
    expect(state.subscriptions.size).toBe(0);
    expect(state.storedBytes).toBe(0);
  });
});
