/** Who is let in, as whom, and by which listener. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import WebSocket from "ws";
import { authority, broker, device, namedByDns, stranger } from "./mqtt-certificates.ts";
import {
  adminToken,
  closeOf,
  connectClient,
  eventually,
  hashPassword,
  mqttConfig,
  openRules,
  packet,
  RawClient,
  refusalOf,
  scratch,
  startBroker,
  text,
} from "./mqtt-support.ts";

describe("user name and password", () => {
  const users = () => {
    const passwordFile = join(scratch(), "password");
    writeFileSync(passwordFile, "from a file\n");
    return [
      { name: "dev-1", role: "device", passwordHash: hashPassword("secret") },
      { name: "host", role: "relay", passwordFile },
      { name: "eve", role: "viewer", passwordFile },
    ] as const;
  };

  test("a device with its password touches its own topics only", async () => {
    const { url, ingest } = await startBroker({ users: users() });
    for (let attempt = 0; attempt < 2; attempt++) {
      const client = await connectClient(url, { username: "dev-1", password: "secret" });
      await client.publishAsync("mycobrain/dev-1/telemetry", "{}", { qos: 1 });
      await expect(client.subscribeAsync("mycobrain/dev-2/ack")).rejects.toThrow();
      const closed = closeOf(client);
      client.publish("mycobrain/dev-2/telemetry", "{}", { qos: 1 });
      await closed;
    }
    expect(ingest.uploads.map(({ deviceId }) => deviceId)).toEqual(["dev-1", "dev-1"]);
  });

  test.each([
    ["a wrong password", { username: "dev-1", password: "wrong" }, 4],
    ["no password", { username: "dev-1" }, 4],
    ["an unknown user", { username: "nobody", password: "secret" }, 4],
    ["a wrong admin token", { username: "admin", password: "wrong" }, 4],
    ["no credentials where anonymous clients are not allowed", {}, 5],
  ])("%s is refused", async (_what, options, code) => {
    const { url, transport } = await startBroker({ users: users(), allowAnonymous: false });
    expect(await refusalOf(url, options)).toBe(code);
    expect(transport.stats().connectsRefused).toBe(1);
  });

  test("the admin token makes an operator, a user of role viewer only sees, a relay speaks for any device", async () => {
    const { url, ingest } = await startBroker({ users: users() });
    const admin = await connectClient(url, { username: "admin", password: adminToken });
    const viewer = await connectClient(url, { username: "eve", password: "from a file" });
    const relay = await connectClient(url, { username: "host", password: "from a file" });
    await viewer.subscribeAsync("#", { qos: 1 });
    await admin.publishAsync("mycobrain/dev-9/cmd", "x", { qos: 1 });
    await relay.publishAsync("mycobrain/dev-9/telemetry", "{}", { qos: 1 });
    await eventually(() =>
      expect(viewer.received.map(({ topic }) => topic)).toEqual(
        expect.arrayContaining(["mycobrain/dev-9/cmd", "mycobrain/dev-9/telemetry"]),
      ),
    );
    expect(ingest.uploads).toHaveLength(1);
    const closed = closeOf(viewer);
    viewer.publish("mycobrain/dev-9/cmd", "x", { qos: 1 });
    await closed;
  });

  test("where no users are configured, a user name on loopback means nothing", async () => {
    const { url } = await startBroker();
    await connectClient(url, { username: "mycobrain", password: "whatever" });
    expect(await refusalOf(url, { username: "admin", password: "whatever" })).toBe(4);
  });

  test("neither session nor connection of another can be taken over by its client identifier", async () => {
    const { url } = await startBroker({ users: users() });
    const owner = await connectClient(url, { username: "dev-1", password: "secret", clientId: "mine", clean: false });
    const thief = { username: "eve", password: "from a file", clientId: "mine" };
    expect(await refusalOf(url, { ...thief, clean: true })).toBe(2);
    expect(owner.connected).toBe(true);
    await owner.endAsync();
    expect(await refusalOf(url, { ...thief, clean: false })).toBe(2);
    expect(await refusalOf(url, { ...thief, clean: true })).toBe(2);
  });

  test("a device may have to use its id as client identifier", async () => {
    const { url } = await startBroker({ users: users(), requireClientIdMatch: true });
    const device = { username: "dev-1", password: "secret" };
    expect(await refusalOf(url, { ...device, clientId: "dev-2" })).toBe(2);
    await connectClient(url, { ...device, clientId: "dev-1" });
    await connectClient(url, { username: "eve", password: "from a file", clientId: "anything" });
  });

  test("presence follows the first and the last connection of an authenticated device", async () => {
    const seen: unknown[] = [];
    const { url } = await startBroker({ users: users() }, { onPresence: (...change) => seen.push(change) });
    const credentials = { username: "dev-1", password: "secret" };
    const first = await connectClient(url, { ...credentials, clientId: "a" });
    const second = await connectClient(url, { ...credentials, clientId: "b" });
    await first.endAsync();
    await second.endAsync();
    await eventually(() =>
      expect(seen).toEqual([
        ["dev-1", true],
        ["dev-1", false],
      ]),
    );
  });

  test("clients that come and go in a hurry under one identifier leave nothing behind", async () => {
    const online = new Map<string, boolean>();
    const { url, port, transport } = await startBroker(
      { users: users() },
      { onPresence: (id, isOnline) => online.set(id, isOnline) },
    );
    const credentials = [text("dev-1"), text("secret")];
    for (let attempt = 0; attempt < 200; attempt++) {
      const client = new RawClient(port);
      const clean = attempt % 3 === 0 ? 2 : 0;
      client.send(packet(0x10, text("MQTT"), Buffer.from([4, 0xc0 | clean, 0, 0]), text("hasty"), ...credentials));
      if (attempt % 2 === 0) client.socket.end();
      else if (attempt % 5 === 0) await client.take(4);
      else client.socket.resetAndDestroy();
    }
    const last = await connectClient(url, { username: "dev-1", password: "secret", clientId: "hasty" });
    await eventually(() => expect(transport.stats().connections).toBe(1));
    expect(online.get("dev-1")).toBe(true);
    await last.endAsync();
    await eventually(() => expect([transport.stats().connections, online.get("dev-1")]).toEqual([0, false]));
  });

  test.each([
    ["a device whose name is no device id", { name: "a b", role: "device", passwordFile: "/dev/null" }],
    [
      "a hash that cannot be checked",
      { name: "x", role: "viewer", passwordHash: "scrypt$15$8$1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA" },
    ],
    ["a user without a password", { name: "x", role: "viewer" }],
    ["a password file that is not there", { name: "x", role: "viewer", passwordFile: "/nonexistent/file" }],
    ["a user named admin", { name: "admin", role: "viewer", passwordHash: "scrypt$1$1$1$$" }],
  ] as const)("%s is a configuration error", async (_what, user) => {
    await expect(startBroker({ users: [user] })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("TLS", () => {
  const pem = (name: string, text: string): string => {
    const path = join(scratch(), name);
    writeFileSync(path, text);
    return path;
  };
  const files = (requireClientCert = false) => ({
    cert: pem("cert.pem", broker.cert),
    key: pem("key.pem", broker.key),
    ca: pem("ca.pem", authority.cert),
    requireClientCert,
  });

  test.each([
    ["its common name", device, "field-7"],
    ["its DNS name, where the common name is no device id", namedByDns, "field-8"],
  ])("a client certificate names its device by %s", async (_what, { cert, key }, deviceId) => {
    const { urlOf, ingest } = await startBroker({ tls: files(true), allowAnonymous: false });
    const client = await connectClient(urlOf("tls"), { ca: authority.cert, cert, key });
    await client.publishAsync(`mycobrain/${deviceId}/telemetry`, "{}", { qos: 1 });
    expect(ingest.uploads).toMatchObject([{ deviceId, transport: "mqtts", source: "mqtts" }]);
    const closed = closeOf(client);
    client.publish("mycobrain/other/telemetry", "{}", { qos: 1 });
    await closed;
  });

  test("without a certificate of the authority nobody is let in where one is required", async () => {
    const { urlOf } = await startBroker({ tls: files(true), allowAnonymous: false });
    await expect(connectClient(urlOf("tls"), { ca: authority.cert })).rejects.toThrow();
    await expect(
      connectClient(urlOf("tls"), { ca: authority.cert, cert: stranger.cert, key: stranger.key }),
    ).rejects.toThrow();
  });

  test("where none is required, a certificate of a stranger names nobody", async () => {
    const { urlOf } = await startBroker({ tls: files(), allowAnonymous: false });
    const options = { ca: authority.cert, cert: stranger.cert, key: stranger.key };
    expect(await refusalOf(urlOf("tls"), options)).toBe(5);
    await connectClient(urlOf("tls"), { ...options, username: "admin", password: adminToken });
  });
});

describe("WebSocket", () => {
  const statusOf = (url: string, protocols: string[], origin?: string): Promise<number> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, protocols, { origin });
      socket.once("unexpected-response", (_request, response) => resolve(response.statusCode!));
      socket.once("open", () => {
        socket.terminate();
        resolve(101);
      });
      socket.on("error", () => {});
    });

  test("carries MQTT at path /", async () => {
    const { urlOf, ingest } = await startBroker();
    const client = await connectClient(`${urlOf("ws")}/`);
    await client.publishAsync("mycobrain/dev-1/telemetry", Buffer.alloc(100_000, 0x20), { qos: 1 });
    expect(ingest.uploads).toMatchObject([{ deviceId: "dev-1", transport: "ws", source: "ws" }]);
  });

  test.each([
    ["another path", "/mqtt", ["mqtt"], undefined, 404],
    ["another subprotocol", "/", ["amqp"], undefined, 400],
    ["no subprotocol", "/", [], undefined, 400],
    ["a web page of this machine", "/", ["mqtt"], "http://localhost:8080", 101],
    ["a web page of a site", "/", ["mqtt"], "https://example.org", 403],
    ["a web page that is allowed", "/", ["mqtt"], "https://allowed.example", 101],
    ["a page without origin", "/", ["mqtt"], "null", 403],
  ])("%s is answered", async (_what, path, protocols, origin, status) => {
    const { urlOf } = await startBroker({ ws: { allowedOrigins: ["https://allowed.example"] } });
    expect(await statusOf(urlOf("ws") + path, protocols, origin)).toBe(status);
  });

  test("a text frame closes the connection", async () => {
    const { urlOf } = await startBroker();
    const socket = new WebSocket(urlOf("ws"), ["mqtt"]);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.once("open", () => socket.send("text"));
    expect(await closed).toBe(1003);
  });
});

describe("listeners", () => {
  test.each([
    ["without any authentication", { host: "0.0.0.0" }],
    [
      "with users, but open to anonymous clients",
      { host: "::", allowAnonymous: true, users: [{ name: "x", role: "viewer", passwordHash: "scrypt$" }] },
    ],
    ["WebSocket only", { ws: { host: "192.0.2.1" } }],
  ] as const)("beyond loopback %s refuse to start", async (_what, section) => {
    await expect(startBroker(section)).rejects.toMatchObject({ code: "LISTENER_UNPROTECTED" });
  });

  test("beyond loopback with users they start, and let nobody in without credentials", async () => {
    const { port } = await startBroker({
      host: "0.0.0.0",
      users: [{ name: "x", role: "viewer", passwordHash: hashPassword("y") }],
    });
    const url = `mqtt://127.0.0.1:${port}`;
    expect(await refusalOf(url, {})).toBe(5);
    await connectClient(url, { username: "x", password: "y" });
  });

  test("a port in use is said to be so, and nothing stays open", async () => {
    const { port } = await startBroker({ rules: openRules });
    await expect(startBroker({ port: mqttConfig().port, ws: { port } })).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      details: { port },
    });
  });

  test("are only those that are not off", async () => {
    const { transport } = await startBroker({ ws: { port: "off" } });
    expect(transport.stats().connections).toBe(0);
  });
});
