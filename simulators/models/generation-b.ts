/**
 * Generation B: Side-A 2.1.0 with its Side-B 2.0.0, JSON in MDP frames, text between the frames, and answers to
 * commands. It believes that 0x0A and 0x0D in a frame end a line, and loses the frame. wire-facts §4
 */
import { mdpEndpoints, mdpFlags, mdpTypes } from "../../protocol/spec.ts";
import type { MdpPacket } from "../../src/codec/mdp.ts";
import { FrameStream } from "../../src/mdp/frame-stream.ts";
import { type GasSample, GasSensor } from "../physics/gas-sensor.ts";
import type { Random } from "../random.ts";
import { corruptFrame, FrameWriter, jsonBody, rounded, storedLine, textLine } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";

/** All boards of a batch build the same id, from the vendor's part of the MAC. */
const claimedId = "mycobrain-10b41d";
const liveEvery = 3;
const textEvery = 7;

class GenerationB implements Model {
  readonly #context: DeviceContext;
  readonly #ambient: GasSensor;
  readonly #environment: GasSensor;
  readonly #sideA = new FrameWriter(mdpEndpoints.SIDE_A);
  readonly #sideB = new FrameWriter(mdpEndpoints.SIDE_B);
  #stream = new FrameStream();
  #bootMs = 0;
  #ticks = 0;
  #isStopped = false;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.#ambient = new GasSensor(context.random.fork("amb"));
    this.#environment = new GasSensor(context.random.fork("env"));
  }

  boot(nowMs: number): Outgoing[] {
    this.#bootMs = nowMs;
    this.#isStopped = false;
    this.#stream = new FrameStream();
    for (const side of [this.#sideA, this.#sideB]) side.reset();
    for (const sensor of [this.#ambient, this.#environment]) sensor.reboot(this.#context.epochMs + nowMs);
    return [
      ...this.#onCable(textLine("MycoBrain Side-A 2.1.0")),
      this.#hello(0),
      this.#sideB.stored({
        type: mdpTypes.HELLO,
        body: jsonBody({ role: "side_b", firmware_version: "side-b-mdp-2.0.0", supports: "transport_directives" }),
      }),
    ];
  }

  tick(nowMs: number): Outgoing[] {
    this.#ticks++;
    const messages = [this.#telemetry(nowMs, 0)];
    if (this.#ticks % liveEvery === 0) messages.push(...this.#onCable(this.#liveLine(nowMs)));
    if (this.#ticks % textEvery === 0)
      messages.push(...this.#onCable(textLine("help: scan status i2c poster morgio live on|off")));
    if (this.#ticks % 2 === 0) messages.push(this.#transportStatus());
    return messages;
  }

  corrupt(message: Outgoing, random: Random): Outgoing {
    // Lines have their own way of breaking.
    return message.bytes.at(-1) === 0 ? corruptFrame(message, random) : message;
  }

  hear(bytes: Uint8Array, nowMs: number): Outgoing[] {
    return this.#stream
      .push(bytes)
      .flatMap((item) => (item.kind === "frame" && !isTrapped(item.wire) ? this.#answer(item.packet, nowMs) : []));
  }

  /** Text goes out on the cable alone. */
  #onCable(message: Outgoing): Outgoing[] {
    return this.#context.transport === "serial" ? [message] : [];
  }

  #answer({ type, dst, seq, flags, body }: MdpPacket, nowMs: number): Outgoing[] {
    if (type !== mdpTypes.COMMAND || dst !== mdpEndpoints.SIDE_A) return [];
    const isAckWanted = (flags & mdpFlags.ACK_REQUESTED) !== 0;
    const passedOn = isAckWanted ? [this.#result(this.#sideB, seq, mdpFlags.IS_ACK, true, "forwarded_to_side_a")] : [];
    return [...passedOn, ...this.#obey(commandIn(body), seq, isAckWanted, nowMs)];
  }

  #obey(cmd: string, seq: number, isAckWanted: boolean, nowMs: number): Outgoing[] {
    const done = (message: string) => this.#result(this.#sideA, seq, mdpFlags.IS_ACK, true, message);
    const refused = (message: string) => this.#result(this.#sideA, seq, mdpFlags.IS_NACK, false, message);
    switch (cmd) {
      case "hello":
        return [this.#hello(seq)];
      case "health":
      case "read_sensors":
        return [this.#telemetry(nowMs, seq), ...(isAckWanted ? [done("telemetry_sent")] : [])];
      case "stream_sensors":
        return [done("stream_interval_updated")];
      case "output_control":
        return [this.#isStopped ? refused("estop_active") : done("mosfet_updated")];
      case "estop":
        this.#isStopped = true;
        return [
          this.#sideA.stored({ type: mdpTypes.EVENT, body: jsonBody({ event: "estop_activated" }) }),
          done("estop_activated"),
        ];
      case "clear_estop":
        this.#isStopped = false;
        return [done("estop_cleared")];
      default:
        return [refused("unknown_command")];
    }
  }

  #hello(ack: number): Outgoing {
    const body = {
      device_id: claimedId,
      firmware_version: "side-a-mdp-2.1.0",
      role: "mushroom1",
      sensors: ["bme688_a", "bme688_b", "ai1", "ai2", "ai3", "ai4"],
      capabilities: ["i2c", "telemetry", "led", "buzzer", "output_control", "estop"],
    };
    return this.#sideA.stored({ type: mdpTypes.HELLO, ack, body: jsonBody(body) });
  }

  #telemetry(nowMs: number, ack: number): Outgoing {
    const { epochMs, random } = this.#context;
    const body = {
      type: "telemetry",
      uptime_s: Math.floor((nowMs - this.#bootMs) / 1000),
      estop: this.#isStopped,
      analog: Object.fromEntries([1, 2, 3, 4].map((n) => [`ai${n}`, 400 * n + random.below(60)])),
      bme688: {
        a: sensorBody(this.#ambient.at(epochMs + nowMs)),
        b: sensorBody(this.#environment.at(epochMs + nowMs)),
      },
    };
    return this.#sideA.stored({ type: mdpTypes.TELEMETRY, ack, body: jsonBody(body) });
  }

  #transportStatus(): Outgoing {
    const status = { lora_ready: true, ble_ready: false, wifi_ready: true, sim_ready: false };
    const body = {
      event: "transport_status",
      ...status,
      queue_depth: this.#context.random.below(3),
      backpressure: false,
    };
    return this.#sideB.stored({ type: mdpTypes.EVENT, body: jsonBody(body) });
  }

  #result(side: FrameWriter, ack: number, flags: number, success: boolean, message: string): Outgoing {
    return side.stored({ type: mdpTypes.ACK, ack, flags, body: jsonBody({ success, message }) });
  }

  #liveLine(nowMs: number): Outgoing {
    const sample = this.#ambient.at(this.#context.epochMs + nowMs);
    return storedLine(
      JSON.stringify({
        ts_ms: Math.round(nowMs - this.#bootMs),
        sensor: "AMB",
        tC: rounded(sample.temperature, 2),
        rh: rounded(sample.humidity, 2),
        p_hPa: rounded(sample.pressure / 100, 2),
        gas: Math.round(sample.gasOhm),
        iaq: rounded(sample.iaq, 1),
      }),
    );
  }
}

function sensorBody(sample: GasSample): object {
  return {
    temperature_c: rounded(sample.temperature, 2),
    humidity_pct: rounded(sample.humidity, 2),
    pressure_hpa: rounded(sample.pressure / 100, 2),
    gas_ohm: Math.round(sample.gasOhm),
    ...(sample.accuracy > 0 && {
      iaq: rounded(sample.iaq, 1),
      co2_equivalent: rounded(sample.co2Equivalent, 1),
      voc_equivalent: rounded(sample.vocEquivalent, 2),
    }),
  };
}

/** What the board would not have received whole. */
function isTrapped(wire: Uint8Array): boolean {
  return wire.includes(0x0a) || wire.includes(0x0d);
}

function commandIn(body: Uint8Array): string {
  try {
    return String((JSON.parse(Buffer.from(body).toString()) as { cmd?: unknown }).cmd);
  } catch {
    return "";
  }
}

export const generationB: Family = {
  summary: "generation B board: JSON in MDP frames, text between them",
  transports: ["serial", "udp"],
  intervalSeconds: 10,
  faults: ["corrupt"],
  create: (context) => new GenerationB(context),
};
