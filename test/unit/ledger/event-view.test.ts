import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeCbor } from "../../../src/codec/cbor.ts";
import type { CborValue } from "../../../src/codec/cbor-value.ts";
import { expiredEntry, removedEntry } from "../../../src/ingest/quarantine-events.ts";
import { decodeEntry, encodeEntry } from "../../../src/ledger/entry.ts";
import { eventTypes, eventView } from "../../../src/ledger/event-view.ts";
import { settingsChangedEntry, signedInEntry, signInRefusedEntry } from "../../../src/ledger/gateway-events.ts";
import { removalEntry } from "../../../src/ledger/removal.ts";
import { closedEntry, findingEntry } from "../../../src/ledger/scrub-events.ts";
import type { EventEntry } from "../../../src/ledger/types.ts";
import { eventEntry } from "../../../src/registry/events.ts";

const at = 1_790_000_000_000_000;
const key = new Uint8Array(32).fill(0xab);
const event = (type: string, body: Record<string, CborValue>): EventEntry => ({
  kind: "event",
  type,
  receivedUs: at,
  body: new Map(Object.entries(body)),
});

test.each<[EventEntry, string, string | null]>([
  [
    eventEntry({ type: "device.enrolled", id: "oak", name: "Oak", role: "", transport: "", publicKey: key }, at, "ada"),
    "enrolled oak with key 1 abababababababab…",
    "ada",
  ],
  [
    eventEntry({ type: "device.enrolled", id: "oak", name: "Oak", role: "", transport: "", publicKey: undefined }, at),
    "enrolled oak without a key",
    null,
  ],
  [
    eventEntry({ type: "device.key_rotated", id: "oak", epoch: 2, publicKey: key, previousValidUntilUs: at }, at),
    "oak has key 2 abababababababab…, the one before until 2026-09-21T14:13:20.000Z",
    null,
  ],
  [eventEntry({ type: "device.revoked", id: "oak", reason: "lost" }, at, "ada"), "revoked oak: lost", "ada"],
  [eventEntry({ type: "device.revoked", id: "oak", reason: "" }, at), "revoked oak", null],
  [
    eventEntry({ type: "quarantine.released", id: "oak", quarantineId: 3, leafIndex: 9 }, at),
    "message 3 of oak released, now entry 9",
    null,
  ],
  [
    removedEntry({ deviceId: "oak", quarantineId: 4, count: 1, reason: "UNSIGNED", by: "ada" }, at),
    "message 4 of oak removed from quarantine: UNSIGNED",
    "ada",
  ],
  [
    removedEntry({ deviceId: "oak", quarantineId: undefined, count: 5, reason: undefined, by: "ada" }, at),
    "5 messages of oak removed from quarantine",
    "ada",
  ],
  [expiredEntry(1, at), "1 message left quarantine by age", null],
  [removalEntry({ type: "device.erasure_ordered", id: "oak" }, at, "ada"), "what oak has sent is to be erased", "ada"],
  [
    findingEntry({ part: "journal", what: "a CRC", leafIndex: 9, count: 1, repaired: false }, at),
    "the scrub found journal wrong from entry 9: a CRC",
    null,
  ],
  [
    findingEntry({ part: "database", what: "rows were missing", leafIndex: 9, count: 2, repaired: true }, at),
    "the scrub repaired database from entry 9: rows were missing",
    null,
  ],
  [closedEntry(12, at), "what entry 12 tells of is not there any more", null],
  [signedInEntry("ada", "http", at), "signed in over http", "ada"],
  [signInRefusedEntry("mqtt", 2, at), "2 attempts to sign in over mqtt refused", null],
  [
    settingsChangedEntry({ settings: ["http.port", "mqtt.users"], fingerprint: key }, at),
    "the gateway started with other settings: http.port, mqtt.users",
    null,
  ],
  [
    event("firmware.approved", { version: "4.2.0", hardware: "esp32-s3", by: "ada" }),
    'firmware "4.2.0" approved for "esp32-s3"',
    "ada",
  ],
  [
    event("campaign.decided", { campaign: "spring", decision: "aborted", reason: "3 failed" }),
    'campaign "spring": aborted: 3 failed',
    null,
  ],
])("%# %o is told in a sentence", (entry, text, by) => {
  const read = decodeEntry(encodeEntry(entry));
  expect(read.ok && read.value.kind === "event" && eventView(read.value, 7)).toMatchObject({
    leafIndex: 7,
    time: "2026-09-21T14:13:20.000Z",
    type: entry.type,
    by,
    text,
  });
});

test("an event of a later version is shown with all that it says", () => {
  const view = eventView(
    event("moon.landed", { at: 2n ** 60n, crew: ["a", "b"], seal: key.subarray(0, 2), by: "ada" }),
    0,
  );
  expect(view.text).toBe('at 1152921504606846976, crew ["a","b"], seal abab');
  expect(view).toMatchObject({ by: "ada", deviceId: null, details: { at: "1152921504606846976", seal: "abab" } });
});

test("what would fill the screen is cut in the text, and whole in the details", () => {
  const { text, details } = eventView(
    event("moon.landed", { seal: new Uint8Array(2420), note: "\u{1f319}".repeat(90) }),
    0,
  );
  expect(text).toBe(`seal ${"00".repeat(40)}\u2026, note ${"\u{1f319}".repeat(80)}\u2026`);
  expect([String(details.seal).length, String(details.note).length]).toEqual([4840, 180]);
  expect(eventView(event("moon.landed", {}), 0).text).toBe("it says nothing more");
});

test.each([
  ["firmware.approved", { image: "sha256:00", component: "main", by: "ada" }, "image sha256:00, component main"],
  ["campaign.decided", { campaign: "spring", step: 2, outcome: "paused" }, "campaign spring, step 2, outcome paused"],
  ["device.key_rotated", { id: "oak", epoch: 2 }, "id oak, epoch 2"],
])("a %s that a later version words otherwise is shown with all that it says, not with gaps", (type, body, text) => {
  expect(eventView(event(type, body), 0).text).toBe(text);
});

const arbValue: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
    fc.string({ unit: "binary" }),
    fc.uint8Array(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 3 }).map((map) => new Map(Object.entries(map))),
  ),
})).value;
const arbKey = fc.constantFrom(
  "id",
  "device",
  "by",
  "count",
  "settings",
  "previous_valid_until_us",
  "reason",
  "__proto__",
);

test("any body of any type is shown, and is JSON", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom(...eventTypes), fc.string()),
      fc.array(fc.tuple(arbKey, arbValue)),
      fc.maxSafeNat(),
      (type, body, receivedUs) => {
        const entry: EventEntry = { kind: "event", type, receivedUs, body: new Map(body) };
        fc.pre(encodeCbor(entry.body).length < 60_000);
        const view = eventView(entry, 1);
        expect(JSON.parse(JSON.stringify(view))).toEqual(view);
        expect(typeof view.text).toBe("string");
      },
    ),
  );
});
