/** MQTT 3.1.1 as the broker speaks it; numbers in brackets are the specification's statements. */
import { describe, expect, test } from "vitest";
import {
  closeOf,
  connectClient,
  connectPacket,
  eventually,
  openRules,
  packet,
  publishPacket,
  RawClient,
  refusalOf,
  startBroker,
  subscribePacket,
  text,
} from "./mqtt-support.ts";

const rules = openRules;
const disconnect = Buffer.from([0xe0, 0]);

describe("CONNECT", () => {
  test.each([
    ["an empty client identifier with clean session", { clientId: "" }, 0],
    ["an empty client identifier without clean session", { clientId: "", clean: false }, 2],
    ["a client identifier of 300 characters", { clientId: "x".repeat(300) }, 2],
    ["protocol level 5", { level: 5 }, 1],
    ["protocol level 2", { level: 2 }, 1],
    ["protocol level 9", { level: 9 }, 1],
  ])("%s is answered with return code", async (_what, options, code) => {
    const { port } = await startBroker();
    const client = new RawClient(port);
    client.send(connectPacket(options));
    expect([...(await client.take(4))]).toEqual([0x20, 2, 0, code]);
    if (code > 0) await client.untilClosed();
  });

  test.each([
    ["a second CONNECT [3.1.0-2]", [connectPacket(), connectPacket()]],
    ["anything before CONNECT [3.1.0-1]", [publishPacket("a", "x")]],
    ["a reserved connect flag [3.1.2-3]", [packet(0x10, text("MQTT"), Buffer.from([4, 3, 0, 0]), text("c"))]],
    [
      "a password without user name [3.1.2-22]",
      [packet(0x10, text("MQTT"), Buffer.from([4, 0x42, 0, 0]), text("c"), text("pw"))],
    ],
    ["another protocol name", [packet(0x10, text("MQTX"), Buffer.from([4, 2, 0, 0]), text("c"))]],
    ["SUBSCRIBE without a filter [3.8.3-3]", [connectPacket(), packet(0x82, Buffer.from([0, 1]))]],
    ["UNSUBSCRIBE without a filter [3.10.3-2]", [connectPacket(), packet(0xa2, Buffer.from([0, 1]))]],
    [
      "SUBSCRIBE with wrong fixed flags [3.8.1-1]",
      [connectPacket(), packet(0x80, Buffer.from([0, 1]), text("a"), Buffer.from([0]))],
    ],
    ["a wildcard within a level [4.7.1]", [connectPacket(), subscribePacket(1, ["a#", 0])]],
    ["a packet identifier of 0 [2.3.1-1]", [connectPacket(), publishPacket("a", "x", 1, 0)]],
    ["PUBLISH to a wildcard [3.3.2-2]", [connectPacket(), publishPacket("a/+", "x")]],
    ["a topic with U+0000 [1.5.3-2]", [connectPacket(), publishPacket("a\0b", "x")]],
    ["a topic that is not UTF-8 [1.5.3-1]", [connectPacket(), packet(0x30, Buffer.from([0, 2, 0xc3, 0x28]))]],
    ["QoS 3 [3.3.1-4]", [connectPacket(), packet(0x36, text("a"), Buffer.from([0, 1]))]],
  ])("%s closes the connection", async (_what, packets) => {
    const { port } = await startBroker({ rules });
    const client = new RawClient(port);
    client.send(...packets);
    await client.untilClosed();
  });

  test("a second client with the same identifier takes over [3.1.4-2]", async () => {
    const { url } = await startBroker({ rules });
    const first = await connectClient(url, { clientId: "same" });
    const closed = closeOf(first);
    const second = await connectClient(url, { clientId: "same" });
    await closed;
    await second.subscribeAsync("a");
    await second.publishAsync("a", "x");
    await eventually(() => expect(second.received).toHaveLength(1));
  });

  test("silence for one and a half times the keep alive ends the connection [3.1.2-24]", async () => {
    const { port } = await startBroker();
    const client = new RawClient(port);
    client.send(connectPacket({ keepalive: 1 }));
    await client.untilClosed();
  });
});

