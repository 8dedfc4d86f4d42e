/** MAVLink over real sockets on loopback. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import {
  common,
  MavLinkPacketParser,
  MavLinkPacketSignature,
  MavLinkPacketSplitter,
  MavLinkProtocolV2,
  minimal,
} from "node-mavlink";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MavlinkConfig } from "../../../gateway/transports/mavlink/config.ts";
import { MavlinkTransport } from "../../../gateway/transports/mavlink/mavlink-transport.ts";
import { MavlinkSigning } from "../../../gateway/transports/mavlink/signing.ts";
import { layouts } from "../../../src/mavlink/messages.ts";
import { sendBy } from "../../support/command-order.ts";
import { needs } from "../../support/needs.ts";
import { Pty } from "../../support/pty.ts";
import { FakeIngest, FakeRegistry } from "../../support/serial-fakes.ts";

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 5 });
const key = MavLinkPacketSignature.key("shared");

let ingest: FakeIngest;
let registry: FakeRegistry;
let transport: MavlinkTransport;
let drone: Socket;
let port: number;
let signing: MavlinkSigning;
let seq = 0;

function heartbeat(system = 1, type = 2, flags = 0): Buffer {
  const message = new minimal.Heartbeat();
  Object.assign(message, { type, autopilot: 3, baseMode: 0x80, customMode: 0, systemStatus: 4, mavlinkVersion: 3 });
  return new MavLinkProtocolV2(system, 1, flags).serialize(message, seq++ & 0xff);
}

function text(words: string): Buffer {
  const message = new common.StatusText();
  Object.assign(message, { severity: 4, text: words });
  return new MavLinkProtocolV2(1, 1).serialize(message, seq++ & 0xff);
}

async function start(config: Partial<MavlinkConfig> = {}, trusted = true): Promise<void> {
  const record = [...layouts.values()].map(({ name }) => name);
  const limits = { vehicles: 64, framesPerSecond: 1_000, refusedPerSecond: 5 };
  const complete = {
    host: "127.0.0.1",
    port: 0,
    serial: [],
    vehicles: [],
    snapshotMs: 3_600_000,
    record,
    signing: [],
    limits,
  };
  const merged: MavlinkConfig = { ...complete, ...config };
  signing = new MavlinkSigning(merged.signing);
  transport = new MavlinkTransport({
    config: merged,
    reconnect: { reconnectMinMs: 20, reconnectMaxMs: 50 },
    trusted,
    signing,
    ingest,
    registry,
    log: { info: () => undefined, warn: () => undefined },
    nowUs: () => Date.now() * 1_000,
  });
  const [listener] = await transport.start();
  if (listener) port = Number(new URL(listener.url).port);
}

const send = (...frames: Uint8Array[]): void => drone.send(Buffer.concat(frames), port, "127.0.0.1");
const fates = (): Readonly<Record<string, number>> => transport.counters[0]!.read();
const counted = (): number => Object.values(fates()).reduce((a, b) => a + b, 0);

beforeEach(async () => {
  ingest = new FakeIngest();
  registry = new FakeRegistry();
  drone = createSocket("udp4");
  drone.bind(0, "127.0.0.1");
  await once(drone, "listening");
});
afterEach(async () => {
  await transport.stop();
  drone.close();
});

test("a component's newest frames become one entry, verbatim; what they replaced is counted, and no text is lost", async () => {
  await start();
  const beats = Array.from({ length: 50 }, () => heartbeat());
  const texts = ["one", "two", "three"].map(text);
  for (const beat of beats) send(beat);
  send(...texts);
  // The third of three texts that replace nothing is the last of what was sent.
  await until(() => expect(fates().thinned).toBe(49));
  await new Promise((resolve) => setImmediate(resolve));
  await transport.stop();
  expect(ingest.uploads).toHaveLength(1);
  expect(ingest.uploads[0]).toMatchObject({ deviceId: "mavlink-1-1", format: "mavlink", source: "mavlink:1-1" });
  expect(Buffer.from(ingest.uploads[0]!.payload)).toEqual(Buffer.concat([beats[49]!, ...texts]));
  expect(fates()).toEqual({ thinned: 49, recorded: 4 });
});

test("snapshots go out by themselves, each component its own device, by configuration or enrolled", async () => {
  await start({ snapshotMs: 20, vehicles: [{ system: 2, device: "surveyor" }] });
  send(heartbeat(1), heartbeat(2));
  await until(() => expect(ingest.uploads).toHaveLength(2));
  expect(ingest.uploads.map(({ deviceId }) => deviceId).sort()).toEqual(["mavlink-1-1", "surveyor"]);
  expect([...registry.boards.keys()]).toEqual(["1-1"]);
  send(heartbeat(1));
  await until(() => expect(ingest.uploads).toHaveLength(3));
});

test("without trust nothing is enrolled, and ingest hears of it under the name it would have", async () => {
  await start({ snapshotMs: 20 }, false);
  send(heartbeat());
  await until(() => expect(ingest.uploads[0]?.deviceId).toBe("mavlink-1-1"));
  expect(registry.boards.size).toBe(0);
});

test("of a system with a key only signed frames are recorded; others go to ingest by themselves and are refused there", async () => {
  await start({ snapshotMs: 20, signing: [{ system: 1, key: key.toString("hex") }] });
  const signed = (by: Buffer): Buffer =>
    new MavLinkProtocolV2().sign(heartbeat(1, 2, MavLinkProtocolV2.IFLAG_SIGNED), 1, by);
  const good = signed(key);
  send(good, signed(MavLinkPacketSignature.key("wrong")), heartbeat(), good);
  await until(() => expect(ingest.uploads).toHaveLength(3));
  const verdicts = ingest.uploads.map((upload) => signing.examine(upload)?.reject ?? "ok").sort();
  expect(verdicts).toEqual(["SIGNATURE_INVALID", "UNSIGNED", "ok"]);
  expect(fates()).toEqual({ quarantined: 2, SIGNATURE_REPLAYED: 1, recorded: 1 });
  // A flood of forgeries fills no quarantine.
  for (let i = 0; i < 50; i++) send(heartbeat());
  await until(() => expect(fates().RATE_LIMITED).toBeGreaterThan(30));
});

test("ground stations, other messages and noise are counted; so is what exceeds the limits", async () => {
  await start({ record: ["HEARTBEAT"], limits: { vehicles: 1, framesPerSecond: 10, refusedPerSecond: 5 } });
  send(heartbeat(255, 6), text("not recorded"), Buffer.from("noise"), heartbeat(1));
  send(heartbeat(2));
  await until(() => expect(fates().SENDER_LIMIT).toBe(1));
  expect(fates()).toEqual({ ignored: 2, FRAME_BAD_MAGIC: 1, SENDER_LIMIT: 1 });
  for (let i = 0; i < 40; i++) send(heartbeat(1));
  await until(() => expect(counted()).toBe(4 + 40));
  expect(fates().RATE_LIMITED).toBeGreaterThan(20);
  expect(ingest.rejects.length).toBe(2 + fates().RATE_LIMITED!);
});

/** What the vehicle was sent, read by another implementation. */
async function commandsTo(socket: Socket): Promise<
  {
    readonly command: common.CommandLong;
    readonly from: readonly number[];
    readonly isSigned: boolean;
  }[]
