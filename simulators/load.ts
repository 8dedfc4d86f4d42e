/**
 * Load generator: a child process that meets the gateway only over MQTT. It signs its messages beforehand into a file
 * and streams them from there, so that neither signing nor memory of the generator disturbs what is measured.
 */
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sodium from "sodium-native";
import { signedEnvelope } from "./signer.ts";

/** Parent → generator. */
type LoadRequest =
  | { readonly type: "prepare"; readonly connections: number; readonly readings: number; readonly prefix: string }
  /** Sign so many more messages, evenly over the connections. */
  | { readonly type: "sign"; readonly messages: number }
  | {
      readonly type: "run";
      readonly port: number;
      readonly messages: number;
      readonly perSecond: number;
      readonly window: number;
    }
  | { readonly type: "end" };

/** Generator → parent. */
type LoadReply =
  | { readonly type: "prepared"; readonly devices: readonly { readonly id: string; readonly publicKey: string }[] }
  | { readonly type: "signed" }
  | ({ readonly type: "ran" } & LoadResult);

interface LoadResult {
  readonly acked: number;
  readonly seconds: number;
  /** PUBACK latency in ms, from when the message was due to be sent. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** One device on one connection. */
interface Lane {
  readonly id: string;
  readonly secretKey: Buffer;
  readonly file: number;
  readonly packets: PacketFile;
  signed: number;
}

let folder: string | undefined;
let lanes: Lane[] = [];
let readingCount = 0;
let topicPrefix = "";

process.on("message", async (request: LoadRequest) => {
  if (request.type === "end") end();
  else process.send!(await answer(request));
});
process.on("disconnect", end);

async function answer(request: Exclude<LoadRequest, { type: "end" }>): Promise<LoadReply> {
  if (request.type === "prepare") return prepare(request);
  if (request.type === "run") return { type: "ran", ...(await run(request)) };
  for (const lane of lanes) sign(lane, Math.ceil(request.messages / lanes.length));
  // Or what signing has left is collected in the midst of what is measured.
  globalThis.gc?.();
  return { type: "signed" };
}

function end(): void {
  for (const { file } of lanes) closeSync(file);
  if (folder) rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}

function prepare({ connections, readings, prefix }: Extract<LoadRequest, { type: "prepare" }>): LoadReply {
  folder = mkdtempSync(join(tmpdir(), "mycogate-load-"));
  readingCount = readings;
  topicPrefix = prefix;
  const devices: { id: string; publicKey: string }[] = [];
  lanes = Array.from({ length: connections }, (_, index) => {
    const id = `load-${String(index).padStart(4, "0")}`;
    const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
    const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
    sodium.crypto_sign_keypair(publicKey, secretKey);
    devices.push({ id, publicKey: publicKey.toString("hex") });
    const file = openSync(join(folder!, id), "a+");
    return { id, secretKey, file, packets: new PacketFile(file), signed: 0 };
  });
  return { type: "prepared", devices };
}

function sign(lane: Lane, count: number): void {
  let pending: Buffer[] = [];
  for (const last = lane.signed + count; lane.signed < last; ) {
    const seq = ++lane.signed;
    const fields = {
      deviceId: lane.id,
      seq,
      msgId: randomBytes(16),
      epochMs: Date.now(),
      readings: sampleReadings(readingCount, seq),
    };
    pending.push(publishPacket(`${topicPrefix}/${lane.id}/envelope`, signedEnvelope(fields, lane.secretKey)));
    if (pending.length < 1024 && seq < last) continue;
    writeSync(lane.file, Buffer.concat(pending));
    pending = [];
  }
}

function sampleReadings(count: number, seq: number) {
  return Array.from({ length: count }, (_, index) => ({
    sensor: 1 + (index % 10),
    vi: 2000 + ((seq * 7 + index * 13) % 500),
    vs: 2,
    unit: 1 + (index % 8),
    quality: 0,
  }));
}

/** MQTT 3.1.1 PUBLISH, QoS 1, packet identifier left zero: it follows the topic and is filled in when sent. */
function publishPacket(topic: string, payload: Uint8Array): Buffer {
  const remaining = 2 + Buffer.byteLength(topic) + 2 + payload.length;
  const head: number[] = [0x32];
  let rest = remaining;
  do {
    head.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  const packet = Buffer.alloc(head.length + remaining);
  packet.set(head);
  packet.writeUInt16BE(topic.length, head.length);
  packet.write(topic, head.length + 2);
  packet.set(payload, head.length + 4 + topic.length);
  return packet;
}

/** Longer than any packet of a load. */
const longestPacket = 70_000;

/** Read at once: little, because all lanes tend to read at the same time, and that pause would be measured too. */
const readBytes = 1 << 17;

/** Gives out the prepared packets from a file. */
class PacketFile {
  readonly #file: number;
  #buffer = Buffer.alloc(0);
  #at = 0;
  #offset = 0;

  constructor(file: number) {
    this.#file = file;
  }

  /**
   * The next packets in one piece: at least one if there is any, at most `limit`.
   * @param identify is asked for the packet identifier of each
   */
  take(limit: number, identify: () => number): Buffer {
    if (this.#buffer.length - this.#at < longestPacket) this.#fill();
    const start = this.#at;
    let rest = limit;
    do {
      if (this.#at === this.#buffer.length) break;
      this.#pass(identify());
    } while (--rest > 0 && this.#buffer.length - this.#at >= longestPacket);
    return this.#buffer.subarray(start, this.#at);
  }

  #pass(packetId: number): void {
    const buffer = this.#buffer;
    let remaining = 0;
    let head = 1;
    for (let shift = 0; ; shift += 7, head++) {
      const byte = buffer[this.#at + head]!;
      remaining |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const body = this.#at + head + 1;
    buffer.writeUInt16BE(packetId, body + 2 + buffer.readUInt16BE(body));
    this.#at = body + remaining;
  }

  #fill(): void {
    const fresh = Buffer.allocUnsafeSlow(readBytes);
    const read = readSync(this.#file, fresh, 0, fresh.length, this.#offset);
    if (read === 0) return;
    this.#offset += read;
    this.#buffer = Buffer.concat([this.#buffer.subarray(this.#at), fresh.subarray(0, read)]);
    this.#at = 0;
  }
}

async function run({ port, messages, perSecond, window }: Extract<LoadRequest, { type: "run" }>): Promise<LoadResult> {
  const senders = await Promise.all(lanes.map((lane) => Sender.connect(lane, port, window)));
  const share = Math.ceil(messages / senders.length);
  const started = performance.now();
  await Promise.all(
    senders.map((sender, index) =>
      sender.send(share, perSecond / senders.length, perSecond > 0 ? index * (1000 / perSecond) : 0),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const latencies = Float64Array.from(senders.flatMap(({ latencies }) => latencies)).sort();
  for (const sender of senders) sender.close();
  const at = (quantile: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * quantile))]!;
  return { acked: latencies.length, seconds, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/**
 * At a given rate a connection sends what has become due no oftener than this, in one write: the generator shares the
 * machine with what it measures. The pause counts as latency, which begins when a message is due.
 */
const shortestPauseMs = 4;

/** One connection with at most `window` messages unacknowledged. */
class Sender {
  readonly latencies: number[] = [];
  readonly #lane: Lane;
  readonly #socket: Socket;
  readonly #window: number;
  readonly #dueAt = new Float64Array(65_536);
  #nextId = 1;
  #unacked = 0;
  #carry: Buffer = Buffer.alloc(0);
  #onAck: () => void = () => {};

  private constructor(lane: Lane, socket: Socket, window: number) {
    this.#lane = lane;
    this.#socket = socket;
    this.#window = window;
  }

  static connect(lane: Lane, port: number, window: number): Promise<Sender> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      const sender = new Sender(lane, socket, window);
      const id = Buffer.from(lane.id);
      const connectPacket = Buffer.concat([
        Buffer.from([0x10, 12 + id.length, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, id.length]),
        id,
      ]);
      socket.once("connect", () => socket.write(connectPacket));
      socket.once("error", reject);
      socket.once("data", (connack) => {
        if (connack[3] !== 0) reject(new Error(`CONNACK ${connack[3]}`));
        socket.on("data", (chunk) => sender.#received(chunk));
        resolve(sender);
      });
    });
  }

  /** @param perSecond 0 sends as fast as the window lets it */
  send(count: number, perSecond: number, delayMs: number): Promise<void> {
    let sent = 0;
    const interval = perSecond > 0 ? 1000 / perSecond : 0;
    const started = performance.now() + delayMs;
    return new Promise((resolve, reject) => {
      this.#socket.once("close", () => reject(new Error(`${this.#lane.id}: connection closed`)));
      const pump = (): void => {
        const now = performance.now();
        const dueCount = interval === 0 ? count : Math.min(count, Math.floor((now - started) / interval) + 1);
        let room = Math.min(dueCount - sent, this.#window - this.#unacked);
        const identify = (): number => {
          const id = this.#nextId;
          this.#nextId = (id % 65_535) + 1;
          this.#dueAt[id] = interval === 0 ? now : started + sent * interval;
          this.#unacked++;
          sent++;
          room--;
          return id;
        };
        while (room > 0) {
          const packets = this.#lane.packets.take(room, identify);
          if (packets.length === 0) count = sent;
          else this.#socket.write(packets);
          room = Math.min(room, count - sent);
        }
        resolveWhenDone();
      };
      const resolveWhenDone = (): void => {
        if (sent >= count && this.#unacked === 0) resolve();
      };
      const pumpWhenDue = (): void => {
        pump();
        if (sent < count)
          setTimeout(pumpWhenDue, Math.max(Math.ceil(started + sent * interval - performance.now()), shortestPauseMs));
      };
      this.#onAck = interval === 0 ? pump : resolveWhenDone;
      if (interval === 0) pump();
      else pumpWhenDue();
    });
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.end(Buffer.from([0xe0, 0]));
  }

  #received(chunk: Buffer): void {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    const now = performance.now();
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      if (bytes[at] !== 0x40) throw new Error(`expected PUBACK, got packet type 0x${bytes[at]!.toString(16)}`);
      this.latencies.push(now - this.#dueAt[bytes.readUInt16BE(at + 2)]!);
      this.#unacked--;
    }
    this.#carry = bytes.subarray(at);
    this.#onAck();
  }
}
