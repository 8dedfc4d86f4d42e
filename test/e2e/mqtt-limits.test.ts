/** What one client may cost the others: nothing. */
import { describe, expect, test } from "vitest";
import {
  connectClient,
  connectPacket,
  eventually,
  openRules,
  publishPacket,
  RawClient,
  type RunningBroker,
  startBroker,
  subscribePacket,
} from "./mqtt-support.ts";

const rules = openRules;
const payload = Buffer.alloc(1_000, 0xa1);

/** Publish uploads at QoS 1, at most 200 of them unacknowledged. @returns once all are acknowledged */
async function publishUploads(port: number, count: number): Promise<void> {
  const sender = new RawClient(port);
  sender.send(connectPacket({ clientId: "sender" }));
  await sender.take(4);
  for (let sent = 0; sent < count; sent += 200) {
    const batch = Array.from({ length: Math.min(200, count - sent) }, (_, at) =>
      publishPacket("mycobrain/dev-1/envelope", payload, 1, at + 1),
    );
    sender.send(...batch);
    await sender.take(4 * batch.length);
  }
}

async function frozenSubscriber({ port }: RunningBroker, qos: 0 | 1): Promise<RawClient> {
  const frozen = new RawClient(port);
  frozen.send(connectPacket({ clientId: "frozen" }), subscribePacket(1, ["mycobrain/#", qos]));
  await frozen.take(9);
  frozen.socket.pause();
  return frozen;
}

describe("a subscriber that stops reading", () => {
  test("at QoS 0 loses messages; ingest and the other subscribers lose nothing", async () => {
    const broker = await startBroker({ rules, limits: { sendBufferBytes: 1_048_576 } });
    await frozenSubscriber(broker, 0);
    const watcher = await connectClient(broker.url);
    let received = 0;
    watcher.removeAllListeners("message").on("message", () => received++);
    await watcher.subscribeAsync("mycobrain/+/envelope", { qos: 1 });
    await publishUploads(broker.port, 20_000);
    expect(broker.ingest.uploads).toHaveLength(20_000);
    await eventually(() => expect(received).toBe(20_000));
    expect(broker.transport.stats().dropped).toBeGreaterThan(0);
    expect(broker.transport.stats().slowDisconnects).toBe(0);
  });

  test("at QoS 1 is disconnected", async () => {
    const broker = await startBroker({ rules, limits: { sendBufferBytes: 65_536 } });
    const frozen = await frozenSubscriber(broker, 1);
    await publishUploads(broker.port, 20_000);
    expect(broker.ingest.uploads).toHaveLength(20_000);
    expect(broker.transport.stats().slowDisconnects).toBe(1);
    frozen.socket.resume();
    await frozen.untilClosed();
  });

  test("is disconnected after the frozen time, however little it was sent", async () => {
    const broker = await startBroker({ rules, limits: { frozenTimeoutMs: 1_000, sendBufferBytes: 1_073_741_824 } });
    const frozen = await frozenSubscriber(broker, 0);
    await publishUploads(broker.port, 15_000);
    // The sender remains.
    await eventually(() => expect(broker.transport.stats().connections).toBe(1));
    frozen.socket.resume();
    await frozen.untilClosed();
  });
});

describe("a packet that is too long", () => {
  test("is refused by its length alone, and counted", async () => {
    const { port, ingest, transport } = await startBroker({ limits: { packetBytes: 2_000 } });
    const client = new RawClient(port);
    client.send(connectPacket());
    await client.take(4);
    // PUBLISH of 100 MB, of which nothing follows.
    client.send(Buffer.from([0x30, 0x80, 0xc2, 0xd7, 0x2f]));
    await client.untilClosed();
    expect(ingest.rejects).toEqual([["mqtt", "PACKET_TOO_LARGE"]]);
    expect(transport.stats().packetsTooLarge).toBe(1);
  });

  test("one of the greatest length allowed is taken", async () => {
    const { url, ingest } = await startBroker({ limits: { packetBytes: 2_000 } });
    const client = await connectClient(url);
    const topic = "mycobrain/dev-1/envelope";
    await client.publishAsync(topic, Buffer.alloc(2_000 - 4 - topic.length), { qos: 1 });
    expect(ingest.uploads).toHaveLength(1);
  });
});

test("a client that sends faster than its rate is read slower, and loses nothing", async () => {
  const { port, ingest, transport } = await startBroker({ limits: { messagesPerSecond: 100 } });
  const client = new RawClient(port);
  const packets = Array.from({ length: 150 }, (_, at) =>
    publishPacket("mycobrain/dev-1/envelope", String(at), 1, at + 1),
  );
  client.send(connectPacket({ keepalive: 60 }), ...packets);
  const acks = await client.take(4 + 4 * 150);
  expect(ingest.uploads.map(({ payload }) => Buffer.from(payload).toString())).toEqual(
    packets.map((_, at) => String(at)),
  );
  expect(acks.readUInt16BE(acks.length - 2)).toBe(150);
  expect(transport.stats().throttled).toBeGreaterThanOrEqual(50);
});

