/** LoRa gateways on ptys: our raw-frame link, and the stock firmware. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LoraConfig } from "../../gateway/transports/lora/config.ts";
import { LoraTransport } from "../../gateway/transports/lora/lora-transport.ts";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { decodeMdpFrame, encodeMdpFrame, type MdpPacket } from "../../src/codec/mdp.ts";
import { decodePayload } from "../../src/dialects/index.ts";
import { airtimeSeconds, mycobrainRadio } from "../../src/lora/airtime.ts";
import { sendBy } from "../support/command-order.ts";
import { needs } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";
import { telemetry } from "../support/serial-boards.ts";
import { FakeIngest, FakeRegistry } from "../support/serial-fakes.ts";

const envelopes: readonly { cbor: string; deviceId: string }[] = JSON.parse(
  readFileSync(new URL("../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
);
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 5 });
const { SIDE_A, SIDE_B, GATEWAY } = mdpEndpoints;

/** What a radio prints when it has heard a packet. */
const heard = (frame: Uint8Array, rssi: number): string =>
  `${JSON.stringify({ lora_rx: { frame: Buffer.from(frame).toString("base64"), rssi, snr: 7.25, freq: 915_000_000 } })}\n`;
/** The packets that a radio was told to send. */
const told = (radio: Pty): MdpPacket[] =>
  radio.received
    .toString()
    .split("\n")
    .filter((line) => line.includes("lora_tx"))
    .map((line) => {
      const frame = decodeMdpFrame(Buffer.from(JSON.parse(line).lora_tx.frame, "base64"));
      if (!frame.ok) throw new Error(frame.detail);
      return frame.value;
    });

