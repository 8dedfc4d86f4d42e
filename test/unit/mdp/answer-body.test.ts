import { expect, test, vi } from "vitest";
import { mdp } from "../../../protocol/spec.ts";
import type { Outcome } from "../../../src/ingest/upload.ts";
import { answerBody } from "../../../src/mdp/answer-body.ts";

const receipt = Uint8Array.of(0xd2, 0x84);
const message = { deviceId: "dev-1", seq: 1, msgId: "00".repeat(16) };
const outcomes: Outcome[] = [
  { kind: "stored", leafIndex: 1, leafHash: new Uint8Array(32), message },
  { kind: "duplicate", leafIndex: 1, leafHash: new Uint8Array(32), message },
  { kind: "quarantined", reason: "UNKNOWN_DEVICE", id: 1, message },
  { kind: "rejected", reason: "QUARANTINE_FULL" },
];

test("an envelope is answered by its receipt, or by the reason in JSON", () => {
  const [stored, duplicate, quarantined, rejected] = outcomes.map((outcome) =>
    answerBody("envelope", outcome, { receiptOf: () => receipt }),
  );
  expect([stored, duplicate]).toEqual([receipt, receipt]);
  expect(Buffer.from(quarantined!).toString()).toBe('{"success":false,"message":"UNKNOWN_DEVICE"}');
  expect(Buffer.from(rejected!).toString()).toBe('{"success":false,"message":"QUARANTINE_FULL"}');
  expect(quarantined![0]).toBe(mdp.receiptBody.refusalFirstByte);
  expect(stored![0]).toBe(mdp.receiptBody.receiptFirstByte);
});

test("the field's own messages are answered without a body, and nothing is signed for them", () => {
  const receiptOf = vi.fn(() => receipt);
  for (const outcome of outcomes) expect(answerBody("mdp-b", outcome, { receiptOf })).toHaveLength(0);
  expect(receiptOf).not.toHaveBeenCalled();
});
