/** LoRaWAN network servers by MQTT: a real broker on loopback, documents in the shapes that both kinds publish. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LorawanConfig } from "../../../gateway/transports/lorawan/config.ts";
import { LorawanTransport } from "../../../gateway/transports/lorawan/lorawan-transport.ts";
import { mdpFlags, mdpTypes } from "../../../protocol/spec.ts";
import { decimalText } from "../../../src/codec/decimal.ts";
import { decodeMdpFrame, encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { decodeLink } from "../../../src/dialects/link.ts";
import { readEvent } from "../../../src/lorawan/event.ts";
import { sendBy } from "../../support/command-order.ts";
import { telemetry } from "../../support/serial-boards.ts";
import { FakeIngest, FakeRegistry } from "../../support/serial-fakes.ts";

const envelopes: readonly { cbor: string; deviceId: string }[] = JSON.parse(
  readFileSync(new URL("../../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
);
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 5 });
const devEui = "0102030405060708";

interface Published {
  readonly topic: string;
  readonly body: Record<string, unknown>;
}

/** A network server's broker. */
class Broker {
  readonly port: number;
  readonly published: Published[] = [];
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(aedes: Aedes, server: Server, port: number, sockets: Set<Socket>) {
    this.#aedes = aedes;
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
    aedes.on("publish", ({ topic, payload }, client) => {
      if (client) this.published.push({ topic, body: JSON.parse(payload.toString()) });
    });
  }

  static async open(port = 0): Promise<Broker> {
    const aedes = await Aedes.createBroker();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.once("close", () => sockets.delete(socket)));
      aedes.handle(socket);
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new Broker(aedes, server, (server.address() as { port: number }).port, sockets);
  }

  say(topic: string, body: unknown): void {
    const payload = typeof body === "string" ? body : JSON.stringify(body);
    this.#aedes.publish({ cmd: "publish", topic, payload, qos: 1, retain: false, dup: false }, () => undefined);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#aedes.close(() => this.#server.close(() => resolve())));
  }
}

const chirpstackTopic = `application/8e9e/device/${devEui}/event`;
const ttnTopic = "v3/app1@ttn/devices/dev1";

function chirpstackUplink(data: Uint8Array, fields: object = {}): object {
  return {
    deduplicationId: "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    time: "2026-06-01T12:00:00+00:00",
    deviceInfo: { applicationId: "8e9e", deviceName: "roof", devEui },
    devAddr: "00189440",
    dr: 1,
    fCnt: 7,
    fPort: 1,
    confirmed: false,
    data: Buffer.from(data).toString("base64"),
    rxInfo: [
      { gatewayId: "0016c001f153a14c", uplinkId: 4217106255, rssi: -97, snr: 7.5, channel: 5 },
      { gatewayId: "0016c001f153a14d", uplinkId: 4217106256, rssi: -61, snr: 12 },
    ],
    txInfo: {
      frequency: 867_100_000,
      modulation: { lora: { bandwidth: 125_000, spreadingFactor: 11, codeRate: "CR_4_5" } },
    },
    ...fields,
  };
}

function ttnUplink(data: Uint8Array): object {
  return {
    end_device_ids: {
      device_id: "dev1",
      application_ids: { application_id: "app1" },
      dev_eui: devEui.toUpperCase(),
      dev_addr: "00BCB929",
    },
    correlation_ids: ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ", "gs:conn:01"],
    received_at: "2026-06-01T12:00:00.000Z",
    uplink_message: {
      f_cnt: 3,
      f_port: 2,
      frm_payload: Buffer.from(data).toString("base64"),
      rx_metadata: [
        { gateway_ids: { gateway_id: "gtw1", eui: "9C5C8E00001A05C4" }, rssi: -35, channel_rssi: -35, snr: 5.2 },
      ],
      settings: { data_rate: { lora: { bandwidth: 125_000, spreading_factor: 7 } }, frequency: "868300000" },
    },
  };
}

let broker: Broker;
let ingest: FakeIngest;
let registry: FakeRegistry;
let transport: LorawanTransport;

