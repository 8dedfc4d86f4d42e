/** MDP frames as datagrams, over real sockets on loopback. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { UdpConfig } from "../../../gateway/transports/udp/config.ts";
import { UdpTransport } from "../../../gateway/transports/udp/udp-transport.ts";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../../protocol/spec.ts";
import { decodeMdpFrame, encodeMdpFrame, type MdpPacket } from "../../../src/codec/mdp.ts";
import { sendBy } from "../../support/command-order.ts";
import { telemetry } from "../../support/serial-boards.ts";
import { FakeIngest, FakeRegistry } from "../../support/serial-fakes.ts";

const vectors: readonly { name: string; frame: string }[] = JSON.parse(
  readFileSync(new URL("../../../protocol/vectors/mdp-frames.json", import.meta.url), "utf8"),
);
const envelopes: readonly { cbor: string; deviceId: string }[] = JSON.parse(
  readFileSync(new URL("../../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
);
const vector = (name: string): Buffer => Buffer.from(vectors.find((each) => each.name === name)!.frame, "hex");
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 5 });

class Board {
  readonly socket: Socket = createSocket("udp4");
  readonly heard: MdpPacket[] = [];
  port = 0;

  static async open(): Promise<Board> {
    const board = new Board();
    board.socket.bind(0, "127.0.0.1");
    await once(board.socket, "listening");
    board.port = board.socket.address().port;
    board.socket.on("message", (bytes) => {
      const frame = decodeMdpFrame(bytes);
      if (frame.ok) board.heard.push(frame.value);
    });
    return board;
  }

  get name(): string {
    return `127.0.0.1@${this.port}`;
  }

  send(bytes: Uint8Array): void {
    this.socket.send(bytes, gatewayPort, "127.0.0.1");
  }
}

let gatewayPort: number;
let ingest: FakeIngest;
let registry: FakeRegistry;
let transport: UdpTransport;
let boards: Board[];

const defaults: UdpConfig["limits"] = { senders: 256, idleSeconds: 300, datagramsPerSecond: 200, inFlight: 4_096 };

async function start(config: Partial<UdpConfig> = {}, trusted = true): Promise<void> {
  const log = { info: () => undefined, warn: () => undefined };
  transport = new UdpTransport({
    config: { host: "127.0.0.1", port: 0, boards: [], identifyMs: 50, limits: defaults, ...config },
    trusted,
    ingest,
    receipts: { receiptOf: ({ leafIndex }) => Buffer.from(`receipt of leaf ${leafIndex}`) },
    registry,
    log,
    nowUs: () => Date.now() * 1000,
  });
  const [listener] = await transport.start();
  gatewayPort = Number(new URL(listener!.url).port);
}

async function board(): Promise<Board> {
  const opened = await Board.open();
  boards.push(opened);
  return opened;
}

const fates = (): Readonly<Record<string, number>> => transport.counters[0]!.read();

beforeEach(() => {
  ingest = new FakeIngest();
  registry = new FakeRegistry();
  boards = [];
});
afterEach(async () => {
  await transport.stop();
  for (const { socket } of boards) socket.close();
});

test("frames with and without their delimiter arrive byte for byte, and are acknowledged to their sender alone", async () => {
  await start();
  const [first, second] = [await board(), await board()];
  const wire = telemetry(1, mdpFlags.ACK_REQUESTED);
  first.send(wire);
  await until(() => expect(first.heard.some(({ type, ack }) => type === mdpTypes.ACK && ack === 1)).toBe(true));
  first.send(telemetry(2, mdpFlags.ACK_REQUESTED).subarray(0, -1));
  await until(() => expect(first.heard.some(({ ack }) => ack === 2)).toBe(true));
  expect(Buffer.from(ingest.uploads[0]!.payload)).toEqual(Buffer.from(wire));
  expect(ingest.uploads.map(({ transport: name, source }) => [name, source])).toEqual([
    ["udp", `udp:${first.name}`],
    ["udp", `udp:${first.name}`],
  ]);
  expect(second.heard).toEqual([]);
});

test("a board is the id of its HELLO, or its address; a second board of the same id is another device", async () => {
  await start();
  const [first, second, silent] = [await board(), await board(), await board()];
  first.send(vector("hello_side_a_gen_b"));
  await until(() => expect(ingest.uploads).toHaveLength(1));
  second.send(vector("hello_side_a_gen_b"));
  await until(() => expect(ingest.uploads).toHaveLength(2));
  silent.send(telemetry(5));
  await until(() => expect(ingest.uploads).toHaveLength(3));
  const plain = ({ port }: Board): string => `udp-127.0.0.1-${port}`;
  expect(ingest.uploads.map(({ deviceId }) => deviceId)).toEqual(["mycobrain-9f81b", plain(second), plain(silent)]);
  expect(silent.heard.map(({ type }) => type)).toEqual([mdpTypes.COMMAND]);
});

test("a signed envelope is its signer's, whoever sent it; the configuration names unsigned boards", async () => {
  const known = await board();
  await start({ boards: [{ address: known.name, device: "roof" }] }, false);
  const stranger = await board();
  const { cbor, deviceId } = envelopes[0]!;
  const signed = encodeMdpFrame({
    type: mdpTypes.TELEMETRY,
    seq: 1,
    src: mdpEndpoints.SIDE_B,
    dst: mdpEndpoints.GATEWAY,
    body: Buffer.from(cbor, "hex"),
  });
  for (const bytes of [signed, telemetry(2)]) {
    stranger.send(bytes);
    known.send(bytes);
  }
  await until(() => expect(ingest.uploads).toHaveLength(4));
  expect(ingest.uploads.map((upload) => upload.deviceId).sort()).toEqual(
    [deviceId, deviceId, "roof", `udp-127.0.0.1-${stranger.port}`].sort(),
  );
  // Nobody is enrolled where policy trusts no datagram.
  expect(registry.boards.size).toBe(0);
});

test("an envelope that asks is answered by its receipt", async () => {
  await start();
  const sender = await board();
  const header = { type: mdpTypes.TELEMETRY, seq: 1, flags: mdpFlags.ACK_REQUESTED };
  const body = Buffer.from(envelopes[0]!.cbor, "hex");
  sender.send(encodeMdpFrame({ ...header, src: mdpEndpoints.SIDE_B, dst: mdpEndpoints.GATEWAY, body }));
  await until(() => expect(sender.heard).toHaveLength(1));
  expect(sender.heard[0]).toMatchObject({ type: mdpTypes.ACK, flags: mdpFlags.IS_ACK, ack: 1 });
  expect(Buffer.from(sender.heard[0]!.body).toString()).toBe("receipt of leaf 0");
});

test("a flooding sender is held to its rate, and others are heard", async () => {
  await start({ limits: { ...defaults, datagramsPerSecond: 5 } });
  const [loud, quiet] = [await board(), await board()];
  for (let seq = 1; seq <= 40; seq++) loud.send(telemetry(seq));
  await until(() => expect(fates().RATE_LIMITED ?? 0).toBeGreaterThanOrEqual(30));
  quiet.send(telemetry(1));
  await until(() => expect(ingest.uploads.some(({ source }) => source === `udp:${quiet.name}`)).toBe(true));
  expect(Object.values(fates()).reduce((a, b) => a + b, 0)).toBe(41);
});

test("senders beyond the limit are counted, configured ones always have a place, and noise takes none", async () => {
  const known = await board();
  await start({
    boards: [{ address: known.name, device: "roof" }],
    limits: { ...defaults, senders: 1, idleSeconds: 86_400 },
  });
  const [noisy, first, second] = [await board(), await board(), await board()];
  noisy.send(Buffer.from("no frame"));
  await until(() => expect(ingest.rejects).toHaveLength(1));
  first.send(telemetry(1));
  await until(() => expect(ingest.uploads).toHaveLength(1));
  second.send(telemetry(1));
  await until(() => expect(fates().SENDER_LIMIT).toBe(1));
  known.send(telemetry(1));
  await until(() => expect(ingest.uploads).toHaveLength(2));
});

test("what waits for the disk is bounded, and stopping waits for it", async () => {
  await start({ limits: { ...defaults, inFlight: 2 } });
  const sender = await board();
  sender.send(vector("hello_side_a_gen_b"));
  await until(() => expect(ingest.outcomes).toHaveLength(1));
  ingest.isHolding = true;
  for (let seq = 2; seq <= 5; seq++) sender.send(telemetry(seq, mdpFlags.ACK_REQUESTED));
  await until(() => expect(fates().OVERLOADED).toBe(2));
  const stopped = transport.stop();
  ingest.settleAll();
  await stopped;
  // Side-A's frames go on from the HELLO's number, and the two that were taken are acknowledged.
  await until(() => expect(sender.heard.filter(({ type }) => type === mdpTypes.ACK)).toHaveLength(2));
});

test("any bytes are a message or a counted reject, and the next frame is read", async () => {
  await start({ limits: { ...defaults, datagramsPerSecond: 100_000 } });
  const sender = await board();
  sender.send(vector("hello_side_a_gen_b"));
  await until(() => expect(ingest.outcomes).toHaveLength(1));
  let seq = 100;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
      const before = ingest.uploads.length;
      sender.send(bytes);
      sender.send(telemetry(seq++));
      await until(() => expect(ingest.uploads.length).toBeGreaterThan(before));
    }),
    { numRuns: 100 },
  );
  sender.send(new Uint8Array(0));
  sender.send(new Uint8Array(3_000));
  await until(() => expect(fates().PACKET_TOO_LARGE).toBeGreaterThanOrEqual(1));
});

test("a command goes to where its board was heard last, and is answered by generation B's rule", async () => {
  await start();
  const first = await board();
  first.send(vector("hello_side_a_gen_b"));
  await until(() => expect(ingest.outcomes).toHaveLength(1));
  const { deviceId } = ingest.uploads[0]!;
  expect([transport.reaches(deviceId), transport.reaches("nobody")]).toEqual([true, false]);
  const answer = sendBy(transport, deviceId, { cmd: "clear_estop", params: {} }, 20_000);
  await until(() => expect(first.heard.some(({ type }) => type === mdpTypes.COMMAND)).toBe(true));
  const { seq, body, dst } = first.heard.find(({ type }) => type === mdpTypes.COMMAND)!;
  expect([dst, JSON.parse(Buffer.from(body).toString())]).toEqual([0xa1, { cmd: "clear_estop", params: {} }]);
  const ack = { type: mdpTypes.ACK, seq: 900, flags: mdpFlags.IS_ACK, src: 0xa1, dst: mdpEndpoints.GATEWAY };
  const done = Buffer.from('{"success":true,"message":"estop_cleared"}');
  // Somebody else's word for it, and the word on another command.
  (await board()).send(
    encodeMdpFrame({ ...ack, ack: seq, body: Buffer.from('{"success":false,"message":"not yours"}') }),
  );
  first.send(encodeMdpFrame({ ...ack, ack: seq + 1, body: Buffer.from('{"success":false,"message":"another"}') }));
  first.send(encodeMdpFrame({ ...ack, seq: 901, ack: seq, body: done }));
  expect(await answer).toEqual({ outcome: "succeeded", message: "estop_cleared" });
});

test("a generation-A board behind its Side-B gets commands by number, and its result is found by that", async () => {
  await start();
  const sideB = await board();
  registry.boards.set(sideB.name, { id: "mushroom-7", port: "", role: "mushroom1", firmware: "" });
  sideB.send(vector("cmd_result_gen_a"));
  await until(() => expect(ingest.outcomes).toHaveLength(1));
  expect(ingest.uploads[0]).toMatchObject({ deviceId: "mushroom-7", format: "mdp-a" });
  const answer = sendBy(transport, "mushroom-7", { cmd: "set_mos", params: { index: 2, value: 1 } }, 20_000);
  await until(() => expect(sideB.heard.some(({ type }) => type === mdpTypes.COMMAND)).toBe(true));
  const sent = sideB.heard.find(({ type }) => type === mdpTypes.COMMAND)!;
  expect(Buffer.from(sent.body).toString("hex")).toBe("0400" + "0200" + "0201");
  const result = (cmdId: number, status: number): Uint8Array => {
    const body = Buffer.from([1, 0, 4, 0, cmdId, 0, 0, 0]);
    body.writeInt16LE(status, 6);
    return encodeMdpFrame({ type: mdpTypes.EVENT, seq: 900 + cmdId, src: 0xb1, dst: 0xc0, body });
  };
  sideB.send(result(3, 0));
  sideB.send(result(4, -3));
  expect(await answer).toEqual({ outcome: "failed", message: "bad_index" });
  expect(() => transport.check("mushroom-7", { cmd: "drone_stop", params: {} })).toThrow(
    expect.objectContaining({ code: "COMMAND_UNKNOWN" }),
  );
});
