import { expect, test } from "vitest";
import { ackBody } from "../../../src/mqtt/ack.ts";

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

test("an accepted upload is named with its place in the ledger", () => {
  const message = { deviceId: "dev-1", seq: 42, msgId: 'a"b' };
  const body = ackBody(
    "dev-1",
    { kind: "stored", leafIndex: 7, leafHash: new Uint8Array(32).fill(0x0f), message },
    nowMs,
  );
  expect(JSON.parse(body)).toEqual({
    deviceId: "dev-1",
    msgId: 'a"b',
    seq: 42,
    accepted: true,
    reason: null,
    ackedAtUtc: "2026-01-02T03:04:05.678Z",
    leafIndex: 7,
    leafHash: "0f".repeat(32),
  });
});

test("a seq beyond 2^53 keeps all its digits", () => {
  const message = { deviceId: "dev-1", seq: 18_446_744_073_709_551_615n, msgId: undefined };
  const body = ackBody("dev-1", { kind: "duplicate", leafIndex: 0, leafHash: new Uint8Array(32), message }, nowMs);
  expect(body).toContain('"seq":18446744073709551615,');
});

test("a quarantined upload is refused with its reason", () => {
  const body = ackBody("dev-1", { kind: "quarantined", reason: "SIGNATURE_INVALID", id: 3, message: undefined }, nowMs);
  expect(JSON.parse(body)).toMatchObject({
    deviceId: "dev-1",
    msgId: null,
    seq: null,
    accepted: false,
    reason: "SIGNATURE_INVALID",
    leafIndex: null,
  });
});