async function start(config: Partial<LorawanConfig> = {}, trusted = true): Promise<void> {
  const servers = (["chirpstack", "ttn"] as const).map((kind) => ({
    name: kind,
    kind,
    url: `mqtt://127.0.0.1:${broker.port}`,
  }));
  transport = new LorawanTransport({
    config: { servers, devices: [], downlinkPort: 10, reconnectMs: 20, ...config },
    gatewayId: "gw-test",
    trusted,
    ingest,
    registry,
    log: { info: () => undefined, warn: () => undefined },
  });
  await transport.start();
}

const connected = (): Promise<void> => until(() => expect(transport.state().status).toBe("ok"));
/** A message that passes through each subscription says that both stand. */
async function subscribed(): Promise<void> {
  await connected();
  await until(() => {
    broker.say(`${chirpstackTopic}/log`, {});
    broker.say(`${ttnTopic}/join`, {});
    expect(events()).toMatchObject({ log: expect.any(Number), join: expect.any(Number) });
  });
}
const events = (): Readonly<Record<string, number>> => transport.counters[0]!.read();

beforeEach(async () => {
  broker = await Broker.open();
  ingest = new FakeIngest();
  registry = new FakeRegistry();
});
afterEach(async () => {
  await transport.stop();
  await broker.close();
});

test("a signed envelope is its signer's, byte for byte, and its receptions are an entry beside it", async () => {
  await start();
  await subscribed();
  const { cbor, deviceId } = envelopes[0]!;
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(Buffer.from(cbor, "hex")));
  await until(() => expect(ingest.outcomes).toHaveLength(2));
  const [frame, link] = ingest.uploads;
  expect(frame).toMatchObject({ transport: "lorawan", format: "envelope", deviceId, source: "lorawan:chirpstack" });
  expect(Buffer.from(frame!.payload).toString("hex")).toBe(cbor);
  expect(link).toMatchObject({ format: "link", deviceId });
  const sample = decodeLink(link!.payload);
  expect(sample.ok && sample.value.readings.map((each) => [each.sensor, decimalText(each)])).toEqual([
    [0x4d50, "-61"],
    [0x4d51, "12"],
    ["receptions", "2"],
    ["frequency", "867100000"],
    ["spreading_factor", "11"],
  ]);
  expect(JSON.parse(Buffer.from(link!.payload).toString())).toMatchObject({
    leaf: 0,
    receptions: [{ by: "0016c001f153a14c", rssi: -97, snr: 7.5 }, { by: "0016c001f153a14d" }],
  });
});

test("an uplink that is delivered again, or by the other server, is stored once", async () => {
  await start();
  await subscribed();
  const frame = telemetry(1);
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(frame));
  await until(() => expect(ingest.outcomes).toHaveLength(2));
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(frame));
  await until(() => expect(ingest.rejects).toEqual(["DELIVERED_BEFORE"]));
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(frame, { deduplicationId: "another" }));
  await until(() => expect(ingest.outcomes).toHaveLength(4));
  // How it was received the second time is told too.
  expect(ingest.outcomes).toEqual(["stored", "stored", "duplicate", "stored"]);
  expect(ingest.uploads.map(({ format }) => format)).toEqual(["mdp-b", "link", "mdp-b", "link"]);
  expect(ingest.uploads[0]!.deviceId).toBe(`lorawan-${devEui}`);
  expect([...registry.boards.keys()]).toEqual([devEui]);
});

test("The Things Stack's uplinks are read, and its events counted", async () => {
  await start({ devices: [{ devEui: devEui.toUpperCase(), device: "roof" }] }, false);
  await subscribed();
  const frame = telemetry(1);
  broker.say(`${ttnTopic}/up`, ttnUplink(frame));
  broker.say(`${ttnTopic}/down/sent`, { end_device_ids: { dev_eui: devEui } });
  broker.say(`${ttnTopic}/made/up`, {});
  await until(() => expect(events()).toMatchObject({ up: 1, "down/sent": 1, other: 1 }));
  await until(() => expect(ingest.uploads).toHaveLength(2));
  expect(ingest.uploads[0]).toMatchObject({ format: "mdp-b", deviceId: "roof", source: "lorawan:ttn" });
  expect(Buffer.from(ingest.uploads[0]!.payload)).toEqual(Buffer.from(frame));
  expect(JSON.parse(Buffer.from(ingest.uploads[1]!.payload).toString())).toMatchObject({
    receptions: [{ by: "gtw1", rssi: -35, snr: 5.2 }],
    frequency_hz: 868_300_000,
  });
  expect(registry.boards.size).toBe(0);
});

