/** A broker on free ports with an ingest that the test controls, and clients of both kinds: a library's, and raw bytes. */
import { randomBytes, scryptSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { type Socket, connect as tcpConnect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { pino } from "pino";
import { Create } from "typebox/value";
import { onTestFinished, vi } from "vitest";
import { type MqttConfig, mqttConfigSchema } from "../../gateway/transports/mqtt/config.ts";
import { MqttTransport, type MqttTransportOptions } from "../../gateway/transports/mqtt/mqtt-transport.ts";
import type { IngestPort, Outcome, Transport, Upload } from "../../src/ingest/upload.ts";
import type { RejectReason } from "../../src/rejects.ts";

type Done = Parameters<IngestPort["submit"]>[1];

/** Stores everything, one turn of the event loop later, unless the test says otherwise. */
class FakeIngest implements IngestPort {
  readonly uploads: Upload[] = [];
  readonly rejects: [Transport, RejectReason][] = [];
  /** What becomes of an upload; an Error is "not committed". */
  outcome: (upload: Upload, leafIndex: number) => Outcome | Error = (upload, leafIndex) =>
    stored(upload.deviceId, leafIndex);
  hasRoom = true;
  /** While true, nothing is settled. */
  held: boolean = false;
  readonly #waiting: (() => void)[] = [];
  #roomListener: () => void = () => undefined;

  submit(upload: Upload, done: Done): void {
    const leafIndex = this.uploads.length;
    this.uploads.push({ ...upload, payload: Uint8Array.from(upload.payload) });
    const settle = (): void => {
      const outcome = this.outcome(upload, leafIndex);
      if (outcome instanceof Error) done(outcome);
      else done(undefined, outcome);
    };
    if (this.held) this.#waiting.push(settle);
    else setImmediate(settle);
  }

  onRoom(listener: () => void): void {
    this.#roomListener = listener;
  }

  makeRoom(): void {
    this.hasRoom = true;
    this.#roomListener();
  }

  reject(transport: Transport, reason: RejectReason): void {
    this.rejects.push([transport, reason]);
  }

  /** Settle what is held, in the order given by `order` or else as it came. */
  release(order: readonly number[] = [...this.#waiting.keys()]): void {
    const waiting = this.#waiting.splice(0);
    for (const at of order) waiting[at]!();
  }
}

export function stored(deviceId: string, leafIndex: number, seq: number | bigint = leafIndex): Outcome {
  return {
    kind: "stored",
    leafIndex,
    leafHash: new Uint8Array(32).fill(0xab),
    message: { deviceId, seq, msgId: `m${leafIndex}` },
  };
}

type Section<T> = {
  readonly [Key in keyof T]?: T[Key] extends readonly unknown[]
    ? T[Key]
    : T[Key] extends object
      ? Section<T[Key]>
      : T[Key];
};

export function mqttConfig({ limits, tls, ws, ...top }: Section<MqttConfig> = {}): MqttConfig {
  const defaults = Create(mqttConfigSchema) as MqttConfig;
  return {
    ...defaults,
    port: 0,
    ...top,
    tls: { ...defaults.tls, port: 0, ...tls },
    ws: { ...defaults.ws, port: 0, ...ws },
    limits: { ...defaults.limits, ...limits },
  } as MqttConfig;
}

export const openRules = [{ allow: "all", topic: "#" }] as const;
export const adminToken = "an admin token for tests";

/** `scrypt$N$r$p$salt$hash`, as docs/guides/mqtt.md makes them. */
export function hashPassword(password: string): string {
  const salt = randomBytes(16);
  return ["scrypt", 16_384, 8, 1, salt.toString("base64"), scryptSync(password, salt, 32).toString("base64")].join("$");
}

export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "mycogate-mqtt-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface RunningBroker {
  readonly transport: MqttTransport;
  readonly ingest: FakeIngest;
  /** `mqtt://127.0.0.1:…` */
  readonly url: string;
  readonly port: number;
  urlOf(name: "tcp" | "tls" | "ws"): string;
}

export async function startBroker(
  section: Section<MqttConfig> = {},
  options: Partial<MqttTransportOptions> = {},
): Promise<RunningBroker> {
  const ingest = new FakeIngest();
  const transport = new MqttTransport({
    config: mqttConfig(section),
    gatewayId: "gw",
    adminToken,
    ingest,
    receipts: { receiptOf: ({ leafIndex }) => Buffer.from(`receipt of leaf ${leafIndex}`) },
    log: pino({ level: "silent" }),
    persistenceDir: options.persistenceDir ?? scratch(),
    ...options,
  });
  const { listeners } = await transport.start();
  onTestFinished(() => transport.stop());
  const urlOf = (name: string): string => listeners.find((listener) => listener.name === name)!.url;
  return { transport, ingest, url: urlOf("tcp"), port: Number(new URL(urlOf("tcp")).port), urlOf };
}

interface Received {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
}

export type TestClient = MqttClient & { readonly received: Received[] };

/** Connected, never reconnecting. @throws the error that says how the broker refused */
export async function connectClient(url: string, options: IClientOptions = {}): Promise<TestClient> {
  const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 10_000, ...options }) as TestClient;
  Object.assign(client, { received: [] });
  client.on("message", (topic, payload, { qos, retain, dup }) =>
    client.received.push({ topic, text: payload.toString(), qos, retain, dup }),
  );
  onTestFinished(() => void client.end(true));
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
    client.once("close", () => reject(new Error("closed before CONNACK")));
  });
  return client;
}