needs("python3")("LoRa gateways", () => {
  let ingest: FakeIngest;
  let registry: FakeRegistry;
  let transport: LoraTransport;
  let radios: Pty[];

  const start = async (config: Partial<LoraConfig> = {}, trusted = true): Promise<void> => {
    transport = new LoraTransport({
      config: {
        radios: radios.map(({ path }) => path),
        boards: [],
        spreadingFactor: 9,
        bandwidthHz: 125_000,
        codingRate: 7,
        dutyCycle: 0.01,
        deviceDutyCycle: 0.005,
        ...config,
      },
      reconnect: { reconnectMinMs: 20, reconnectMaxMs: 50 },
      trusted,
      ingest,
      registry,
      log: { info: () => undefined, warn: () => undefined },
      nowUs: () => Date.now() * 1000,
    });
    await transport.start();
  };
  const downlinks = (): Readonly<Record<string, number>> => transport.counters[1]!.read();

  beforeEach(async () => {
    ingest = new FakeIngest();
    registry = new FakeRegistry();
    radios = [await Pty.open(), await Pty.open()];
  });
  afterEach(async () => {
    await transport.stop();
    for (const radio of radios) await radio.close();
  });

  test("a frame that two radios hear is stored once, acknowledged once, with both receptions", async () => {
    await start({ boards: [{ endpoint: "B1", device: "hilltop" }] }, false);
    const frame = telemetry(1, mdpFlags.ACK_REQUESTED, SIDE_B);
    radios[0]!.write(heard(frame, -90));
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    radios[1]!.write(heard(frame, -70));
    await until(() => expect(ingest.outcomes).toHaveLength(4));
    expect(ingest.uploads.map(({ format }) => format)).toEqual(["mdp-b", "link", "mdp-b", "link"]);
    expect(ingest.outcomes).toEqual(["stored", "stored", "duplicate", "stored"]);
    expect(Buffer.from(ingest.uploads[0]!.payload)).toEqual(Buffer.from(frame));
    expect(ingest.uploads.map(({ deviceId }) => deviceId)).toEqual(Array(4).fill("hilltop"));
    const links = ingest.uploads.filter(({ format }) => format === "link");
    const receptions = links.flatMap(({ payload }) => JSON.parse(Buffer.from(payload).toString()).receptions);
    expect(receptions.map(({ rssi }: { rssi: number }) => rssi)).toEqual([-90, -70]);
    expect(decodePayload("link", links[0]!.payload)).toMatchObject({ ok: true });
    await until(() => expect(told(radios[0]!)).toMatchObject([{ type: mdpTypes.ACK, ack: 1, dst: SIDE_B }]));
    expect(downlinks()).toEqual({ sent: 1, ack_repeated: 1 });
    const { devices, usedSeconds } = transport.airtime();
    expect(usedSeconds).toBeCloseTo(airtimeSeconds(21, mycobrainRadio), 1);
    expect(devices).toMatchObject([{ deviceId: "hilltop" }]);
  });

  test("a signed envelope is its signer's, in a frame or bare", async () => {
    await start();
    const { cbor, deviceId } = envelopes.find((each) => each.cbor.length < 450)!;
    const body = Buffer.from(cbor, "hex");
    radios[0]!.write(heard(encodeMdpFrame({ type: mdpTypes.TELEMETRY, seq: 1, src: SIDE_B, dst: GATEWAY, body }), -80));
    radios[1]!.write(heard(body, -80));
    await until(() => expect(ingest.outcomes).toHaveLength(4));
    const frames = ingest.uploads.filter(({ format }) => format === "envelope");
    expect(frames.map((upload) => [upload.deviceId, Buffer.from(upload.payload).toString("hex")])).toEqual([
      [deviceId, cbor],
      [deviceId, cbor],
    ]);
    expect(ingest.outcomes.filter((kind) => kind === "duplicate")).toHaveLength(1);
    expect(registry.boards.size).toBe(0);
  });

  test("commands go by the radio that heard best, and are refused once the time on air is spent", async () => {
    // 0.4 s an hour for one device: one short command, and no second.
    await start({ deviceDutyCycle: 0.4 / 3_600 });
    const frame = telemetry(1, 0, SIDE_A);
    radios[0]!.write(heard(frame, -100));
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    radios[1]!.write(heard(frame, -60));
    await until(() => expect(ingest.outcomes).toHaveLength(4));
    expect(transport.reaches("lora-a1")).toBe(true);
    const answered = sendBy(transport, "lora-a1", { cmd: "estop", params: {} }, 20_000);
    await until(() => expect(told(radios[1]!)).toHaveLength(1));
    const { seq } = told(radios[1]!)[0]!;
    const body = Buffer.from('{"success":true,"message":"estop_activated"}');
    radios[1]!.write(
      heard(
        encodeMdpFrame({
          type: mdpTypes.ACK,
          seq: 2,
          ack: seq,
          flags: mdpFlags.IS_ACK,
          src: SIDE_A,
          dst: GATEWAY,
          body,
        }),
        -60,
      ),
    );
    expect(await answered).toEqual({ outcome: "succeeded", message: "estop_activated" });
    expect(told(radios[0]!)).toEqual([]);
    await expect(sendBy(transport, "lora-a1", { cmd: "estop", params: {} }, 500)).rejects.toMatchObject({
      code: "AIRTIME_SPENT",
      details: { waitSeconds: expect.any(Number) },
    });
    const tooLong = { note: "x".repeat(240) };
    await expect(sendBy(transport, "lora-a1", { cmd: "x", params: tooLong }, 500)).rejects.toMatchObject({
      code: "REQUEST_INVALID",
    });
    expect(downlinks()).toMatchObject({ sent: 1, refused_airtime: 1 });
    await expect(sendBy(transport, "nobody", { cmd: "x", params: {} }, 500)).rejects.toMatchObject({
      code: "COMMAND_UNSUPPORTED",
    });
  });

  test("a gateway that may not send acknowledges nothing, and stores all the same", async () => {
    await start({ dutyCycle: 0 });
    radios[0]!.write(heard(telemetry(1, mdpFlags.ACK_REQUESTED, SIDE_B), -90));
    await until(() => expect(downlinks()).toEqual({ ack_refused_airtime: 1 }));
    expect(ingest.outcomes[0]).toBe("stored");
    expect(told(radios[0]!)).toEqual([]);
  });

  test("the stock firmware's lines are kept as they are and never are readings; it takes commands by number", async () => {
    await start();
    const header = '{"t_ms":1000,"src":177,"dst":192,"seq":7,"ack":0,"type":1,"flags":1}';
    radios[0]!.write(`{"lora_init":"ok"}\n${header}\r\n`);
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    const last = ingest.uploads[1]!;
    expect(Buffer.from(last.payload).toString()).toBe(header);
    expect(decodePayload(last.format, last.payload)).toMatchObject({ ok: true, value: { readings: [] } });
    const sent = sendBy(
      transport,
      last.deviceId,
      { cmd: "inject", params: { cmd: 4, dst: 161, data: [1, 1] } },
      20_000,
    );
    await until(() => expect(radios[0]!.received.toString()).toBe('{"cmd":4,"dst":161,"data":[1,1]}\n'));
    radios[0]!.write('{"sent":true,"seq":3}\n');
    expect(await sent).toMatchObject({ outcome: "delivered", message: expect.stringContaining("whether or not") });
    for (const params of [{ cmd: -1 }, { cmd: 4, data: [256] }, { cmd: 4, dst: 300 }, {}]) {
      await expect(sendBy(transport, last.deviceId, { cmd: "inject", params }, 10)).rejects.toMatchObject({
        code: "REQUEST_INVALID",
      });
    }
    await expect(sendBy(transport, last.deviceId, { cmd: "inject", params: { cmd: 4 } }, 20)).rejects.toMatchObject({
      code: "COMMAND_TIMEOUT",
    });
  });

  test("any line is taken or counted, and the next frame is read", async () => {
    await start();
    const lines = [
      "noise",
      "{",
      "[]",
      "{}",
      '{"lora_rx":{}}',
      '{"lora_rx":{"frame":"%%"}}',
      `{"x":"${"y".repeat(2_000)}"}`,
      "\0\xff",
    ];
    for (const line of lines) radios[0]!.write(Buffer.from(`${line}\n`, "latin1"));
    radios[0]!.write(heard(Buffer.from([1, 2, 3]), -90));
    radios[0]!.write(heard(telemetry(1, 0, SIDE_B), -90));
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    expect(ingest.rejects).toHaveLength(lines.length + 1);
    expect(new Set(ingest.rejects)).toEqual(
      new Set(["TEXT_LINE", "LINE_BROKEN", "LINE_UNKNOWN", "PACKET_TOO_LARGE", "FRAME_TOO_SHORT"]),
    );
  });
});
