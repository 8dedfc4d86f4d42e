/** The built gateway as its users run it: real MQTT, a real pty, the embedded PostgreSQL, the real command line. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { sensorName, unitName } from "../../protocol/names.ts";
import { decimalText } from "../../src/codec/decimal.ts";
import { decodeMdpB } from "../../src/dialects/mdp-b.ts";
import { needs } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { TrapBoard } from "../support/serial-boards.ts";

interface EnvelopeVector {
  readonly deviceId: string;
  readonly publicKey: string;
  readonly msgId: string;
  readonly seq: number;
  readonly readings: readonly (readonly [number, number, number, number, number])[];
  readonly cbor: string;
}
interface ReadingRow {
  readonly deviceId: string;
  readonly sensor: string | number;
  readonly unit: string | number;
  readonly value: number;
  readonly quality: number;
  readonly seq: number | null;
  readonly msgId: string | null;
  readonly leafIndex: number;
  readonly verification: string;
}
interface EntryBody {
  readonly payload: string;
  readonly deviceId: string;
  readonly verification: string;
  readonly leafHash: string;
}

const vectorFile = <T>(name: string): T => JSON.parse(readFileSync(`${projectRoot}protocol/vectors/${name}`, "utf8"));
const envelopes = vectorFile<EnvelopeVector[]>("envelopes.json");
const frames = vectorFile<{ name: string; frame: string }[]>("mdp-frames.json").filter(({ name }) =>
  /^(hello|telemetry)_.*gen_b|^event_/.test(name),
);

const dir = scratchDir("e2e");
let gateway: GatewayProcess;
let client: MqttClient;
let pty: Pty | undefined;

beforeAll(async () => {
  pty = await Pty.open().catch(() => undefined);
  gateway = await GatewayProcess.start(join(dir, "data"), pty ? { MYCOGATE_SERIAL_PORTS: pty.path } : {});
  client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
});

afterAll(async () => {
  await client?.endAsync();
  await gateway?.stop();
  await pty?.close();
});

/** Every reading of a device, oldest leaf first, through the pages of the API. */
async function readingsOf(deviceId: string): Promise<ReadingRow[]> {
  await gateway.databaseCaughtUp();
  const rows: ReadingRow[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: { data: ReadingRow[]; next: string | null } = await gateway.request(
      "GET",
      `/api/v1/readings?device=${deviceId}&limit=7&order=asc${cursor && `&cursor=${cursor}`}`,
    );
    rows.push(...page.data);
    cursor = page.next;
  }
  return rows.sort((a, b) => a.leafIndex - b.leafIndex);
}

const entry = (leafIndex: number): Promise<EntryBody> => gateway.request("GET", `/api/v1/entries/${leafIndex}`);

test("every vector envelope published over MQTT comes back from the API, values exact and bytes verbatim", async () => {
  const devices = new Map(envelopes.map(({ deviceId, publicKey }) => [deviceId, publicKey]));
  await gateway.enrol([...devices].map(([id, publicKey]) => ({ id, publicKey })));
  for (const { deviceId, cbor } of envelopes) {
    await client.publishAsync(`mycobrain/${deviceId}/envelope`, Buffer.from(cbor, "hex"), { qos: 1 });
  }
  for (const deviceId of devices.keys()) {
    const sent = envelopes.filter((envelope) => envelope.deviceId === deviceId);
    const expected = sent.flatMap(({ seq, msgId, readings }) =>
      readings.map(([sensor, vi, vs, unit, quality]) => {
        const value = Number(decimalText({ vi, vs }));
        return {
          deviceId,
          sensor: sensorName(sensor) ?? sensor,
          unit: unitName(unit) ?? unit,
          value,
          quality,
          seq,
          msgId,
          verification: "verified",
        };
      }),
    );
    const rows = await readingsOf(deviceId);
    expect(
      rows.map(({ deviceId, sensor, unit, value, quality, seq, msgId, verification }) => ({
        deviceId,
        sensor,
        unit,
        value,
        quality,
        seq,
        msgId,
        verification,
      })),
    ).toEqual(expected);
    for (const { leafIndex, msgId } of rows) {
      const { payload } = await entry(leafIndex);
      expect(Buffer.from(payload, "base64").toString("hex")).toBe(
        sent.find((envelope) => envelope.msgId === msgId)!.cbor,
      );
    }
  }
});

test("counters of 64 bits keep every digit in the API's text", async () => {
  const text = await gateway.text("/api/v1/readings?limit=1000");
  const { seq } = envelopes.reduce((most, next) => (next.seq > most.seq ? next : most));
  expect(text).toContain(`"seq":${seq},`);
});

test("a tampered copy of each vector is acknowledged, quarantined with its raw bytes, and never a reading", async () => {
  const before = await gateway.stats();
  for (const [index, { deviceId, cbor }] of envelopes.entries()) {
    const tampered = Buffer.from(cbor, "hex");
    tampered[20 + index]! ^= 0x01;
    await client.publishAsync(`mycobrain/${deviceId}/envelope`, tampered, { qos: 1 });
  }
  const after = await gateway.stats();
  expect(after.quarantined - before.quarantined).toBe(envelopes.length);
  expect(after.stored).toBe(before.stored);
  const { data } = await gateway.request<{ data: { id: number; reason: string }[] }>(
    "GET",
    "/api/v1/quarantine?limit=1000",
  );
  expect(data).toHaveLength(envelopes.length);
  const { payload } = await gateway.request<{ payload: string }>("GET", `/api/v1/quarantine/${data[0]!.id}`);
  const first = Buffer.from(envelopes[0]!.cbor, "hex");
  first[20]! ^= 0x01;
  expect(payload).toBe(first.toString("base64"));
});