> {
  const splitter = new MavLinkPacketSplitter();
  const parser = new MavLinkPacketParser();
  splitter.pipe(parser);
  const got: Awaited<ReturnType<typeof commandsTo>> = [];
  parser.on("data", ({ header, payload, protocol, signature }) => {
    const command = protocol!.data(payload, common.CommandLong);
    const isSigned = signature?.matches(key) ?? false;
    got.push({ command, from: [header.sysid, header.compid], isSigned });
  });
  socket.on("message", (bytes) => splitter.write(bytes));
  return got;
}

function commandAck(command: number, result: number, target = 255, flags = 0): Buffer {
  const message = new common.CommandAck();
  Object.assign(message, { command, result, targetSystem: target, targetComponent: target === 255 ? 190 : 1 });
  return new MavLinkProtocolV2(1, 1, flags).serialize(message, seq++ & 0xff);
}

test("a command is COMMAND_LONG to where the vehicle was heard, and answered by the COMMAND_ACK of its number", async () => {
  await start({ vehicles: [{ system: 1, device: "surveyor" }] });
  const got = await commandsTo(drone);
  expect(transport.reaches("surveyor")).toBe(false);
  send(heartbeat());
  await until(() => expect(transport.reaches("surveyor")).toBe(true));
  const takeoff = sendBy(transport, "surveyor", { cmd: "takeoff", params: { altitude: 12.5 } }, 20_000);
  await until(() => expect(got).toHaveLength(1));
  expect(got[0]).toMatchObject({
    ...{ from: [255, 190], isSigned: false },
    command: { command: 22, targetSystem: 1, targetComponent: 1, confirmation: 0, _param7: 12.5 },
  });
  // Another command's, another station's, and that it is at it.
  send(commandAck(400, 0), commandAck(22, 4, 17), commandAck(22, 5), commandAck(22, 2));
  expect(await takeoff).toEqual({ outcome: "failed", message: "denied" });
  const raw = { cmd: "command_long", params: { command: 400, param1: 1, param2: 21196 } };
  const armed = sendBy(transport, "surveyor", raw, 20_000);
  await until(() => expect(got).toHaveLength(2));
  expect(got[1]!.command).toMatchObject({ command: 400, _param1: 1, _param2: 21196 });
  send(commandAck(400, 0));
  expect(await armed).toEqual({ outcome: "succeeded", message: "accepted" });
  expect(fates()).toMatchObject({ command_ack: 5 });
  await expect(sendBy(transport, "surveyor", { cmd: "land", params: {} }, 20)).rejects.toMatchObject({
    code: "COMMAND_TIMEOUT",
  });
});

