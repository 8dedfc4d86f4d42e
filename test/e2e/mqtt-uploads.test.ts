/** From a device's PUBLISH to ingest, and back as PUBACK and acknowledgement. */
import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { encodeMdpFrame } from "../../src/codec/mdp.ts";
import {
  adminToken,
  connectClient,
  connectPacket,
  eventually,
  openRules,
  packet,
  publishPacket,
  RawClient,
  startBroker,
  stored,
  text,
} from "./mqtt-support.ts";

const vectors: { frame: string }[] = JSON.parse(
  readFileSync(new URL("../../protocol/vectors/mdp-frames.json", import.meta.url), "utf8"),
);
const envelope = Buffer.from("ab0001", "hex");
const puback = (messageId: number): number[] => [0x40, 2, messageId >> 8, messageId & 0xff];

describe("an upload", () => {
  test.each([
    ["envelope", envelope, "envelope"],
    ["envelope", Buffer.from("a800184d0161640205", "hex"), "envelope-chained"],
    ["envelope", Buffer.from('{"hdr":{}}'), "envelope-json"],
    ["envelope", Buffer.from("no message"), "envelope"],
    ["envelope", Buffer.alloc(0), "envelope"],
    ["telemetry", Buffer.from('{"pack":[]}'), "telemetry-json"],
  ])("on %s reaches ingest byte for byte", async (channel, payload, format) => {
    const { url, ingest } = await startBroker();
    const client = await connectClient(url);
    await client.publishAsync(`mycobrain/dev-1/${channel}`, payload, { qos: 1 });
    expect(ingest.uploads).toHaveLength(1);
    expect(ingest.uploads[0]).toMatchObject({ transport: "mqtt", source: "mqtt", deviceId: "dev-1", format });
    expect(Buffer.from(ingest.uploads[0]!.payload)).toEqual(payload);
  });

  test("is acknowledged only after its outcome", async () => {
    const { port, ingest } = await startBroker();
    ingest.held = true;
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("mycobrain/dev-1/envelope", envelope, 1, 9), Buffer.from([0xc0, 0]));
    await client.take(4);
    // The answer to the ping overtakes the acknowledgement that is not due yet.
    expect([...(await client.take(2))]).toEqual([0xd0, 0]);
    await eventually(() => expect(ingest.uploads).toHaveLength(1));
    expect(client.bytes).toHaveLength(0);
    ingest.release();
    expect([...(await client.take(4))]).toEqual(puback(9));
  });

  test("acknowledgements leave in the order of the uploads, in whatever order those are settled", async () => {
    const { port, ingest } = await startBroker();
    ingest.held = true;
    const client = new RawClient(port);
    client.send(connectPacket(), ...[1, 2, 3].map((id) => publishPacket("mycobrain/dev-1/envelope", envelope, 1, id)));
    await eventually(() => expect(ingest.uploads).toHaveLength(3));
    ingest.release([2, 0, 1]);
    await client.take(4);
    expect([...(await client.take(12))]).toEqual([...puback(1), ...puback(2), ...puback(3)]);
  });

  test("that could not be committed closes the connection without acknowledgement", async () => {
    const { port, ingest } = await startBroker();
    ingest.outcome = () => new Error("disk full");
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("mycobrain/dev-1/envelope", envelope, 1, 9));
    await client.untilClosed();
    expect(client.bytes).toHaveLength(4);
  });

  test.each([
    ["quarantined", { kind: "quarantined", reason: "SIGNATURE_INVALID", id: 1, message: undefined }],
    ["rejected", { kind: "rejected", reason: "QUARANTINE_FULL" }],
  ] as const)("that is %s is acknowledged, and not passed on", async (_kind, outcome) => {
    const { url, ingest } = await startBroker({ rules: openRules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync("mycobrain/#", { qos: 1 });
    const client = await connectClient(url);
    ingest.outcome = () => outcome;
    await client.publishAsync("mycobrain/dev-1/envelope", envelope, { qos: 1 });
    await eventually(() => expect(watcher.received).toHaveLength(1));
    expect(watcher.received[0]!.topic).toBe("mycobrain/dev-1/ack");
    expect(JSON.parse(watcher.received[0]!.text)).toMatchObject({
      deviceId: "dev-1",
      accepted: false,
      reason: outcome.reason,
    });
  });

  test.each([0, 1, 2] as const)("at QoS %i is passed on once, and never retained", async (qos) => {
    const { url, transport } = await startBroker({ rules: openRules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync("mycobrain/+/envelope", { qos: 2 });
    const client = await connectClient(url);
    const before = transport.stats().retained;
    await client.publishAsync("mycobrain/dev-1/envelope", envelope, { qos, retain: true });
    await client.publishAsync("mycobrain/dev-2/envelope", envelope, { qos, retain: true });
    await eventually(() =>
      expect(watcher.received.map(({ topic, qos }) => [topic, qos])).toEqual([
        ["mycobrain/dev-1/envelope", qos],
        ["mycobrain/dev-2/envelope", qos],
      ]),
    );
    expect(transport.stats().retained).toBe(before);
  });

  test("is passed on even if its sender did not wait for the acknowledgement", async () => {
    const { url, port, ingest } = await startBroker({ rules: openRules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync("mycobrain/+/envelope", { qos: 1 });
    ingest.held = true;
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("mycobrain/dev-1/envelope", envelope, 1), Buffer.from([0xe0, 0]));
    await client.untilClosed();
    await eventually(() => expect(ingest.uploads).toHaveLength(1));
    ingest.release();
    await eventually(() => expect(watcher.received).toHaveLength(1));
  });

  test("repeated at QoS 2 before its release is taken once", async () => {
    const { port, ingest } = await startBroker();
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("mycobrain/dev-1/envelope", envelope, 2, 5));
    await client.take(8);
    client.send(publishPacket("mycobrain/dev-1/envelope", envelope, 2, 5, true));
    expect([...(await client.take(4))]).toEqual([0x50, 2, 0, 5]);
    expect(ingest.uploads).toHaveLength(1);
  });

  test("left as a will is taken when its client dies", async () => {
    const { port, ingest } = await startBroker();
    const client = new RawClient(port);
    const will = [text("mycobrain/dev-1/telemetry"), text('{"pack":[]}')];
    client.send(packet(0x10, text("MQTT"), Buffer.from([4, 0x0e, 0, 0]), text("mortal"), ...will));
    await client.take(4);
    client.socket.destroy();
    await eventually(() => expect(ingest.uploads).toMatchObject([{ deviceId: "dev-1", format: "telemetry-json" }]));
  });

  test("is acknowledged on its ack topic, with every digit of its seq", async () => {
    const { url, ingest } = await startBroker();
    const client = await connectClient(url);
    await client.subscribeAsync("mycobrain/dev-1/ack", { qos: 1 });
    ingest.outcome = (upload, leafIndex) => stored(upload.deviceId, leafIndex, 2n ** 64n - 1n);
    await client.publishAsync("mycobrain/dev-1/telemetry", "{}", { qos: 1 });
    await eventually(() => expect(client.received).toHaveLength(1));
    expect(client.received[0]!.text).toContain('"seq":18446744073709551615,');
    const ack = JSON.parse(client.received[0]!.text);
    expect(ack).toMatchObject({
      deviceId: "dev-1",
      msgId: "m0",
      accepted: true,
      reason: null,
      leafIndex: 0,
      leafHash: "ab".repeat(32),
    });
  });

  test("whose ack topic is subscribed to later is acknowledged there from then on", async () => {
    const { url } = await startBroker();
    const client = await connectClient(url);
    await client.publishAsync("mycobrain/dev-1/envelope", envelope, { qos: 1 });
    await client.subscribeAsync("mycobrain/dev-1/ack");
    await client.publishAsync("mycobrain/dev-1/envelope", envelope, { qos: 1 });
    await eventually(() => expect(client.received).toHaveLength(1));
    expect(client.received[0]!.text).toBe("receipt of leaf 1");
  });

  test("gets a signed receipt if it is an envelope in CBOR that was stored, and JSON if it is anything else", async () => {
    const { url, ingest } = await startBroker();
    const client = await connectClient(url);
    await client.subscribeAsync("mycobrain/dev-1/ack", { qos: 1 });
    const upload = (body: Buffer | string) => client.publishAsync("mycobrain/dev-1/envelope", body, { qos: 1 });
    await upload(envelope);
    await upload('{"hdr":{}}');
    ingest.outcome = () => ({ kind: "quarantined", reason: "UNKNOWN_DEVICE", id: 1, message: undefined });
    await upload(envelope);
    await eventually(() => expect(client.received).toHaveLength(3));
    const [receipt, ...json] = client.received.map(({ text }) => text);
    expect(receipt).toBe("receipt of leaf 0");
    expect(json.map((text) => JSON.parse(text).accepted)).toEqual([true, false]);
  });

  test("is not signed for where nobody is subscribed", async () => {
    const receiptOf = vi.fn(() => Buffer.from("receipt"));
    const { url } = await startBroker({}, { receipts: { receiptOf } });
    const client = await connectClient(url);
    await client.publishAsync("mycobrain/dev-1/envelope", envelope, { qos: 1 });
    await client.subscribeAsync("mycobrain/dev-2/ack");
    await client.publishAsync("mycobrain/dev-1/envelope", envelope, { qos: 1 });
    expect(receiptOf).not.toHaveBeenCalled();
    await client.publishAsync("mycobrain/dev-2/envelope", envelope, { qos: 1 });
    expect(receiptOf).toHaveBeenCalledOnce();
  });
});

describe("relayed MDP frames", () => {
  const frameOf = (body: Uint8Array): Buffer =>
    Buffer.from(encodeMdpFrame({ type: 1, seq: 1, src: 0xa1, dst: 0xc0, body }));

  test("each become an upload, and PUBACK follows the last", async () => {
    const { port, ingest } = await startBroker();
    ingest.held = true;
    const client = new RawClient(port);
    const json = frameOf(Buffer.from('{"type":"telemetry","temperature":21.5}'));
    const frames = [Buffer.from([0]), frameOf(envelope), json];
    client.send(connectPacket(), publishPacket("mycobrain/dev-1/mdp", Buffer.concat(frames), 1, 3));
    await eventually(() => expect(ingest.uploads).toHaveLength(2));
    expect(ingest.uploads.map(({ format, payload }) => [format, Buffer.from(payload)])).toEqual([
      ["envelope", envelope],
      ["mdp-b", json],
    ]);
    await client.take(4);
    expect(client.bytes).toHaveLength(0);
    ingest.release();
    expect([...(await client.take(4))]).toEqual(puback(3));
  });

  test("the recorded frames of the field are all taken", async () => {
    const { url, ingest } = await startBroker();
    const client = await connectClient(url);
    const wires = vectors.map(({ frame }) => Buffer.from(frame, "hex"));
    await client.publishAsync("mycobrain/dev-1/mdp", Buffer.concat(wires), { qos: 1 });
    expect(ingest.uploads.map(({ payload }) => Buffer.from(payload))).toEqual(wires);
    expect(ingest.rejects).toEqual([]);
  });

  test("a damaged frame is counted, the others are taken", async () => {
    const { url, ingest } = await startBroker();
    const client = await connectClient(url);
    const damaged = frameOf(envelope);
    damaged[damaged.length - 3]! ^= 0x80;
    await client.publishAsync("mycobrain/dev-1/mdp", Buffer.concat([damaged, frameOf(envelope)]), { qos: 1 });
    expect(ingest.uploads).toHaveLength(1);
    expect(ingest.rejects).toEqual([["mqtt", "FRAME_CRC_MISMATCH"]]);
  });

  test("a payload without a frame is counted", async () => {
    const { url, ingest } = await startBroker();
    const client = await connectClient(url);
    await client.publishAsync("mycobrain/dev-1/mdp", Buffer.alloc(3), { qos: 1 });
    expect(ingest.rejects).toEqual([["mqtt", "FRAME_EMPTY"]]);
  });

  test("one frame that could not be committed is one too many to acknowledge", async () => {
    const { port, ingest } = await startBroker();
    ingest.outcome = (upload, leafIndex) =>
      leafIndex === 0 ? new Error("disk full") : stored(upload.deviceId, leafIndex);
    const client = new RawClient(port);
    client.send(
      connectPacket(),
      publishPacket("mycobrain/dev-1/mdp", Buffer.concat([frameOf(envelope), frameOf(envelope)]), 1),
    );
    await client.untilClosed();
    expect(client.bytes).toHaveLength(4);
  });
});

describe("other topics of a device", () => {
  test("a heartbeat is read and handed on; one that cannot be read is counted", async () => {
    const heartbeats: unknown[] = [];
    const { url, ingest } = await startBroker(
      {},
      { onHeartbeat: (deviceId, heartbeat) => heartbeats.push([deviceId, heartbeat]) },
    );
    const client = await connectClient(url);
    await client.publishAsync("mycobrain/dev-1/heartbeat", '{"firmware_version":"1.0.0"}', { qos: 1 });
    await client.publishAsync("mycobrain/dev-1/heartbeat", "[1]", { qos: 1 });
    await client.publishAsync("mycobrain/dev-1/heartbeat", "{", { qos: 1 });
    expect(heartbeats).toEqual([["dev-1", { firmware_version: "1.0.0" }]]);
    expect(ingest.rejects).toEqual([
      ["mqtt", "BODY_INVALID"],
      ["mqtt", "BODY_INVALID"],
    ]);
    expect(ingest.uploads).toEqual([]);
  });

  test("a status is retained, a command is not, and is offered to the gateway, which may take it", async () => {
    const commands: unknown[] = [];
    const { url } = await startBroker(
      {},
      {
        onCommand: (deviceId, payload) => {
          commands.push([deviceId, Buffer.from(payload).toString()]);
          return deviceId === "dev-1" ? undefined : Promise.resolve();
        },
      },
    );
    const operator = await connectClient(url, { username: "admin", password: adminToken });
    const device = await connectClient(url);
    await device.publishAsync("mycobrain/dev-1/status", '{"state":"online"}', { qos: 1, retain: true });
    await operator.publishAsync("mycobrain/dev-1/cmd", '{"cmd":"reboot"}', { qos: 1, retain: true });
    await operator.subscribeAsync("mycobrain/dev-1/#", { qos: 1 });
    await operator.subscribeAsync("mycobrain/dev-2/#", { qos: 1 });
    await operator.publishAsync("mycobrain/dev-2/cmd", '{"cmd":"taken"}', { qos: 1 });
    await operator.publishAsync("mycobrain/dev-1/cmd", '{"cmd":"again"}', { qos: 1 });
    await eventually(() =>
      expect(operator.received.map(({ text, retain }) => [text, retain])).toEqual([
        ['{"state":"online"}', true],
        ['{"cmd":"again"}', false],
      ]),
    );
    expect(commands).toEqual([
      ["dev-1", '{"cmd":"reboot"}'],
      ["dev-2", '{"cmd":"taken"}'],
      ["dev-1", '{"cmd":"again"}'],
    ]);
  });

  test("however open the topics are, only an operator has the gateway itself do something", async () => {
    const obeyed: unknown[] = [];
    const note = (what: string, payload: Uint8Array): undefined =>
      void obeyed.push([what, Buffer.from(payload).toString()]);
    const { url } = await startBroker({ rules: openRules }, { onCommand: note, onRequest: note });
    const operator = await connectClient(url, { username: "admin", password: adminToken });
    const anybody = await connectClient(url);
    for (const [client, payload] of [
      [anybody, "no"],
      [operator, "yes"],
    ] as const) {
      await client.publishAsync("mycobrain/dev-1/cmd", payload, { qos: 1 });
      await client.publishAsync("mycogate/gw/request/device/list", payload, { qos: 1 });
    }
    expect(obeyed).toEqual([
      ["dev-1", "yes"],
      ["device/list", "yes"],
    ]);
  });

  test("a denied PUBLISH of QoS 1 closes the connection, one of QoS 0 is dropped; both are counted", async () => {
    const { port, ingest, transport } = await startBroker();
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("mycobrain/dev-1/cmd", "x", 0), Buffer.from([0xc0, 0]));
    await client.take(6);
    client.send(publishPacket("mycobrain/dev-1/cmd", "x", 1));
    await client.untilClosed();
    expect(ingest.rejects).toEqual([
      ["mqtt", "TOPIC_DENIED"],
      ["mqtt", "TOPIC_DENIED"],
    ]);
    expect(transport.stats().publishesDenied).toBe(2);
  });

  test("an upload for what is no device id is denied even where all topics are open", async () => {
    const { port, ingest } = await startBroker({ rules: openRules });
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("mycobrain/no device/envelope", envelope, 1));
    await client.untilClosed();
    expect(ingest.rejects).toEqual([["mqtt", "TOPIC_DENIED"]]);
  });
});