test("the same envelopes again are duplicates", async () => {
  const before = await gateway.stats();
  for (const { deviceId, cbor } of envelopes) {
    await client.publishAsync(`mycobrain/${deviceId}/envelope`, Buffer.from(cbor, "hex"), { qos: 1 });
  }
  const after = await gateway.stats();
  expect(after.duplicate - before.duplicate).toBe(envelopes.length);
  expect(after.treeSize).toBe(before.treeSize);
});

needs("python3")("a generation-B board on a serial port", () => {
  test("is enrolled by itself, and its frames come back with exact values and as they were on the wire", async () => {
    const wires = frames.map(({ frame }) => Buffer.from(frame, "hex"));
    for (const wire of wires) pty!.write(wire);
    await expect
      .poll(async () => (await gateway.stats()).byTransport.serial.stored, { timeout: 10_000 })
      .toBe(wires.length);
    const { data: devices } = await gateway.request<{ data: { id: string; transport: string }[] }>(
      "GET",
      "/api/v1/devices",
    );
    const board = devices.find(({ transport }) => transport.startsWith("serial:"))!;
    expect(board.id).toBe("mycobrain-9f81b");
    const rows = await readingsOf(board.id);
    const expected = wires.flatMap((wire) => {
      const sample = decodeMdpB(wire);
      return sample.ok
        ? sample.value.readings.map(({ sensor, vi, vs }) => ({
            sensor,
            value: Number(decimalText({ vi, vs })),
            verification: "attested",
          }))
        : [];
    });
    expect(rows.map(({ sensor, value, verification }) => ({ sensor, value, verification }))).toEqual(
      expected.map(({ sensor, ...rest }) => ({
        sensor: typeof sensor === "number" ? sensorName(sensor) : sensor,
        ...rest,
      })),
    );
    const stored = new Set(
      await Promise.all(
        [...new Set(rows.map(({ leafIndex }) => leafIndex))].map(async (leaf) => (await entry(leaf)).payload),
      ),
    );
    for (const wire of wires.slice(2, 9)) expect(stored).toContain(wire.toString("base64"));
  });
});

describe("an operator on MQTT", () => {
  let operator: MqttClient;
  const heard = new Map<string, unknown>();
  beforeAll(async () => {
    const password = gateway.env.MYCOGATE_ADMIN_TOKEN!;
    operator = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { username: "admin", password });
    operator.on("message", (topic, payload) =>
      heard.set(topic.replace(/gw-[0-9a-f]+/, "gw"), JSON.parse(payload.toString())),
    );
    await operator.subscribeAsync(["mycogate/+/+", "mycogate/+/response/#", "mycobrain/+/cmd/result"], { qos: 1 });
  });
  afterAll(() => operator.endAsync());

  const gatewayId = async (): Promise<string> =>
    (await gateway.request<{ gatewayId: string }>("GET", "/api/v1/stats")).gatewayId;

  test("finds state, info, health and devices retained", async () => {
    await expect
      .poll(() => [...heard.keys()].sort(), { timeout: 15_000 })
      .toEqual(
        expect.arrayContaining(["mycogate/gw/devices", "mycogate/gw/health", "mycogate/gw/info", "mycogate/gw/state"]),
      );
    expect(heard.get("mycogate/gw/state")).toEqual({ state: "online" });
  });

  test("gets an answer to each request, with its transaction", async () => {
    const id = await gatewayId();
    await operator.publishAsync(
      `mycogate/${id}/request/device/add`,
      JSON.stringify({ id: "by-mqtt", transaction: 7 }),
      { qos: 1 },
    );
    await expect
      .poll(() => heard.get("mycogate/gw/response/device/add"))
      .toMatchObject({ status: "ok", data: { id: "by-mqtt" }, transaction: 7 });
    await operator.publishAsync(`mycogate/${id}/request/no/such`, "not json", { qos: 1 });
    await expect
      .poll(() => heard.get("mycogate/gw/response/no/such"))
      .toMatchObject({ status: "error", error: { code: "REQUEST_INVALID" } });
  });

  needs("python3")("commands a board on a serial port", () => {
    test("and hears its result under the command's id", async () => {
      const board = new TrapBoard(pty!);
      board.run();
      try {
        await operator.publishAsync(
          "mycobrain/mycobrain-9f81b/cmd",
          JSON.stringify({ id: "c-1", cmd: "read_sensors" }),
          { qos: 1 },
        );
        await expect
          .poll(() => heard.get("mycobrain/mycobrain-9f81b/cmd/result"), { timeout: 10_000 })
          .toEqual({
            id: "c-1",
            success: true,
            message: "telemetry_sent",
            state: "succeeded",
          });
      } finally {
        board.stop();
      }
    });
  });
});

describe("the command line", () => {
  const run = promisify(execFile);
  const mycogate = (...args: string[]) =>
    run(process.execPath, [`${projectRoot}bin/mycogate.mjs`, ...args], {
      env: { ...process.env, MYCOGATE_DATA: join(dir, "data") },
    });

  test("`ledger verify` passes on the running gateway", async () => {
    const { stdout } = await mycogate("ledger", "verify", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  });

  test("a second gateway on the same data directory refuses to start and names the holder", async () => {
    await expect(GatewayProcess.start(join(dir, "data"))).rejects.toThrow(new RegExp(`DATA_DIR_LOCKED|${gateway.pid}`));
  });
});
