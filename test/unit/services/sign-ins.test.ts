import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SignIns } from "../../../gateway/services/sign-ins.ts";
import type { EventEntry } from "../../../src/ledger/types.ts";

const hourMs = 3_600_000;
let entries: EventEntry[];
let diskIsFull: boolean;
let signIns: SignIns;
beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 4, 1, 12) });
  entries = [];
  diskIsFull = false;
  signIns = new SignIns({
    record: async (event) => {
      if (diskIsFull) throw new Error("the disk is full");
      entries.push(event);
    },
    nowUs: () => Date.now() * 1000,
    log: { warn: () => {} },
    refusalIntervalMs: hourMs,
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const told = () => entries.map(({ type, body }) => [type.replace("operator.", ""), ...body.values()].join(" "));

test("an operator's first request of a day is an entry, and no other", async () => {
  for (let hour = 0; hour < 30; hour++) {
    signIns.accepted("http", "ada");
    await vi.advanceTimersByTimeAsync(hourMs);
  }
  signIns.accepted("http", "bob");
  signIns.accepted("mqtt", "ada");
  expect(told()).toEqual(["signed_in ada http", "signed_in ada http", "signed_in bob http", "signed_in ada mqtt"]);
});

test("refusals are told at once, then as a count at most every interval", async () => {
  for (let attempt = 0; attempt < 500; attempt++) signIns.refused("http");
  await vi.advanceTimersByTimeAsync(0);
  expect(told()).toEqual(["sign_in_refused http 1"]);
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(told()).toEqual(["sign_in_refused http 1", "sign_in_refused http 499"]);
  await vi.advanceTimersByTimeAsync(10 * hourMs);
  signIns.refused("http");
  await vi.advanceTimersByTimeAsync(0);
  expect(told().slice(2)).toEqual(["sign_in_refused http 1"]);
});

test("what was counted is told when the gateway stops", async () => {
  for (let attempt = 0; attempt < 3; attempt++) signIns.refused("mqtt");
  await signIns.stop();
  expect(told()).toEqual(["sign_in_refused mqtt 1", "sign_in_refused mqtt 2"]);
});

test("with a full disk nobody is kept out, and nothing is forgotten", async () => {
  diskIsFull = true;
  signIns.accepted("http", "ada");
  signIns.refused("http");
  await vi.advanceTimersByTimeAsync(0);
  diskIsFull = false;
  signIns.accepted("http", "ada");
  signIns.refused("http");
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(told()).toEqual(["signed_in ada http", "sign_in_refused http 2"]);
});
