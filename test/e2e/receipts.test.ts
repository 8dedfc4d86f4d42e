/** Signed receipts as a device gets them from the built gateway: over real MQTT and a real pty. */
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { encodeMdpFrame } from "../../src/codec/mdp.ts";
import { verifyReceipt } from "../../src/ledger/receipt.ts";
import { receiptKeyOf } from "../support/device-books.ts";
import { signedEnvelope, testDevice } from "../support/envelopes.ts";
import { needs } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { framesIn } from "../support/serial-boards.ts";

const dir = scratchDir("receipts");
const device = testDevice("r".repeat(64));
let gateway: GatewayProcess;
let receiptKey: Buffer;
let pty: Pty | undefined;

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000 });

beforeAll(async () => {
  pty = await Pty.open().catch(() => undefined);
  gateway = await GatewayProcess.start(join(dir, "data"), pty ? { MYCOGATE_SERIAL_PORTS: pty.path } : {});
  await gateway.enrol([{ id: device.id, publicKey: device.publicKey.toString("hex") }]);
  receiptKey = await receiptKeyOf(gateway);
});

afterAll(async () => {
  await gateway?.stop();
  await pty?.close();
});

const leafHashOf = async (leafIndex: number): Promise<string> =>
  (await gateway.request<{ leafHash: string }>("GET", `/api/v1/entries/${leafIndex}`)).leafHash;

test("over MQTT: a stored envelope and its repeat get receipts for one leaf, a refused one gets JSON", async () => {
  const client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => client.endAsync());
  const acks: Buffer[] = [];
  client.on("message", (_topic, payload) => acks.push(payload));
  await client.subscribeAsync(`mycobrain/${device.id}/ack`, { qos: 1 });
  const upload = (bytes: Uint8Array) =>
    client.publishAsync(`mycobrain/${device.id}/envelope`, Buffer.from(bytes), { qos: 1 });
  const seq = 2n ** 64n - 1n;
  const envelope = signedEnvelope(device, { seq });
  await upload(envelope);
  await upload(signedEnvelope(device, { seq: 8 }));
  await upload(envelope);
  await upload(envelope.with(envelope.length - 1, envelope.at(-1)! ^ 1));
  await until(() => expect(acks).toHaveLength(4));
  const [stored, , duplicate] = acks.map((bytes) => verifyReceipt(bytes, receiptKey));
  if (!stored?.ok || !duplicate?.ok) throw new Error("no receipt");
  expect(stored.value).toMatchObject({ device: device.id, seq });
  expect(Buffer.from(stored.value.leafHash).toString("hex")).toBe(await leafHashOf(stored.value.leafIndex));
  const { treeSize, ...same } = duplicate.value;
  expect(stored.value).toMatchObject(same);
  expect(treeSize).toBeGreaterThan(stored.value.treeSize);
  expect(JSON.parse(acks[3]!.toString())).toMatchObject({ accepted: false, reason: "SIGNATURE_INVALID" });
});

needs("python3")("over a serial port", () => {
  test("the ACK carries the receipt in one LoRa packet, the NACK says why, and who asks for nothing gets nothing", async () => {
    const frame = (seq: number, body: Uint8Array, flags: number = mdpFlags.ACK_REQUESTED): Uint8Array =>
      encodeMdpFrame({
        type: mdpTypes.TELEMETRY,
        seq,
        flags,
        src: mdpEndpoints.SIDE_A,
        dst: mdpEndpoints.GATEWAY,
        body,
      });
    const envelope = signedEnvelope(device, { seq: 100 });
    const forged = signedEnvelope(testDevice(device.id, Buffer.alloc(32, 7)), { seq: 101 });
    // Only the last answer is waited for, so the silence before it is one.
    pty!.write(frame(1, signedEnvelope(device, { seq: 99 }), 0));
    pty!.write(frame(2, envelope));
    await until(() => expect(framesIn(pty!.received)).toHaveLength(1));
    pty!.write(frame(3, forged));
    await until(() => expect(framesIn(pty!.received)).toHaveLength(2));
    const [ack, nack] = framesIn(pty!.received);
    expect(ack).toMatchObject({ type: mdpTypes.ACK, flags: mdpFlags.IS_ACK, ack: 2, dst: mdpEndpoints.SIDE_A });
    const receipt = verifyReceipt(ack!.body, receiptKey);
    if (!receipt.ok) throw new Error(receipt.detail);
    expect(receipt.value).toMatchObject({ device: device.id, seq: 100 });
    expect(Buffer.from(receipt.value.leafHash).toString("hex")).toBe(await leafHashOf(receipt.value.leafIndex));
    expect(pty!.received.indexOf(0) + 1).toBeLessThanOrEqual(255);
    expect(nack).toMatchObject({ type: mdpTypes.ACK, flags: mdpFlags.IS_NACK, ack: 3 });
    expect(JSON.parse(Buffer.from(nack!.body).toString())).toEqual({ success: false, message: "SIGNATURE_INVALID" });
  });
});
