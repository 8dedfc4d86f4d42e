import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SerialTransport } from "../../gateway/transports/serial/serial-transport.ts";
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import { encodeMdpFrame, type MdpPacket } from "../../src/codec/mdp.ts";
import { decodeMdpB } from "../../src/dialects/mdp-b.ts";
import { sendBy } from "../support/command-order.ts";
import { bytesOfShape, goldenBoards } from "../support/golden-boards.ts";
import { needs } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";
import { ackOnly, framesIn, RetransmittingPeer, TrapBoard, telemetry } from "../support/serial-boards.ts";
import { FakeIngest, FakeRegistry } from "../support/serial-fakes.ts";

interface Vector {
  readonly name: string;
  readonly packet: string;
  readonly frame: string;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../protocol/vectors/mdp-frames.json", import.meta.url), "utf8"),
);
const envelopes: readonly { cbor: string; deviceId: string }[] = JSON.parse(
  readFileSync(new URL("../../protocol/vectors/envelopes.json", import.meta.url), "utf8"),
);
const generationB = vectors
  .filter(({ name }) => /gen_b|^event_/.test(name))
  .map(({ name, frame }) => ({ name, wire: Buffer.from(frame, "hex") }));
const vector = (name: string): Buffer => Buffer.from(vectors.find((each) => each.name === name)!.frame, "hex");

/** Long enough for a busy machine; a test that passes never waits for it. */
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000 });