test("commands to a system with a key are signed, and so must their answers be", async () => {
  await start({ vehicles: [{ system: 1, device: "surveyor" }], signing: [{ system: 1, key: key.toString("hex") }] });
  const got = await commandsTo(drone);
  const signed = (frame: Buffer): Buffer => new MavLinkProtocolV2().sign(frame, 1, key);
  send(heartbeat());
  await until(() => expect(fates().quarantined).toBe(1));
  expect(transport.reaches("surveyor")).toBe(false);
  send(signed(heartbeat(1, 2, MavLinkProtocolV2.IFLAG_SIGNED)));
  await until(() => expect(transport.reaches("surveyor")).toBe(true));
  const landed = sendBy(transport, "surveyor", { cmd: "land", params: {} }, 20_000);
  await until(() => expect(got).toHaveLength(1));
  expect(got[0]!.isSigned).toBe(true);
  send(commandAck(21, 4));
  await until(() => expect(fates().quarantined).toBe(2));
  send(signed(commandAck(21, 0, 255, MavLinkProtocolV2.IFLAG_SIGNED)));
  expect(await landed).toEqual({ outcome: "succeeded", message: "accepted" });
});

test("commands that the table or their parameters do not have are refused", async () => {
  await start({ vehicles: [{ system: 1, device: "surveyor" }] });
  send(heartbeat());
  await until(() => expect(transport.reaches("surveyor")).toBe(true));
  for (const [code, cmd, params] of [
    ["COMMAND_UNKNOWN", "loop", {}],
    ["COMMAND_UNKNOWN", "toString", {}],
    ["REQUEST_INVALID", "takeoff", {}],
    ["REQUEST_INVALID", "takeoff", { altitude: "high" }],
    ["REQUEST_INVALID", "land", { altitude: 1 }],
    ["REQUEST_INVALID", "arm", { force: 1 }],
    ["REQUEST_INVALID", "command_long", {}],
    ["REQUEST_INVALID", "command_long", { command: 1, param8: 1 }],
  ] as const) {
    expect(() => transport.check("surveyor", { cmd, params })).toThrow(expect.objectContaining({ code }));
  }
});

needs("python3")("MAVLink on a serial port", () => {
  test("frames arrive in any pieces, between noise", async () => {
    const pty = await Pty.open();
    await start({ port: "off", serial: [`${pty.path}@115200`], snapshotMs: 20 });
    const bytes = Buffer.concat([Buffer.from("boot\r\n"), heartbeat(3), Buffer.from([0xfd, 0x01])]);
    for (const byte of bytes) pty.write(Uint8Array.of(byte));
    pty.write(heartbeat(4));
    await until(() =>
      expect(ingest.uploads.map(({ deviceId }) => deviceId).sort()).toEqual(["mavlink-3-1", "mavlink-4-1"]),
    );
    expect(transport.state()).toMatchObject({ status: "ok" });
    await pty.close();
  });
});