/** The document that a server was asked to send, of the newest downlink. */
async function asked(
  count: number,
): Promise<{ topic: string; id: string; data: Buffer; body: Record<string, unknown> }> {
  const down = () => broker.published.filter(({ topic }) => /down/.test(topic));
  await until(() => expect(down()).toHaveLength(count));
  const { topic, body } = down().at(-1)!;
  if (topic.startsWith("application"))
    return { topic, body, id: String(body.id), data: Buffer.from(String(body.data), "base64") };
  const [item] = body.downlinks as [{ correlation_ids: string[]; frm_payload: string }];
  return { topic, body: item, id: item.correlation_ids[0]!, data: Buffer.from(item.frm_payload, "base64") };
}

describe("downlinks", () => {
  const payload = { data: Buffer.from("hello").toString("base64"), port: 5 };
  const raw = (extra: object = {}, timeoutMs = 20_000) =>
    sendBy(transport, "roof", { cmd: "raw", params: { ...payload, ...extra } }, timeoutMs);

  beforeEach(async () => {
    await start({ devices: [{ devEui, device: "roof" }] });
    await subscribed();
    expect(transport.reaches("roof")).toBe(false);
  });

  test("of bytes are delivered when the device has acknowledged them, under the name that we gave", async () => {
    broker.say(`${chirpstackTopic}/up`, chirpstackUplink(telemetry(1)));
    await until(() => expect(transport.reaches("roof")).toBe(true));
    const answer = raw();
    const { topic, id, body } = await asked(1);
    expect(topic).toBe(`application/8e9e/device/${devEui}/command/down`);
    expect(body).toEqual({ id, devEui, confirmed: true, fPort: 5, data: payload.data });
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    broker.say(`${chirpstackTopic}/ack`, { queueItemId: "another", acknowledged: false });
    broker.say(`${chirpstackTopic}/txack`, { queueItemId: id });
    broker.say(`${chirpstackTopic}/ack`, { queueItemId: id, acknowledged: true });
    expect(await answer).toEqual({ outcome: "delivered", message: "acknowledged by the device" });
    const silent = expect(raw()).rejects.toMatchObject({ code: "COMMAND_TIMEOUT" });
    broker.say(`${chirpstackTopic}/ack`, { queueItemId: (await asked(2)).id });
    await silent;
    const unconfirmed = raw({ confirmed: false });
    broker.say(`${chirpstackTopic}/txack`, { queueItemId: (await asked(3)).id });
    expect(await unconfirmed).toEqual({ outcome: "delivered", message: "handed to a gateway for transmission" });
    await expect(raw({}, 50)).rejects.toThrow("has not sent it yet");
  });

  test("of commands are answered by the device's next uplink, whatever the network says of the downlink", async () => {
    broker.say(`${ttnTopic}/up`, ttnUplink(telemetry(1)));
    await until(() => expect(transport.reaches("roof")).toBe(true));
    const answer = sendBy(transport, "roof", { cmd: "clear_estop", params: {} }, 20_000);
    const { topic, id, data, body } = await asked(1);
    expect([topic, body]).toMatchObject([`${ttnTopic}/down/push`, { f_port: 10, priority: "NORMAL", confirmed: true }]);
    const frame = decodeMdpFrame(data);
    expect(frame.ok && JSON.parse(Buffer.from(frame.value.body).toString())).toEqual({
      cmd: "clear_estop",
      params: {},
    });
    broker.say(`${ttnTopic}/down/ack`, { downlink_ack: { correlation_ids: ["as:downlink:1", id] } });
    const ack = frame.ok ? frame.value.seq : 0;
    const result = Buffer.from('{"success":false,"message":"estop_active"}');
    const answering = { type: mdpTypes.ACK, seq: 2, ack, flags: mdpFlags.IS_NACK, src: 0xa1, dst: 0xc0, body: result };
    broker.say(`${ttnTopic}/up`, { ...ttnUplink(encodeMdpFrame(answering)), correlation_ids: ["as:up:2"] });
    expect(await answer).toEqual({ outcome: "failed", message: "estop_active" });
    const failed = sendBy(transport, "roof", { cmd: "hello", params: {} }, 20_000);
    const error = { message_format: "frame too long" };
    const correlation_ids = [(await asked(2)).id];
    broker.say(`${ttnTopic}/down/failed`, { downlink_failed: { downlink: { correlation_ids }, error } });
    expect(await failed).toEqual({ outcome: "failed", message: "frame too long" });
  });

  test("that fit no downlink, or are none, are refused before", async () => {
    broker.say(`${ttnTopic}/up`, ttnUplink(telemetry(1)));
    await until(() => expect(transport.reaches("roof")).toBe(true));
    for (const params of [
      { data: Buffer.alloc(243).toString("base64") },
      { data: "not base64" },
      { data: "" },
      { ...payload, port: 224 },
      { ...payload, confirmed: "yes" },
      { note: "x".repeat(250) },
    ]) {
      expect(() => transport.check("roof", { cmd: "raw", params })).toThrow(
        expect.objectContaining({ code: "REQUEST_INVALID" }),
      );
    }
    expect(() => transport.check("nobody", { cmd: "raw", params: payload })).toThrow(
      expect.objectContaining({ code: "COMMAND_UNSUPPORTED" }),
    );
  });
});