test("a client that sends small segments is not read beyond what waits", async () => {
  const { port, url, transport } = await startBroker({ limits: { messagesPerSecond: 10 } });
  const client = new RawClient(port);
  client.send(connectPacket());
  await client.take(4);
  client.socket.setNoDelay(true);
  for (let id = 1; id <= 6_000; id++) {
    client.send(publishPacket("mycobrain/dev-1/envelope", "x", 1, id));
    await new Promise(setImmediate);
  }
  const other = await connectClient(url);
  for (let ping = 0; ping < 100; ping++) await other.publishAsync("mycobrain/dev-2/status", "x", { qos: 0 });
  expect(transport.stats().throttled).toBeGreaterThan(0);
  expect(transport.stats().throttled).toBeLessThan(3_000);
});

test("a topic deeper than allowed closes the connection", async () => {
  const { port } = await startBroker({ rules, limits: { topicLevels: 5 } });
  const client = new RawClient(port);
  client.send(connectPacket(), publishPacket("1/2/3/4/5", "x", 1));
  await client.take(8);
  client.send(publishPacket("1/2/3/4/5/6", "x", 1));
  await client.untilClosed();
});

test("more half-done QoS 2 messages than allowed close the connection", async () => {
  const { port } = await startBroker({ rules, limits: { inflight: 3 } });
  const client = new RawClient(port);
  client.send(connectPacket(), ...[1, 2, 3].map((id) => publishPacket("a", "x", 2, id)));
  await client.take(16);
  client.send(publishPacket("a", "x", 2, 4));
  await client.untilClosed();
});

test("subscriptions beyond those allowed are denied", async () => {
  const { port } = await startBroker({ rules, limits: { subscriptions: 2 } });
  const client = new RawClient(port);
  client.send(connectPacket(), subscribePacket(1, ["a", 1], ["b", 1], ["c", 1]), subscribePacket(2, ["b", 2]));
  await client.take(4);
  expect([...(await client.take(7))]).toEqual([0x90, 5, 0, 1, 1, 1, 0x80]);
  expect([...(await client.take(5))]).toEqual([0x90, 3, 0, 2, 2]);
});

test("a connection that never says CONNECT is closed", async () => {
  const { port } = await startBroker({ limits: { connectTimeoutMs: 100 } });
  await new RawClient(port).untilClosed();
});

test.each([{ connections: 2 }, { connectionsPerAddress: 2 }])(
  "connections beyond %j are closed at once, and room comes back",
  async (limits) => {
    const { port, url, transport } = await startBroker({ limits });
    const first = await connectClient(url);
    await connectClient(url);
    await new RawClient(port).untilClosed();
    expect(transport.stats().connectionsRefused).toBe(1);
    await first.endAsync(true);
    await eventually(async () => void (await connectClient(url)));
  },
);

describe("what was read and has no outcome", () => {
  test("is bounded for one connection", async () => {
    const broker = await startBroker({ rules });
    broker.ingest.held = true;
    const sender = new RawClient(broker.port);
    sender.send(connectPacket({ clientId: "sender" }));
    await sender.take(4);
    const sent = 2_000;
    for (let id = 1; id <= sent; id++) sender.send(publishPacket("mycobrain/dev-1/envelope", payload, 1, id));
    await eventually(() => expect(broker.ingest.uploads.length).toBeGreaterThanOrEqual(256));
    // One chunk of at most 64 KiB behind the last packet that may be outstanding.
    expect(broker.ingest.uploads.length).toBeLessThan(256 + 70);
    broker.ingest.held = false;
    broker.ingest.release();
    await sender.take(4 * sent);
    expect(broker.ingest.uploads).toHaveLength(sent);
  });

  test("is read no further on any connection while ingest has no room, and read on when it has", async () => {
    const broker = await startBroker({ rules });
    const senders = Array.from({ length: 20 }, () => new RawClient(broker.port));
    for (const [at, sender] of senders.entries()) {
      sender.send(connectPacket({ clientId: `sender-${at}` }));
      await sender.take(4);
    }
    broker.ingest.hasRoom = false;
    for (const sender of senders) sender.send(publishPacket("mycobrain/dev-1/envelope", payload, 1, 1));
    const late = new RawClient(broker.port);
    late.send(connectPacket({ clientId: "late" }));
    // Far more turns than all this takes when it is read.
    for (let turn = 0; turn < 2_000; turn++) await new Promise(setImmediate);
    expect(broker.ingest.uploads).toHaveLength(0);
    broker.ingest.makeRoom();
    for (const sender of senders) await sender.take(4);
    await late.take(4);
    expect(broker.ingest.uploads).toHaveLength(20);
  });
});
