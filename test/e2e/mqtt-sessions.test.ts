/** What survives a disconnect, a restart, and a kill -9. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  connectClient,
  connectPacket,
  eventually,
  openRules,
  packet,
  publishPacket,
  RawClient,
  type RunningBroker,
  refusalOf,
  scratch,
  startBroker,
  subscribePacket,
  text,
} from "./mqtt-support.ts";

const rules = openRules;
const session = { clientId: "kept", clean: false } as const;

/** CONNECT without clean session. @returns session present */
async function resume(port: number, clientId = "kept"): Promise<{ client: RawClient; present: number }> {
  const client = new RawClient(port);
  client.send(connectPacket({ clientId, clean: false }));
  const connack = await client.take(4);
  expect([connack[0], connack[3]]).toEqual([0x20, 0]);
  return { client, present: connack[2]! };
}

async function leave(client: RawClient): Promise<void> {
  client.send(Buffer.from([0xe0, 0]));
  await client.untilClosed();
}

describe("a session", () => {
  test("is present from its second connection on, even without subscriptions, until it is cleaned", async () => {
    const { port } = await startBroker({ rules });
    const presents: number[] = [];
    for (const clean of [false, false, true, false]) {
      const client = new RawClient(port);
      client.send(connectPacket({ clientId: "kept", clean }));
      presents.push((await client.take(4))[2]!);
      await leave(client);
    }
    expect(presents).toEqual([0, 1, 0, 0]);
  });

  test("keeps QoS 1 and 2 messages in order, at the QoS granted, while its client is away", async () => {
    const { url, port } = await startBroker({ rules });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a/#", 1], ["b", 2], ["c", 0]));
    await client.take(7);
    await leave(client);
    const sender = await connectClient(url);
    const published = [
      ["a/1", 2],
      ["c", 2],
      ["a/2", 0],
      ["a/3", 1],
      ["b", 2],
    ] as const;
    for (const [topic, qos] of published) await sender.publishAsync(topic, topic, { qos });
    const again = await connectClient(url, session);
    const expected = [
      ["a/1", 1],
      ["a/3", 1],
      ["b", 2],
    ];
    await eventually(() => expect(again.received.map(({ text, qos }) => [text, qos])).toEqual(expected));
  });

  test("gets what comes during its return behind what was waiting", async () => {
    const { url, port } = await startBroker({ rules });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a", 1]));
    await client.take(5);
    await leave(client);
    const sender = await connectClient(url);
    const texts = Array.from({ length: 600 }, (_, at) => String(at));
    for (const value of texts.slice(0, 300)) sender.publish("a", value, { qos: 1 });
    await sender.publishAsync("other", "", { qos: 1 });
    const returning = connectClient(url, session);
    for (const value of texts.slice(300)) sender.publish("a", value, { qos: 1 });
    const again = await returning;
    await eventually(() => expect(again.received.length).toBeGreaterThanOrEqual(600));
    expect(again.received.map(({ text }) => text)).toEqual(texts);
  });

  test("sends an unacknowledged message again with its packet identifier and DUP [4.4.0-1]", async () => {
    const { url, port } = await startBroker({ rules });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a", 1]));
    await client.take(5);
    const sender = await connectClient(url);
    await sender.publishAsync("a", "x", { qos: 1 });
    const first = await client.take(8);
    await leave(client);
    const { client: again, present } = await resume(port);
    expect(present).toBe(1);
    const second = await again.take(8);
    expect(first[0]).toBe(0x32);
    expect(second[0]).toBe(0x3a);
    expect(second.subarray(1)).toEqual(first.subarray(1));
    again.send(packet(0x40, second.subarray(5, 7)));
    await leave(again);
    const { client: third } = await resume(port);
    third.send(Buffer.from([0xc0, 0]));
    expect([...(await third.take(2))]).toEqual([0xd0, 0]);
  });

  test("sends PUBREL again where the message was received [4.4.0-1]", async () => {
    const { url, port } = await startBroker({ rules });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a", 2]));
    await client.take(5);
    const sender = await connectClient(url);
    await sender.publishAsync("a", "x", { qos: 2 });
    const messageId = (await client.take(8)).subarray(5, 7);
    client.send(packet(0x50, messageId));
    expect(await client.take(4)).toEqual(packet(0x62, messageId));
    await leave(client);
    const { client: again } = await resume(port);
    expect(await again.take(4)).toEqual(packet(0x62, messageId));
  });

  test("gives a retained message none of the packet identifiers it still uses", async () => {
    const { url, port } = await startBroker({ rules });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a", 1]));
    await client.take(5);
    const sender = await connectClient(url);
    await sender.publishAsync("kept", "x", { qos: 1, retain: true });
    await sender.publishAsync("a", "y", { qos: 1 });
    const messageId = (await client.take(8)).readUInt16BE(5);
    await leave(client);
    const { client: again } = await resume(port);
    await again.take(8);
    again.send(subscribePacket(2, ["kept", 1]));
    await again.take(5);
    expect((await again.take(11)).readUInt16BE(8)).toBe((messageId % 65_535) + 1);
  });

  test("does not keep what the rules denied in the same SUBSCRIBE", async () => {
    const { port, transport } = await startBroker({ rules: [{ allow: "all", topic: "a" }] });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["secret", 1], ["a", 1]));
    expect([...(await client.take(6))]).toEqual([0x90, 4, 0, 1, 0x80, 1]);
    await leave(client);
    await transport.publish("secret", "x", { qos: 1 });
    await transport.publish("a", "y", { qos: 1 });
    const { client: again } = await resume(port);
    expect((await again.take(8)).at(-1)).toBe("y".charCodeAt(0));
  });

  test("has a bounded queue, and what does not fit is counted", async () => {
    const { url, port, transport } = await startBroker({ rules, limits: { queuedMessages: 3 } });
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a", 1]));
    await client.take(5);
    await leave(client);
    for (const value of ["1", "2", "3", "4", "5"]) await transport.publish("a", value, { qos: 1 });
    expect(transport.stats().notStored).toBe(2);
    const again = await connectClient(url, session);
    await eventually(() => expect(again.received.map(({ text }) => text)).toEqual(["1", "2", "3"]));
  });

  test("beyond the number kept is refused", async () => {
    const { url } = await startBroker({ rules, limits: { sessions: 1 } });
    await connectClient(url, session);
    expect(await refusalOf(url, { clientId: "another", clean: false })).toBe(3);
    await connectClient(url, { clientId: "without", clean: true });
  });

  test("is forgotten after its time", async () => {
    const persistenceDir = scratch();
    let nowMs = 1_000;
    const options = { persistenceDir, nowMs: () => nowMs };
    const first = await startBroker({ rules, limits: { sessionExpirySeconds: 60 } }, options);
    await leave((await resume(first.port)).client);
    await first.transport.stop();
    nowMs += 61_000;
    const second = await startBroker({ rules, limits: { sessionExpirySeconds: 60 } }, options);
    expect((await resume(second.port)).present).toBe(0);
  });
});