export function closeOf(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once("close", () => resolve()));
}

/** CONNACK return code of a refused CONNECT. */
export async function refusalOf(url: string, options: IClientOptions): Promise<number> {
  try {
    await connectClient(url, options);
  } catch (error) {
    return (error as { code: number }).code;
  }
  throw new Error("the broker let the client in");
}

export const eventually = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 });

/** Sends and receives bytes. */
export class RawClient {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  closed = false;

  constructor(port: number) {
    this.socket = tcpConnect({ port, host: "127.0.0.1" });
    this.socket.on("data", (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
    onTestFinished(() => void this.socket.destroy());
  }

  send(...packets: Uint8Array[]): void {
    this.socket.write(Buffer.concat(packets));
  }

  /** Resolves once this many bytes came; gives and removes them. */
  async take(count: number): Promise<Buffer> {
    await eventually(() => {
      if (this.bytes.length < count) throw new Error(`${this.bytes.length} of ${count} bytes`);
    });
    const taken = this.bytes.subarray(0, count);
    this.bytes = this.bytes.subarray(count);
    return taken;
  }

  async untilClosed(): Promise<void> {
    await eventually(() => {
      if (!this.closed) throw new Error("still open");
    });
  }
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** A control packet around its variable header and payload. */
export function packet(firstByte: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let rest = body.length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([firstByte, ...length]), body]);
}

interface RawConnect {
  readonly clientId?: string;
  readonly clean?: boolean;
  readonly level?: number;
  readonly keepalive?: number;
}

export function connectPacket({ clientId = "raw", clean = true, level = 4, keepalive = 0 }: RawConnect = {}): Buffer {
  return packet(
    0x10,
    text("MQTT"),
    Buffer.from([level, clean ? 2 : 0, keepalive >> 8, keepalive & 0xff]),
    text(clientId),
  );
}

export function publishPacket(
  topic: string,
  payload: Uint8Array | string,
  qos: 0 | 1 | 2 = 0,
  messageId = 1,
  dup = false,
): Buffer {
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.from([messageId >> 8, messageId & 0xff]);
  return packet(0x30 | (qos << 1) | (dup ? 8 : 0), text(topic), id, Buffer.from(payload as Uint8Array));
}

/** @param filters filter and QoS */
export function subscribePacket(messageId: number, ...filters: [string, number][]): Buffer {
  return packet(
    0x82,
    Buffer.from([messageId >> 8, messageId & 0xff]),
    ...filters.flatMap(([filter, qos]) => [text(filter), Buffer.from([qos])]),
  );
}
