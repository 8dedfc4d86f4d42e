/** MAVLink over real sockets on loopback. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { common, MavLinkPacketSignature, MavLinkProtocolV2, minimal } from "node-mavlink";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MavlinkConfig } from "../../../gateway/transports/mavlink/config.ts";
import { MavlinkTransport } from "../../../gateway/transports/mavlink/mavlink-transport.ts";
import { MavlinkSigning } from "../../../gateway/transports/mavlink/signing.ts";
import { layouts } from "../../../src/mavlink/messages.ts";
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