describe("after a restart", () => {
  async function fill({ url, port }: Pick<RunningBroker, "url" | "port">): Promise<void> {
    const { client } = await resume(port);
    client.send(subscribePacket(1, ["a/#", 2]));
    await client.take(5);
    await leave(client);
    const sender = await connectClient(url);
    await sender.publishAsync("a/1", "one", { qos: 1 });
    await sender.publishAsync("a/2", "two", { qos: 2 });
    await sender.publishAsync("kept", "value", { qos: 1, retain: true });
    await sender.publishAsync("gone", "value", { qos: 1, retain: true });
    await sender.publishAsync("gone", "", { qos: 1, retain: true });
    const half = await resume(port, "half");
    half.client.send(publishPacket("a/3", "three", 2, 77));
    await half.client.take(4);
  }

  async function examine({ url, port }: Pick<RunningBroker, "url" | "port">): Promise<void> {
    const half = await resume(port, "half");
    half.client.send(publishPacket("a/3", "three", 2, 77, true));
    expect([...(await half.client.take(4))]).toEqual([0x50, 2, 0, 77]);
    const client = await connectClient(url, session);
    await client.publishAsync("a/4", "four", { qos: 1 });
    // The library hands out a QoS 2 message at its PUBREL, so the two kinds keep their order only among themselves.
    const texts = (qos: number): string[] =>
      client.received.filter((message) => message.qos === qos).map(({ text }) => text);
    await eventually(() =>
      expect([texts(1), texts(2)]).toEqual([
        ["one", "four"],
        ["two", "three"],
      ]),
    );
    await client.subscribeAsync(["kept", "gone"]);
    await eventually(() =>
      expect(client.received.at(-1)).toMatchObject({ topic: "kept", text: "value", retain: true }),
    );
  }

  test("sessions, queues, retained messages and half-done QoS 2 exchanges go on", async () => {
    const persistenceDir = scratch();
    const first = await startBroker({ rules }, { persistenceDir });
    await fill(first);
    await first.transport.stop();
    await examine(await startBroker({ rules }, { persistenceDir }));
  });

  test("a subscription that the rules no longer allow is gone", async () => {
    const persistenceDir = scratch();
    const first = await startBroker({ rules }, { persistenceDir });
    const { client } = await resume(first.port);
    client.send(subscribePacket(1, ["a", 1], ["b", 1]));
    await client.take(6);
    await first.transport.stop();
    const changed = [{ deny: "subscribe", topic: "a" }, ...rules] as const;
    const second = await startBroker({ rules: changed }, { persistenceDir });
    await leave((await resume(second.port)).client);
    await second.transport.publish("a", "x", { qos: 1 });
    await second.transport.publish("b", "y", { qos: 1 });
    const { client: again } = await resume(second.port);
    expect((await again.take(8)).at(-1)).toBe("y".charCodeAt(0));
  });

  test("also when a line was damaged and the last one torn", async () => {
    const persistenceDir = scratch();
    const first = await startBroker({ rules }, { persistenceDir });
    await fill(first);
    await first.transport.stop();
    appendFileSync(join(persistenceDir, "sessions.ndjson"), 'no record\n["end","ke');
    await examine(await startBroker({ rules }, { persistenceDir }));
  });

  test("also when the process was killed", async () => {
    const persistenceDir = scratch();
    const first = await spawnHost(persistenceDir);
    await fill(first);
    first.child.kill("SIGKILL");
    await new Promise((resolve) => first.child.once("exit", resolve));
    await examine(await spawnHost(persistenceDir));
  });

  test("the wills of those who were connected when the process was killed are published", async () => {
    const persistenceDir = scratch();
    const first = await spawnHost(persistenceDir);
    const mortal = new RawClient(first.port);
    const will = [text("mycobrain/dev-1/status"), text("offline")];
    mortal.send(packet(0x10, text("MQTT"), Buffer.from([4, 0x2e, 0, 0]), text("mortal"), ...will));
    await mortal.take(4);
    first.child.kill("SIGKILL");
    await mortal.untilClosed();
    const second = await spawnHost(persistenceDir);
    const watcher = await connectClient(second.url);
    await watcher.subscribeAsync("mycobrain/#");
    await eventually(() => expect(watcher.received).toMatchObject([{ text: "offline", retain: true }]));
    expect(readFileSync(join(persistenceDir, "sessions.ndjson"), "utf8")).toContain('["no-will","mortal"]');
  });
});

async function spawnHost(directory: string): Promise<{ child: ChildProcess; url: string; port: number }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("mqtt-host.mjs", import.meta.url)), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout!).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the broker's process ended with ${code}`)));
  });
  return { child, url: `mqtt://127.0.0.1:${line}`, port: Number(line) };
}
