/** The service that fungal computer interfaces call, over real sockets on loopback. */
import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { loadConfig } from "../../../gateway/config/config.ts";
import type { FciConfig } from "../../../gateway/transports/fci/config.ts";
import { FciTransport } from "../../../gateway/transports/fci/fci-transport.ts";
import { decodeFciJson } from "../../../src/dialects/fci-json.ts";
import { fciCommand, readFciMessage } from "../../../src/fci/channel.ts";
import { sendBy } from "../../support/command-order.ts";
import { FakeIngest, FakeRegistry } from "../../support/serial-fakes.ts";

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 5 });

function telemetry(board: string, rms = 12.5): string {
  return JSON.stringify({
    id: "5f3c-not-a-uuid",
    channel: `device.${board}.telemetry`,
    timestamp: "2026-02-01T00:00:01Z",
    ttl_seconds: 3600,
    source: { type: "fci", id: board, device_serial: "AABBCCDDEEFF", firmware: "1.0.0" },
    message_type: "fci_telemetry",
    payload: { bioelectric: { amplitude_uv: 20, rms_uv: rms, pattern: "growth" }, status: { uptime_ms: 1_000 } },
  });
}

let ingest: FakeIngest;
let registry: FakeRegistry;
let transport: FciTransport;
let url: string;
let boards: WebSocket[];

const limits: FciConfig["limits"] = { connections: 8, messagesPerSecond: 1_000, messageBytes: 16_384 };

async function start(config: Partial<FciConfig> = {}, trusted = true): Promise<void> {
  transport = new FciTransport({
    config: { host: "127.0.0.1", port: 0, boards: [], limits, ...config },
    trusted,
    ingest,
    registry,
    log: { info: () => undefined, warn: () => undefined },
  });
  const [listener] = await transport.start();
  url = listener!.url;
}

async function board(path = "/api/stream/ws", headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, { headers });
  socket.on("error", () => undefined);
  boards.push(socket);
  await once(socket, "open");
  return socket;
}

