import { expect, test } from "vitest";
import { ChainDesk, linkTo, type ReleasePorts } from "../../../gateway/ingest/chain-desk.ts";
import type { Outcome, Upload } from "../../../src/ingest/upload.ts";
import { testDevice } from "../../support/envelopes.ts";
import { SparseChain } from "../../support/sparse-chain.ts";

const device = testDevice("hilltop");
const proof = { keyEpoch: 1, atUs: 0 };
const message = new SparseChain(device, 1, 1).next().bytes;
const upload: Upload = {
  transport: "lora",
  format: "envelope-chained",
  payload: message,
  deviceId: device.id,
  source: "lora:hill",
};
const stored: Outcome = {
  kind: "stored",
  leafIndex: 7,
  leafHash: new Uint8Array(32),
  message: { deviceId: device.id, seq: 1, msgId: "" },
};

/** A quarantine of one item, whose release is answered when the test says so. */
function withOneItem(outcome: Outcome): { desk: ChainDesk; ports: ReleasePorts; calls: string[]; answer: () => void } {
  const desk = new ChainDesk(1_000);
  const calls: string[] = [];
  let answer = (): void => undefined;
  const ports: ReleasePorts = {
    quarantine: {
      whenDurable: (_id, listener) => listener(undefined),
      read: async () => ({ upload, receivedUs: 0 }),
      end: async (id, what) => {
        calls.push(`${what} ${id}`);
        desk.gone(id);
        return true;
      },
    },
    resubmit: () => {
      calls.push("resubmit");
      return new Promise((resolve) => {
        answer = () => resolve(outcome);
      });
    },
  };
  desk.held(3, { reason: "SIGNATURE_PENDING", detail: "", upload, receivedUs: 0, sizeBytes: message.length });
  return { desk, ports, calls, answer: () => answer() };
}

test("a message that several links lead to is released once, and a stop waits for it", async () => {
  const { desk, ports, calls, answer } = withOneItem(stored);
  desk.prove(device.id, [linkTo(message)], proof, ports);
  desk.prove(device.id, [linkTo(message)], proof, ports);
  await new Promise(setImmediate);
  expect(calls).toEqual(["resubmit"]);
  answer();
  await desk.stop();
  expect(calls).toEqual(["resubmit", "released 3"]);
  expect(desk).toMatchObject({ released: 1, waiting: 0 });
});

test("one that is refused when it is judged again stays where it is", async () => {
  const { desk, ports, calls, answer } = withOneItem({
    kind: "quarantined",
    reason: "DEVICE_REVOKED",
    id: -1,
    message: undefined,
  });
  desk.prove(device.id, [linkTo(message)], proof, ports);
  await new Promise(setImmediate);
  answer();
  await desk.stop();
  expect(calls).toEqual(["resubmit"]);
  expect(desk).toMatchObject({ released: 0, waiting: 1 });
});

test("after a stop nothing is released; what is left over is found at the next start", async () => {
  const { desk, ports, calls } = withOneItem(stored);
  await desk.stop();
  desk.prove(device.id, [linkTo(message)], proof, ports);
  desk.releaseOverdue(ports);
  await new Promise(setImmediate);
  expect(calls).toEqual([]);
});

test("only what waits for a signature is held, and what is attested proves nothing", () => {
  const desk = new ChainDesk(1_000);
  desk.held(1, { reason: "UNSIGNED", detail: "", upload, receivedUs: 0, sizeBytes: message.length });
  expect(desk.waiting).toBe(0);
  const entry = { kind: "reading", receivedUs: 0, source: "", firmware: "", deviceId: device.id } as const;
  const payload = new Uint8Array();
  desk.remember({ ...entry, format: "envelope", payload, keyEpoch: 0 }, [linkTo(message)]);
  expect(desk.proof(upload)).toBeUndefined();
  desk.remember({ ...entry, format: "envelope", payload, keyEpoch: 2 }, [linkTo(message)]);
  expect(desk.proof(upload)).toEqual({ keyEpoch: 2, atUs: 0 });
});