test("a server that is away at start, or goes away, is found again", async () => {
  const { port } = broker;
  await broker.close();
  const servers = [{ name: "main", kind: "chirpstack", url: `mqtt://127.0.0.1:${port}` }] as const;
  await start({ servers });
  await until(() => expect(transport.state()).toMatchObject({ status: "degraded", detail: /ECONNREFUSED|closed/ }));
  for (let round = 0; round < 2; round++) {
    broker = await Broker.open(port);
    await connected();
    const before = events().status ?? 0;
    await until(() => {
      broker.say(`${chirpstackTopic}/status`, {});
      expect(events().status).toBeGreaterThan(before);
    });
    if (round > 0) break;
    await broker.close();
    await until(() => expect(transport.state().status).toBe("degraded"));
  }
});

test("a message is acknowledged once it is durable, and not where nothing could be committed", async () => {
  await start();
  await subscribed();
  ingest.failure = new Error("disk full");
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(telemetry(1)));
  // The connection is given up without an acknowledgement, so the broker sends the message again.
  await until(() => expect(ingest.uploads.length).toBeGreaterThanOrEqual(2));
  ingest.failure = undefined;
  await until(() => expect(ingest.outcomes[0]).toBe("stored"));
});

test("what is no event is counted as rejected, and the next one is read", async () => {
  await start();
  await subscribed();
  for (const body of ["", "{", "[]", "null", '{"deviceInfo":{"devEui":"zz"},"data":"AA=="}'])
    broker.say(`${chirpstackTopic}/up`, body);
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(new Uint8Array(0), { data: "%%" }));
  broker.say(`${chirpstackTopic}/up`, chirpstackUplink(telemetry(1)));
  await until(() => expect(ingest.outcomes).toHaveLength(2));
  expect(ingest.rejects).toEqual(Array(6).fill("BODY_INVALID"));
});

test("any topic with any bytes or any JSON is an event or refused", () => {
  const arbBytes = fc.oneof(
    fc.uint8Array(),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.constantFrom("chirpstack", "ttn"), fc.string(), arbBytes, (kind, topic, bytes) => {
      expect(typeof readEvent(kind, topic, bytes).ok).toBe("boolean");
      expect(typeof decodeLink(bytes).ok).toBe("boolean");
    }),
  );
  const shapes = [chirpstackUplink(new Uint8Array(3)), ttnUplink(new Uint8Array(3))];
  fc.assert(
    fc.property(fc.constantFrom(...shapes), fc.string(), fc.jsonValue(), (shape, key, value) => {
      for (const name of [key, ...Object.keys(shape)]) {
        const bytes = Buffer.from(JSON.stringify({ ...shape, [name]: value }));
        expect(typeof readEvent("chirpstack", `${chirpstackTopic}/up`, bytes).ok).toBe("boolean");
        expect(typeof readEvent("ttn", `${ttnTopic}/up`, bytes).ok).toBe("boolean");
      }
    }),
  );
});