const publish = (channel: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/api/channels/${channel}/publish`, { method: "POST", body, headers });
const fates = (): Readonly<Record<string, number>> => transport.counters[0]!.read();

beforeEach(() => {
  ingest = new FakeIngest();
  registry = new FakeRegistry();
  boards = [];
});
afterEach(async () => {
  for (const socket of boards) socket.terminate();
  await transport.stop();
});

test("telemetry arrives byte for byte by WebSocket and by POST, each board its own device", async () => {
  await start({ boards: [{ id: "FCI-000002", device: "oyster" }] });
  const socket = await board();
  socket.send(telemetry("FCI-000001"));
  socket.send(Buffer.from(telemetry("FCI-000001", 13)));
  await until(() => expect(ingest.outcomes).toEqual(["stored", "stored"]));
  const answer = await publish("device.FCI-000002.telemetry", telemetry("FCI-000002"));
  expect([answer.status, await answer.json()]).toEqual([200, { success: true, leafIndex: 2 }]);
  expect(ingest.uploads.map(({ deviceId, source }) => [deviceId, source])).toEqual([
    ["FCI-000001", "fci:FCI-000001"],
    ["FCI-000001", "fci:FCI-000001"],
    ["oyster", "fci:FCI-000002"],
  ]);
  expect(Buffer.from(ingest.uploads[0]!.payload).toString()).toBe(telemetry("FCI-000001"));
  expect([...registry.boards.keys()]).toEqual(["FCI-000001"]);
  expect(decodeFciJson(ingest.uploads[0]!.payload)).toMatchObject({ ok: true, value: { epochMs: undefined } });
});

test("samples come on a path of the board's own, whatever they call themselves, and nothing else does", async () => {
  await start();
  const stream = await board("/api/fci/ws/stream/FCI-000007");
  const sample = { type: "sample", device_id: "FCI-000001", channels: [{ channel: 1, value: 0.5, unit: "mV" }] };
  stream.send(JSON.stringify(sample));
  stream.send(telemetry("FCI-000001"));
  stream.send(telemetry("FCI-000007"));
  await until(() => expect(ingest.uploads).toHaveLength(2));
  expect(ingest.uploads.map(({ deviceId }) => deviceId)).toEqual(["FCI-000007", "FCI-000007"]);
  expect(fates()).toMatchObject({ taken: 2, BODY_INVALID: 1 });
  await expect(board("/api/fci/ws/stream/")).rejects.toThrow("404");
  await expect(board("/api/fci/ws/stream/a%2Fb")).rejects.toThrow("404");
});

test("without trust nobody is enrolled; a POST is answered by what became of it", async () => {
  await start({}, false);
  const submit = ingest.submit.bind(ingest);
  ingest.submit = (upload, done) =>
    submit(upload, (error) =>
      done(error, { kind: "quarantined", reason: "UNKNOWN_DEVICE", id: 1, message: undefined }),
    );
  const answer = await publish("device.FCI-000001.telemetry", telemetry("FCI-000001"));
  expect([answer.status, await answer.json()]).toEqual([202, { success: false, error: "UNKNOWN_DEVICE" }]);
  expect(registry.boards.size).toBe(0);
  ingest.submit = submit;
  ingest.failure = new Error("disk full");
  expect((await publish("device.FCI-000001.telemetry", telemetry("FCI-000001"))).status).toBe(503);
});

test("commands reach the connection that subscribed, within the firmware's limits; calibrate waits for its end", async () => {
  await start();
  await expect(sendBy(transport, "FCI-000001", { cmd: "stimulus", params: {} }, 10)).rejects.toMatchObject({
    code: "COMMAND_UNSUPPORTED",
  });
  const socket = await board();
  const heard: Record<string, unknown>[] = [];
  socket.on("message", (data) => heard.push(JSON.parse(String(data))));
  socket.send(JSON.stringify({ action: "subscribe", channel: "device.FCI-000001.commands" }));
  await until(() => expect(transport.reaches("FCI-000001")).toBe(true));
  const params = { waveform: "pulse", amplitude: 50, duration: 500 };
  expect(await sendBy(transport, "FCI-000001", { cmd: "stimulus", params }, 1_000)).toMatchObject({
    outcome: "delivered",
  });
  await until(() => expect(heard).toHaveLength(1));
  expect(heard[0]).toMatchObject({
    channel: "device.FCI-000001.commands",
    payload: { command: "stimulus", ...params },
  });
  for (const wrong of [
    { amplitude: 101 },
    { duration: 10_001 },
    { amplitude: "high" },
    { amplitude: -1 },
    { waveform: "noise" },
  ]) {
    await expect(sendBy(transport, "FCI-000001", { cmd: "stimulus", params: wrong }, 10)).rejects.toMatchObject({
      code: "REQUEST_INVALID",
    });
  }
  await expect(sendBy(transport, "FCI-000001", { cmd: "calibrate", params: {} }, 1)).rejects.toMatchObject({
    code: "COMMAND_TIMEOUT",
  });
  const calibrated = sendBy(transport, "FCI-000001", { cmd: "calibrate", params: {} }, 20_000);
  await expect(sendBy(transport, "FCI-000001", { cmd: "sing", params: {} }, 10)).rejects.toMatchObject({
    code: "COMMAND_UNKNOWN",
  });
  const complete = {
    channel: "device.FCI-000001.telemetry",
    message_type: "calibration_complete",
    payload: { device_id: "FCI-000001", baseline_uv: 1.5, noise_floor_uv: 0.25 },
  };
  socket.send(JSON.stringify(complete));
  expect(await calibrated).toEqual({ outcome: "succeeded", message: "calibration_complete" });
  const sample = decodeFciJson(ingest.uploads.at(-1)!.payload);
  expect(sample.ok && sample.value.readings).toMatchObject([
    { sensor: "bioelectric_baseline", vi: 15, vs: 1 },
    { sensor: "bioelectric_noise_floor", vi: 25, vs: 2 },
  ]);
  socket.send(JSON.stringify({ action: "unsubscribe", channel: "device.FCI-000001.commands" }));
  await until(() => expect(transport.reaches("FCI-000001")).toBe(false));
});

test("with a key only those who know it come in; without one no web page does", async () => {
  const apiKey = "0123456789abcdef";
  await start({ apiKey });
  await expect(board()).rejects.toThrow("401");
  await expect(board("/api/stream/ws?api_key=0123456789abcdeX")).rejects.toThrow("401");
  await board(`/api/stream/ws?api_key=${apiKey}`);
  await board("/api/stream/ws", { "x-api-key": apiKey });
  const channel = "device.FCI-000001.telemetry";
  expect((await publish(channel, telemetry("FCI-000001"))).status).toBe(401);
  expect((await publish(channel, telemetry("FCI-000001"), { "x-api-key": apiKey })).status).toBe(200);
  await transport.stop();
  await start();
  await expect(board("/api/stream/ws", { origin: "https://evil.example" })).rejects.toThrow("401");
  await expect(board("/elsewhere")).rejects.toThrow("404");
});

test("beyond loopback it does not start without a key", () => {
  const env = { MYCOGATE_FCI_PORT: "8002", MYCOGATE_FCI_HOST: "0.0.0.0" };
  expect(() => loadConfig({ env, cwd: "/" })).toThrow("fci.apiKey");
  expect(loadConfig({ env: { ...env, MYCOGATE_FCI_API_KEY: "0123456789abcdef" }, cwd: "/" }).fci.host).toBe("0.0.0.0");
});

test("connections, rate and length are bounded, and what is dropped is counted", async () => {
  await start({ limits: { connections: 2, messagesPerSecond: 5, messageBytes: 1_024 } });
  const [loud, long] = [await board(), await board()];
  await expect(board()).rejects.toThrow("503");
  for (let i = 0; i < 40; i++) loud.send(telemetry("FCI-000001", i));
  await until(() => expect(fates().RATE_LIMITED).toBeGreaterThanOrEqual(30));
  const closed = once(long, "close");
  long.send("x".repeat(2_000));
  await closed;
  expect((await publish("device.FCI-000001.telemetry", `"${"x".repeat(2_000)}"`)).status).toBe(413);
  expect(fates().PACKET_TOO_LARGE).toBe(2);
  expect(ingest.rejects).toHaveLength(fates().RATE_LIMITED! + 2);
});

test("while ingest has no room a connection is not read, and nothing of what waits is lost", async () => {
  await start({ limits: { ...limits, messagesPerSecond: 100_000 } });
  const socket = await board();
  ingest.hasRoom = false;
  socket.send(telemetry("FCI-000001", 0));
  await until(() => expect(fates().taken).toBe(1));
  const [count, asMuch] = [100, "x".repeat(12_000)];
  for (let rms = 1; rms <= count; rms++) socket.send(telemetry("FCI-000001", rms).replace("not-a-uuid", asMuch));
  // Whatever was in the same read as the first may still come; a second connection's answer says that the rest could have.
  const other = await board();
  other.send(telemetry("FCI-000002", 0));
  await until(() => expect(ingest.uploads.some(({ deviceId }) => deviceId === "FCI-000002")).toBe(true));
  expect(fates().taken).toBeLessThan(count);
  ingest.makeRoom();
  await until(() => expect(fates().taken).toBe(count + 2));
});

test("any message is taken or counted, and the next one is read; any bytes on the socket do no harm", async () => {
  await start({ limits: { ...limits, messagesPerSecond: 100_000 } });
  const socket = await board();
  const texts = [...fc.sample(fc.json(), 50), "", "null", "[]", "{}", '{"action":"subscribe","channel":7}'];
  for (const text of texts) socket.send(text);
  for (const bytes of fc.sample(fc.uint8Array(), 50)) socket.send(bytes);
  socket.send(telemetry("FCI-000001"));
  await until(() => expect(ingest.outcomes).toHaveLength(1));
  expect(ingest.rejects).toHaveLength(texts.length + 50);
  for (const start of [
    "GET // HTTP/1.1\r\nhost: x\r\n",
    "POST /api/channels/%ff/publish HTTP/1.1\r\nhost: x\r\n",
    "\0\xff",
  ]) {
    const raw = connect(Number(new URL(url).port), "127.0.0.1");
    raw.on("error", () => undefined);
    raw.end(
      `${start}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n\r\n`,
      "latin1",
    );
    raw.resume();
    await once(raw, "close");
  }
  expect((await publish("device.FCI-000001.commands", "{}")).status).toBe(404);
  expect((await publish("device.FCI-000001.telemetry", telemetry("FCI-000002"))).status).toBe(400);
  expect((await publish("device.FCI-000001.telemetry", telemetry("FCI-000001"))).status).toBe(200);
});

test("messages and commands are total over any JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (value, params) => {
      expect(typeof readFciMessage(Buffer.from(JSON.stringify(value)), "FCI-1").ok).toBe("boolean");
      expect(typeof fciCommand("FCI-1", "id", { cmd: "stimulus", params }).ok).toBe("boolean");
    }),
  );
});
