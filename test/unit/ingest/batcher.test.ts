import { afterAll, beforeAll, expect, test } from "vitest";
import type { VerifyResponse } from "../../../gateway/ingest/batch.ts";
import { Batcher } from "../../../gateway/ingest/batcher.ts";
import { DeviceTable } from "../../../src/registry/device-table.ts";
import { signedEnvelope, testDevice } from "../../support/envelopes.ts";

const alice = testDevice("alice");
const nowUs = 1_760_000_000_000_000;
const upload = {
  transport: "mqtt",
  format: "envelope",
  payload: signedEnvelope(alice),
  deviceId: "alice",
  source: "test",
  session: "",
} as const;

/** One turn of the event loop brings so many messages: one batch or several, for idle workers or for busy ones. */
const turns = [1, 300, 1, 2, 40, 1, 1, 129, 3, 1];

const patience = { timeout: 30_000, interval: 1 };

let judged: { item: number; refused: string | undefined }[];
let batcher: Batcher<number>;
let next = 0;

beforeAll(() => {
  judged = [];
  batcher = new Batcher<number>({
    workers: 2,
    onJudged: (response: VerifyResponse, items: readonly number[]) => {
      const refused = new Map(response.refusals.map(({ index, reason }) => [index, reason]));
      for (const [index, item] of items.entries()) judged.push({ item, refused: refused.get(index) });
      batcher.recycle(response.leaves);
    },
    onFatal: (error) => {
      throw error;
    },
  });
});
afterAll(() => batcher.close());

test("messages are judged in the order in which they came, with the devices of that moment, whichever worker has them", async () => {
  const devices = new DeviceTable();
  const addTurns = async (): Promise<void> => {
    for (const count of turns) {
      for (let i = 0; i < count; i++) batcher.add(upload, nowUs, false, next++);
      // Some turns find the workers busy with the ones before, others find them idle.
      if (count < 100) await new Promise((resolve) => setImmediate(resolve));
      else await expect.poll(() => judged.length, patience).toBe(next);
    }
  };
  await addTurns();
  const unknown = next;
  const { publicKey } = alice;
  devices.apply(
    { type: "device.enrolled", id: "alice", name: "alice", role: "", transport: "", publicKey },
    nowUs - 1_000,
  );
  batcher.updateDevices([devices.find("alice")!]);
  await addTurns();
  const accepted = next;
  devices.apply({ type: "device.revoked", id: "alice", reason: "lost" }, nowUs - 500);
  batcher.updateDevices([devices.find("alice")!]);
  await addTurns();
  await expect.poll(() => judged.length, patience).toBe(next);
  expect(judged).toEqual(
    Array.from({ length: next }, (_, item) => ({
      item,
      refused: item < unknown ? "UNKNOWN_DEVICE" : item < accepted ? undefined : "DEVICE_REVOKED",
    })),
  );
});