describe("SUBSCRIBE", () => {
  test("denied filters are answered 0x80, the others granted [3.9.3]", async () => {
    const { port } = await startBroker();
    const client = new RawClient(port);
    client.send(connectPacket(), subscribePacket(7, ["mycobrain/dev-1/ack", 1], ["#", 2], ["mycobrain/+/ack", 2]));
    await client.take(4);
    expect([...(await client.take(7))]).toEqual([0x90, 5, 0, 7, 1, 0x80, 2]);
  });

  test.each([
    [
      ["a/+", 1],
      ["a/#", 2],
    ],
    [
      ["a/#", 2],
      ["a/+", 1],
    ],
    [
      ["a/b", 0],
      ["a/+", 2],
    ],
  ] as [string, 0 | 1 | 2][][])(
    "overlapping filters deliver once, at the highest QoS granted [3.3.5-1]: %j %j",
    async (first, second) => {
      const { url } = await startBroker({ rules });
      const client = await connectClient(url);
      await client.subscribeAsync({ [first[0]]: { qos: first[1] } });
      await client.subscribeAsync({ [second[0]]: { qos: second[1] } });
      await client.publishAsync("a/b", "x", { qos: 2 });
      await client.publishAsync("a/b", "last", { qos: 2 });
      await eventually(() =>
        expect(client.received.map(({ text, qos }) => [text, qos])).toEqual([
          ["x", 2],
          ["last", 2],
        ]),
      );
    },
  );

  test.each([
    [0, 2, 0],
    [1, 2, 1],
    [2, 1, 1],
    [2, 0, 0],
  ] as const)(
    "through a wildcard granted QoS %i a message of QoS %i arrives at QoS %i [3.8.4-6]",
    async (granted, published, expected) => {
      const { url } = await startBroker({ rules });
      const client = await connectClient(url);
      await client.publishAsync("kept/x", "retained", { qos: published, retain: true });
      await client.subscribeAsync("kept/#", { qos: granted });
      await client.publishAsync("kept/x", "live", { qos: published });
      await eventually(() => expect(client.received).toHaveLength(2));
      expect(client.received.map(({ text, qos, retain }) => [text, qos, retain])).toEqual([
        ["retained", expected, true],
        ["live", expected, false],
      ]);
    },
  );

  test("an unsubscribed filter delivers no more, an overlapping one still does", async () => {
    const { url } = await startBroker({ rules });
    const client = await connectClient(url);
    await client.subscribeAsync({ "a/b": { qos: 2 }, "a/#": { qos: 1 } });
    await client.unsubscribeAsync("a/b");
    await client.publishAsync("a/b", "x", { qos: 2 });
    await client.unsubscribeAsync("a/#");
    await client.publishAsync("a/b", "unseen", { qos: 1 });
    await client.subscribeAsync("end");
    await client.publishAsync("end", "end");
    await eventually(() => expect(client.received.at(-1)?.text).toBe("end"));
    expect(client.received.map(({ text, qos }) => [text, qos])).toEqual([
      ["x", 1],
      ["end", 0],
    ]);
  });

  test("a leading wildcard does not see topics that begin with $ [4.7.2-1]", async () => {
    const { url } = await startBroker({ rules });
    const client = await connectClient(url);
    await client.subscribeAsync(["#", "+/x"]);
    await client.publishAsync("$other/x", "hidden", { qos: 1 });
    await client.publishAsync("a/x", "seen", { qos: 1 });
    await eventually(() => expect(client.received.some(({ text }) => text === "seen")).toBe(true));
    expect(client.received.some(({ topic }) => topic.startsWith("$"))).toBe(false);
  });

  test("what a deny rule covers is withheld from a wider subscription", async () => {
    const { url } = await startBroker({ rules: [{ deny: "subscribe", topic: "secret/#" }, ...rules] });
    const client = await connectClient(url);
    await client.publishAsync("secret/kept", "hidden", { qos: 1, retain: true });
    await client.subscribeAsync("#", { qos: 1 });
    await client.publishAsync("secret/x", "hidden", { qos: 1 });
    await client.publishAsync("x", "seen", { qos: 1 });
    await eventually(() => expect(client.received.some(({ text }) => text === "seen")).toBe(true));
    expect(client.received.some(({ text }) => text === "hidden")).toBe(false);
  });
});