needs("python3")("serial ports", () => {
  let folder: string;
  let ingest: FakeIngest;
  let registry: FakeRegistry;
  let transport: SerialTransport;
  let pty: Pty;
  let logged: object[];

  const path = (): string => join(folder, "board");

  const start = async (ports: readonly string[] = [path()], identifyMs = 100, machineMode = false): Promise<void> => {
    const log = (facts: object): void => void logged.push(facts);
    transport = new SerialTransport({
      config: { ports, baud: 115_200, identifyMs, reconnectMinMs: 20, reconnectMaxMs: 50, machineMode },
      ingest,
      receipts: { receiptOf: ({ leafIndex }) => Buffer.from(`receipt of leaf ${leafIndex}`) },
      registry,
      log: { info: log, warn: log },
      nowUs: () => Date.now() * 1000,
    });
    await transport.start();
  };

  /** What the gateway has written to the board, frame by frame. */
  const sent = (): MdpPacket[] => framesIn(pty.received);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "mycogate-serial-"));
    ingest = new FakeIngest();
    registry = new FakeRegistry();
    logged = [];
    pty = await Pty.open();
    pty.linkAs(path());
  });

  afterEach(async () => {
    await transport.stop();
    await pty.close();
    rmSync(folder, { recursive: true });
  });

  test("every generation-B frame of the vectors arrives byte for byte, under the id of the HELLO, wherever that comes", async () => {
    await start();
    const last = generationB.length - 1;
    const order = [...generationB.slice(1, last), generationB[0]!, generationB[last]!];
    pty.write(Buffer.concat(order.map(({ wire }) => wire)));
    await until(() => expect(ingest.outcomes).toHaveLength(order.length));
    expect(ingest.uploads.map(({ payload }) => Buffer.from(payload).toString("hex"))).toEqual(
      order.map(({ wire }) => wire.toString("hex")),
    );
    expect(new Set(ingest.outcomes)).toEqual(new Set(["stored"]));
    expect(new Set(ingest.uploads.map(({ deviceId }) => deviceId))).toEqual(new Set(["mycobrain-9f81b"]));
    expect(registry.firmware.get("mycobrain-9f81b")).toBe("side-a-mdp-2.1.0");
    expect([...registry.boards.values()]).toMatchObject([{ role: "mushroom1" }]);
    expect(ingest.rejects).toEqual([]);
  });

  test("a board that never says HELLO is asked once and then named after its port, and keeps that name", async () => {
    await start();
    pty.write(telemetry(7));
    await until(() => expect(ingest.outcomes).toEqual(["stored"]));
    const name = ingest.uploads[0]!.deviceId;
    expect(name).toMatch(/^serial-tmp-mycogate-serial-.*-board$/);
    expect(sent().map(({ type, body }) => [type, Buffer.from(body).toString().trim()])).toEqual([
      [mdpTypes.COMMAND, '{"cmd":"hello","params":{}}'],
    ]);
    await transport.stop();
    await start();
    pty.write(telemetry(8));
    await until(() => expect(ingest.uploads).toHaveLength(2));
    expect(ingest.uploads[1]!.deviceId).toBe(name);
    expect(ingest.uploads[1]!.session).not.toBe(ingest.uploads[0]!.session);
  });

  test("two boards of a batch that claim one id become two devices", async () => {
    const other = await Pty.open();
    await start([path(), other.path]);
    pty.write(vector("hello_side_a_gen_b"));
    await until(() => expect(ingest.outcomes).toHaveLength(1));
    other.write(vector("hello_side_a_gen_b"));
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    expect(ingest.uploads.map(({ deviceId }) => deviceId)).toEqual([
      "mycobrain-9f81b",
      `serial-${other.path.slice(5).replace("/", "-")}`,
    ]);
    await other.close();
  });

  test("text, garbage and broken frames between frames are counted by name and cost no frame", async () => {
    await start();
    const [hello, sideBHello, ...rest] = generationB.map(({ wire }) => wire);
    const broken = Buffer.from(rest[0]!);
    broken[40]! ^= 0x01;
    pty.write(
      Buffer.concat([
        hello!,
        Buffer.from("I (312) boot: mycobrain\r\nAMB addr=0x77 T=21.5°C RH=40%\r\nENV addr=0x76\r\n"),
        rest[0]!,
        broken,
        Buffer.from([0x03, 0x01, 0x00]),
        Buffer.from('{"ts_ms":12,"sensor":"AMB","tC":21.5}\n'),
        ...rest.slice(1),
        Buffer.from([0x00, 0x00]),
        sideBHello!,
      ]),
    );
    // Two of the lines are live readings, which 2.1.0 prints between its frames.
    await until(() => expect(ingest.outcomes).toHaveLength(generationB.length + 2));
    expect(ingest.outcomes).not.toContain("quarantined");
    expect(ingest.rejects).toEqual(["TEXT_LINE", "TEXT_LINE", "FRAME_CRC_MISMATCH", "FRAME_COBS_INVALID"]);
    expect(transport.ports()[0]).toMatchObject({
      rejects: { TEXT_LINE: 2, FRAME_CRC_MISMATCH: 1, FRAME_COBS_INVALID: 1 },
      dialect: "mdp-b",
      configured: "auto",
    });
    expect(new Set(ingest.uploads.map(({ deviceId }) => deviceId)).size).toBe(1);
  });

  test("a frame that comes one byte at a time is one frame", async () => {
    await start();
    for (const byte of vector("telemetry_gen_b")) {
      pty.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => expect(ingest.outcomes).toEqual(["stored"]));
    expect(Buffer.from(ingest.uploads[0]!.payload)).toEqual(vector("telemetry_gen_b"));
    expect(ingest.rejects).toEqual([]);
  });

  test("frames of no dialect are handed over whole, to be quarantined and not lost", async () => {
    await start();
    pty.write(Buffer.concat(vectors.map(({ frame }) => Buffer.from(frame, "hex"))));
    const unknown = vectors.filter(({ packet }) => Number.parseInt(packet.slice(6, 8), 16) === 4).length;
    const linkOnly = 1;
    await until(() => expect(ingest.outcomes).toHaveLength(vectors.length - unknown - linkOnly));
    expect(ingest.rejects).toEqual(Array(unknown).fill("FRAME_UNKNOWN_TYPE"));
    const known = vectors.filter(({ name }) => /gen_b|^event_|drone|cmd_result/.test(name));
    expect(ingest.outcomes.filter((kind) => kind === "stored")).toHaveLength(known.length);
  });

  test("every shape of every firmware arrives byte for byte in its format, and its port is recognised", async () => {
    const shapes = goldenBoards.accepted.filter(({ format }) => /^(line|mdp)-/.test(format));
    const firmwares = [...new Set(shapes.map(({ format }) => format))].filter((format) => format !== "line-boot");
    const ports = await Promise.all(firmwares.map(() => Pty.open()));
    // Only where the operator says so is JSON of unknown firmware read.
    const setting = (at: number): string => ports[at]!.path + (firmwares[at] === "line-json" ? "=json" : "");
    await start(firmwares.map((_, at) => setting(at)));
    const bytesOn = (format: string): Buffer[] =>
      shapes
        .filter((shape) => shape.format === format || (format === "mdp-a" && shape.format === "line-boot"))
        .map((shape) => (shape.line === undefined ? bytesOfShape(shape) : Buffer.from(`${shape.line}\r\n`)));
    for (const [at, port] of ports.entries()) port.write(Buffer.concat(bytesOn(firmwares[at]!)));
    await until(() => expect(ingest.outcomes).toHaveLength(shapes.length));
    expect(new Set(ingest.outcomes)).toEqual(new Set(["stored"]));
    expect(ingest.rejects).toEqual([]);
    const arrived = ingest.uploads.map(({ format, payload }) => `${format} ${Buffer.from(payload).toString("hex")}`);
    expect(arrived.sort()).toEqual(
      shapes.map((shape) => `${shape.format} ${bytesOfShape(shape).toString("hex")}`).sort(),
    );
    expect(transport.ports().map(({ dialect }) => dialect)).toEqual(
      firmwares.map((name) => name.replace(/^line-/, "")),
    );
    // A board that tells its MAC is named by it, others by their port or by what they claim.
    const ids = new Set(ingest.uploads.map(({ deviceId }) => deviceId));
    expect([...ids]).toEqual(
      expect.arrayContaining(["mycobrain-a0b1c2d3e4f5", "mycobrain-a0b1c2d3e4f6", "mycobrain-sidea-10b41d"]),
    );
    expect(ids.size).toBe(firmwares.length);
    for (const port of ports) await port.close();
  });

  test("broken, glued and interleaved lines are counted, and the whole ones among them are read", async () => {
    const [amb, env] = goldenBoards.accepted.filter(({ format }) => format === "line-field").map(({ line }) => line!);
    await start();
    const half = amb!.slice(0, 700);
    pty.write(
      `${amb}\n${half}${env}\n${half}\n${amb!.slice(0, 300)}${env!.slice(0, 300)}${amb!.slice(300)}\n{"a":1}\nhello\n${env}\n`,
    );
    await until(() => expect(ingest.outcomes).toEqual(["stored", "stored", "stored"]));
    expect(ingest.uploads.map(({ payload }) => Buffer.from(payload).toString())).toEqual([amb, env, env]);
    await until(() =>
      expect(transport.ports()[0]).toMatchObject({
        rejects: { LINE_BROKEN: 3, LINE_UNKNOWN: 1, TEXT_LINE: 1 },
        dialect: "field",
        firmware: "recovery-operator-bsec2-v0.7",
      }),
    );
    expect(new Set(ingest.uploads.map(({ deviceId }) => deviceId))).toEqual(new Set(["mycobrain-sidea-10b41d"]));
    expect(sent()).toEqual([]);
  });

  test("a board that tells its MAC stays the same device on another port, and another board there does not", async () => {
    const other = await Pty.open();
    await start([path(), other.path]);
    const line = (mac: string, seq: number): string =>
      `{"type":"tele","seq":${seq},"node":"A-${mac}","temperature":20,"firmware_version":"2.1.0"}\n`;
    pty.write(line("a0b1c2d3e401", 1));
    await until(() => expect(ingest.outcomes).toHaveLength(1));
    other.write(line("a0b1c2d3e401", 2));
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    pty.write(line("a0b1c2d3e402", 3));
    await until(() => expect(ingest.outcomes).toHaveLength(3));
    expect(ingest.uploads.map(({ deviceId }) => deviceId)).toEqual([
      "mycobrain-a0b1c2d3e401",
      "mycobrain-a0b1c2d3e401",
      "mycobrain-a0b1c2d3e402",
    ]);
    await other.close();
  });

  test("firmware that changes on an open port is recognised again", async () => {
    await start();
    pty.write(telemetry(1));
    await until(() => expect(transport.ports()[0]!.dialect).toBe("mdp-b"));
    const line = goldenBoards.accepted.find(({ format }) => format === "line-production")!.line!;
    for (let count = 0; count < 20; count++) pty.write(`${line}\n`);
    await until(() => expect(transport.ports()[0]!.dialect).toBe("production"));
    expect(transport.ports()[0]!.firmware).toBe("1.0.0");
  });

  test("machine mode is asked for only where the operator allows it, and only of a board that prints for people", async () => {
    const other = await Pty.open();
    await start([path()], 100, true);
    pty.write("MycoBrain ready\n> temp 21\n> temp 22\n> temp 23\n> temp 24\n");
    await until(() => expect(pty.received.toString()).toBe("mode machine\ndbg off\nfmt json\n"));
    await transport.stop();
    await start([other.path]);
    other.write("MycoBrain ready\n> temp 21\n> temp 22\n> temp 23\n> temp 24\n");
    await until(() => expect(ingest.rejects).toHaveLength(10));
    expect(other.received).toHaveLength(0);
    await other.close();
  });

  test("a signed envelope goes in under the id it claims, and enrols nobody", async () => {
    await start();
    const [first, second] = envelopes.filter(({ cbor }) => cbor.length < 1800);
    for (const [at, { cbor }] of [first!, second!].entries()) {
      const body = Buffer.from(cbor, "hex");
      pty.write(
        encodeMdpFrame({
          type: mdpTypes.TELEMETRY,
          seq: at + 1,
          src: mdpEndpoints.SIDE_A,
          dst: mdpEndpoints.GATEWAY,
          body,
        }),
      );
    }
    await until(() => expect(ingest.outcomes).toHaveLength(2));
    expect(ingest.uploads).toMatchObject([
      { format: "envelope", deviceId: first!.deviceId },
      { format: "envelope", deviceId: second!.deviceId },
    ]);
    expect(Buffer.from(ingest.uploads[0]!.payload).toString("hex")).toBe(first!.cbor);
    expect(registry.boards.size).toBe(0);
  });

  test("a frame is acknowledged when it is durable and not before, and not at all when it could not be kept", async () => {
    registry.boards.set(path(), { id: "b1", port: "", role: "", firmware: "" });
    ingest.isHolding = true;
    await start();
    pty.write(telemetry(4711, mdpFlags.ACK_REQUESTED));
    await until(() => expect(ingest.uploads).toHaveLength(1));
    expect(sent()).toEqual([]);
    ingest.settleAll();
    await until(() =>
      expect(sent()).toMatchObject([
        { type: mdpTypes.ACK, ack: 4711, flags: mdpFlags.IS_ACK, dst: mdpEndpoints.SIDE_A },
      ]),
    );
    ingest.failure = new Error("disk full");
    pty.write(telemetry(4712, mdpFlags.ACK_REQUESTED));
    await until(() => expect(ingest.uploads).toHaveLength(2));
    ingest.settleAll();
    ingest.failure = undefined;
    pty.write(telemetry(4712, mdpFlags.ACK_REQUESTED));
    await until(() => expect(ingest.uploads).toHaveLength(3));
    ingest.settleAll();
    await until(() => expect(sent().map(({ ack }) => ack)).toEqual([4711, 4712]));
    expect(transport.ports()[0]).toMatchObject({ messages: 3, unacknowledged: 1 });
  });

  test("a quarantined frame is refused by NACK, so that the board stops sending it", async () => {
    await start();
    pty.write(
      encodeMdpFrame({
        type: mdpTypes.DRONE_TELEMETRY,
        seq: 120,
        flags: mdpFlags.ACK_REQUESTED,
        src: mdpEndpoints.SIDE_B,
        dst: mdpEndpoints.GATEWAY,
        body: Buffer.from("a LOG of old papers"),
      }),
    );
    await until(() =>
      expect(sent()).toMatchObject([
        { type: mdpTypes.ACK, ack: 120, flags: mdpFlags.IS_NACK, dst: mdpEndpoints.SIDE_B },
      ]),
    );
  });

  test("a peer that retransmits until covered falls silent, also after gaps and for its own ACK-only frames", async () => {
    await start();
    const peer = new RetransmittingPeer(pty);
    // Side-A's own ACK-only frames ask to be acknowledged (wire-facts §3.1); seq 903 was lost best effort.
    for (const seq of [900, 901, 902, 904, 905])
      peer.queue(seq, seq % 2 === 0 ? telemetry(seq, mdpFlags.ACK_REQUESTED) : ackOnly(seq));
    await peer.run();
    await until(() => expect(peer.outstanding).toEqual([]));
    expect(peer.answersThatAskBack).toBe(0);
    expect(sent().length).toBeLessThanOrEqual(peer.written);
  });

  test("a port that is missing at start is opened when it appears, and again after every unplugging", async () => {
    const late = join(folder, "late");
    await start([late]);
    expect(transport.ports()).toMatchObject([{ open: false, error: expect.stringContaining("no such file") }]);
    for (const seq of [10, 20]) {
      const board = await Pty.open();
      board.linkAs(late);
      await until(() => expect(transport.ports()[0]!.open).toBe(true));
      board.write(telemetry(seq));
      await until(() => expect(ingest.uploads).toHaveLength(seq / 10));
      await board.close();
      await until(() => expect(transport.ports()[0]!.open).toBe(false));
    }
    expect(new Set(ingest.uploads.map(({ deviceId }) => deviceId)).size).toBe(1);
    expect(new Set(ingest.uploads.map(({ session }) => session)).size).toBe(2);
    const missing = logged.filter((facts) => JSON.stringify(facts).includes("no such file"));
    expect(missing.length).toBeLessThanOrEqual(3);
  });

  test("a cable pulled while data flows is noticed every time", async () => {
    await pty.close();
    await start();
    for (let round = 1; round <= 10; round++) {
      const board = await Pty.open();
      board.linkAs(path());
      await until(() => expect(transport.ports()[0]!.open).toBe(true));
      for (let seq = 1; seq <= 200; seq++) board.write(telemetry(seq));
      await board.close();
      await until(() => expect(transport.ports()[0]!.open).toBe(false));
    }
  });

  test("commands reach a board that has the line-ending trap, and only Side-A's ACK counts", async () => {
    await start();
    const board = new TrapBoard(pty);
    pty.write(board.hello());
    await until(() => expect(ingest.outcomes).toHaveLength(1));
    const deviceId = ingest.uploads[0]!.deviceId;
    board.run();
    const send = (cmd: string, timeoutMs = 5_000) => sendBy(transport, deviceId, { cmd, params: {} }, timeoutMs);
    for (let round = 0; round < 30; round++) {
      expect(await send("read_sensors")).toEqual({ outcome: "succeeded", message: "telemetry_sent" });
    }
    expect(await send("hello")).toEqual({ outcome: "succeeded", message: "side-a-mdp-2.1.0" });
    expect(await send("dance")).toEqual({ outcome: "failed", message: "unknown_command" });
    board.isSilent = true;
    await expect(send("estop", 50)).rejects.toMatchObject({
      code: "COMMAND_TIMEOUT",
      message: expect.stringContaining("Side-B passed it on"),
    });
    expect(transport.reaches("nobody")).toBe(false);
    const lost = expect(send("estop", 60_000)).rejects.toMatchObject({ code: "SERIAL_PORT_LOST" });
    await pty.close();
    await lost;
    expect(() => transport.check(deviceId, { cmd: "estop", params: {} })).toThrow(
      expect.objectContaining({ code: "SERIAL_PORT_LOST" }),
    );
    board.stop();
  });

  test("a board that reads lines gets a line: ScienceComms answers it, others never do", async () => {
    await start();
    const written = (): string[] => pty.received.toString().split("\n").slice(0, -1);
    pty.write(
      '{"type":"telemetry","firmware":"MycoBrain-ScienceComms","version":"1.0.0","board_id":"9eb2699f6e7c"}\r\n',
    );
    await until(() => expect(ingest.outcomes).toHaveLength(1));
    const { deviceId } = ingest.uploads[0]!;
    const answer = sendBy(transport, deviceId, { cmd: "led", params: { args: "rgb 255 0 0" } }, 20_000);
    await until(() => expect(written().at(-1)).toBe("led rgb 255 0 0"));
    // Of another command, and then of ours.
    pty.write(
      '{"type":"ack","cmd":"buzz","message":"ok","ts":1}\r\n{"type":"err","cmd":"led rgb","error":"busy","ts":2}\r\n',
    );
    expect(await answer).toEqual({ outcome: "failed", message: "busy" });
    expect(await sendBy(transport, deviceId, { cmd: "line", params: { line: "help" } }, 20_000)).toMatchObject({
      outcome: "delivered",
    });
    await until(() => expect(written().at(-1)).toBe("help"));
  });

  test("until a board was heard, it is spoken to as the setting of its port says", async () => {
    registry.boards.set(path(), { id: "s-1", port: "", role: "", firmware: "" });
    await start([`${path()}=sciencecomms`]);
    expect(transport.isHeard("s-1")).toBe(true);
    const answer = sendBy(transport, "s-1", { cmd: "led", params: { args: "off" } }, 20_000);
    await until(() => expect(pty.received.toString()).toBe("led off\n"));
    pty.write('{"type":"ack","cmd":"led off","message":"ok","ts":1}\r\n');
    expect(await answer).toEqual({ outcome: "succeeded", message: "ok" });
  });

  test("a generation-A board gets its commands by number, by the table of its role", async () => {
    registry.boards.set(path(), { id: "a-1", port: "", role: "mushroom1", firmware: "" });
    await start();
    expect(transport.isHeard("a-1")).toBe(false);
    pty.write(vector("cmd_result_gen_a"));
    await until(() => expect(ingest.outcomes).toHaveLength(1));
    expect(transport.isHeard("a-1")).toBe(true);
    const answer = sendBy(transport, "a-1", { cmd: "buzzer_tone", params: { hz: 440, ms: 100 } }, 20_000);
    const commands = (): MdpPacket[] => sent().filter(({ type }) => type === mdpTypes.COMMAND);
    await until(() => expect(commands()).toHaveLength(1));
    expect(Buffer.from(commands()[0]!.body).toString("hex")).toBe("2000" + "0400" + "b8016400");
    const body = Buffer.from([1, 0, 4, 0, 0x20, 0, 0, 0]);
    pty.write(encodeMdpFrame({ type: mdpTypes.EVENT, seq: 900, src: mdpEndpoints.SIDE_A, dst: 0xc0, body }));
    expect(await answer).toEqual({ outcome: "succeeded", message: "ok" });
    expect(() => transport.check("a-1", { cmd: "drone_stop", params: {} })).toThrow(
      expect.objectContaining({ code: "COMMAND_UNKNOWN" }),
    );
  });

  test("a flood is held back and not dropped while nothing can be committed", async () => {
    registry.boards.set(path(), { id: "b1", port: "", role: "", firmware: "" });
    await start();
    ingest.isHolding = true;
    const count = 5_000;
    for (let seq = 1; seq <= count; seq++) pty.write(telemetry(seq));
    await until(() => expect(ingest.uploads.length).toBeGreaterThanOrEqual(256));
    // Long enough for all of them to come in, were they not held back.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(ingest.uploads.length).toBeLessThan(count / 2);
    while (ingest.outcomes.length < count) {
      ingest.settleAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(ingest.outcomes)).toEqual(new Set(["stored"]));
    expect(ingest.rejects).toEqual([]);
  });

  test("stopping settles and acknowledges what was read", async () => {
    await start();
    pty.write(telemetry(1, mdpFlags.ACK_REQUESTED));
    ingest.isHolding = true;
    await until(() => expect(transport.ports()[0]!.messages).toBe(1));
    const stopped = transport.stop();
    await until(() => expect(ingest.uploads).toHaveLength(1));
    ingest.settleAll();
    await stopped;
    await until(() => expect(sent().at(-1)).toMatchObject({ ack: 1, flags: mdpFlags.IS_ACK }));
  });

  test("readings of a frame that came over the wire are exact", async () => {
    await start();
    pty.write(vector("telemetry_gen_b"));
    await until(() => expect(ingest.uploads).toHaveLength(1));
    const sample = decodeMdpB(ingest.uploads[0]!.payload);
    expect(sample).toMatchObject({ ok: true, value: { seq: 101 } });
    expect(sample.ok && sample.value.readings).toContainEqual({
      sensor: "amb.temp",
      vi: 2743,
      vs: 2,
      unit: 1,
      quality: 0,
    });
  });
});