describe("PUBLISH", () => {
  test("an empty retained payload deletes what is retained [3.3.1-10]", async () => {
    const { url, transport } = await startBroker({ rules });
    const client = await connectClient(url);
    const before = transport.stats().retained;
    await client.publishAsync("kept", "x", { qos: 1, retain: true });
    expect(transport.stats().retained).toBe(before + 1);
    await client.publishAsync("kept", "", { qos: 1, retain: true });
    expect(transport.stats().retained).toBe(before);
    await client.subscribeAsync("kept", { qos: 1 });
    await client.publishAsync("kept", "live", { qos: 1 });
    await eventually(() => expect(client.received.map(({ text }) => text)).toEqual(["live"]));
  });

  test("a repeated QoS 2 PUBLISH is acknowledged again and delivered once [4.3.3-2]", async () => {
    const { url, port } = await startBroker({ rules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync("a", { qos: 2 });
    const sender = new RawClient(port);
    sender.send(connectPacket(), publishPacket("a", "once", 2, 5));
    await sender.take(4);
    expect([...(await sender.take(4))]).toEqual([0x50, 2, 0, 5]);
    sender.send(publishPacket("a", "once", 2, 5, true));
    expect([...(await sender.take(4))]).toEqual([0x50, 2, 0, 5]);
    sender.send(packet(0x62, Buffer.from([0, 5])));
    expect([...(await sender.take(4))]).toEqual([0x70, 2, 0, 5]);
    sender.send(publishPacket("a", "next", 2, 5));
    await eventually(() => expect(watcher.received.map(({ text }) => text)).toEqual(["once", "next"]));
  });

  test("DUP of an inbound message is not passed on [3.3.1-3]", async () => {
    const { url, port } = await startBroker({ rules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync("a", { qos: 1 });
    new RawClient(port).send(connectPacket(), publishPacket("a", "x", 1, 5, true));
    await eventually(() => expect(watcher.received).toMatchObject([{ text: "x", dup: false }]));
  });

  test("messages of one sender and QoS arrive in their order [4.6.0-6]", async () => {
    const { url, port } = await startBroker({ rules });
    for (const qos of [0, 1, 2] as const) {
      const watcher = await connectClient(url);
      await watcher.subscribeAsync("a", { qos });
      const sender = new RawClient(port);
      const texts = Array.from({ length: 500 }, (_, at) => String(at));
      sender.send(connectPacket(), ...texts.map((value, at) => publishPacket("a", value, qos, at + 1)));
      await eventually(() => expect(watcher.received).toHaveLength(500));
      expect(watcher.received.map(({ text }) => text)).toEqual(texts);
    }
  });

  test("a message sent right before DISCONNECT is delivered", async () => {
    const { url, port } = await startBroker({ rules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync("a", { qos: 1 });
    new RawClient(port).send(connectPacket(), publishPacket("a", "zero", 0), publishPacket("a", "one", 1), disconnect);
    await eventually(() => expect(watcher.received.map(({ text }) => text).sort()).toEqual(["one", "zero"]));
  });

  test("nobody publishes to $SYS", async () => {
    const { port, transport } = await startBroker({ rules: [{ allow: "all", topic: "$SYS/#" }, ...rules] });
    const client = new RawClient(port);
    client.send(connectPacket(), publishPacket("$SYS/x", "forged", 1));
    await client.untilClosed();
    expect(transport.stats().publishesDenied).toBe(1);
  });
});

describe("the will", () => {
  test.each([
    ["an abnormal close", undefined, ["gone"]],
    ["DISCONNECT", disconnect, []],
  ])("after %s", async (_what, farewell, expected) => {
    const { url, port } = await startBroker({ rules });
    const watcher = await connectClient(url);
    await watcher.subscribeAsync(["last/words", "end"], { qos: 1 });
    const mortal = new RawClient(port);
    const will = [text("last/words"), text("gone")];
    mortal.send(packet(0x10, text("MQTT"), Buffer.from([4, 0x0e, 0, 0]), text("mortal"), ...will));
    await mortal.take(4);
    if (farewell) mortal.send(farewell);
    else mortal.socket.destroy();
    await mortal.untilClosed();
    await eventually(async () => {
      await watcher.publishAsync("end", "end", { qos: 1 });
      expect(watcher.received.filter(({ topic }) => topic === "last/words").map(({ text }) => text)).toEqual(expected);
    });
  });

  test("a will that the rules deny refuses the connection", async () => {
    const { url } = await startBroker();
    expect(
      await refusalOf(url, { will: { topic: "mycobrain/x/cmd", payload: Buffer.from("x"), qos: 1, retain: false } }),
    ).toBe(5);
  });
});

test("the gateway's own state is retained, and offline once it stops", async () => {
  const broker = await startBroker();
  const client = await connectClient(broker.url);
  await client.subscribeAsync("mycogate/gw/#", { qos: 1 });
  await broker.transport.publishRetained("info", { version: "0.1.0" });
  await eventually(() =>
    expect(client.received.map(({ topic, text }) => [topic, text])).toContainEqual([
      "mycogate/gw/info",
      '{"version":"0.1.0"}',
    ]),
  );
  await broker.transport.stop();
  const states = client.received.filter(({ topic }) => topic === "mycogate/gw/state");
  expect(states).toMatchObject([
    { text: '{"state":"online"}', qos: 1, retain: true },
    { text: '{"state":"offline"}', qos: 1 },
  ]);
});
