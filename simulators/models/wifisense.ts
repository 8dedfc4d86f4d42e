/** Wi-Fi sensing, MDP type 07: channel state of one link, 586 bytes a packet, always full size. wire-facts §10.2 */
import { mdpEndpoints } from "../../protocol/spec.ts";
import { FrameStream } from "../../src/mdp/frame-stream.ts";
import { Climate } from "../physics/climate.ts";
import type { Random } from "../random.ts";
import { corruptFrame, FrameWriter } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";
import { obeyNumbers } from "./obedience.ts";

const wifisenseType = 0x07;
const bodyBytes = 570;
const subcarriers = 64;
const csiAt = 14;

class WifiSense implements Model {
  readonly #context: DeviceContext;
  readonly #climate: Climate;
  readonly #frames = new FrameWriter(mdpEndpoints.SIDE_A);
  #stream = new FrameStream();
  /** Phase of the reflection off something that moves. */
  #path = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.#climate = new Climate(context.random.fork("climate"));
  }

  boot(): Outgoing[] {
    this.#frames.reset();
    this.#stream = new FrameStream();
    return [];
  }

  tick(nowMs: number): Outgoing[] {
    return [this.#frames.stored({ type: wifisenseType, body: this.#body(nowMs) })];
  }

  corrupt(message: Outgoing, random: Random): Outgoing {
    return corruptFrame(message, random);
  }

  hear(bytes: Uint8Array): Outgoing[] {
    return obeyNumbers(this.#stream, this.#frames, bytes);
  }

  #body(nowMs: number): Uint8Array {
    const { random, epochMs } = this.#context;
    const air = this.#climate.at(epochMs + nowMs);
    const body = Buffer.alloc(bodyBytes);
    // Microseconds times 1000 in 32 bits: wraps every 4.29 s.
    body.writeUInt32LE(Number((BigInt(Math.round(nowMs * 1000)) * 1000n) & 0xffff_ffffn), 0);
    body[4] = 1;
    body[5] = 6;
    body[6] = 20;
    body.writeInt8(Math.round(-52 + random.normal(2)), 7);
    body.writeUInt16LE(subcarriers * 4, 8);
    body[10] = 0;
    body.writeUInt16LE(subcarriers, 11);
    body[13] = 1;
    this.#path += random.normal(0.4);
    for (let index = 0; index < subcarriers; index++) {
      // A direct path and a reflection: their sum fades from subcarrier to subcarrier.
      const phase = this.#path + (index / subcarriers) * 2 * Math.PI * 1.7;
      body.writeInt16LE(Math.round(900 + 420 * Math.cos(phase) + random.normal(12)), csiAt + 4 * index);
      body.writeInt16LE(Math.round(420 * Math.sin(phase) + random.normal(12)), csiAt + 4 * index + 2);
    }
    const motion = [0.02, -0.01, 9.81, 0, 0, 0, 22, -4, 41];
    for (const [index, value] of motion.entries()) body.writeFloatLE(value + random.normal(0.02), 526 + 4 * index);
    body.writeFloatLE(air.temperature, 562);
    body.writeFloatLE(air.humidity, 566);
    return body;
  }
}

export const wifisense: Family = {
  summary: "WiFiSense node with channel state information",
  transports: ["serial", "udp"],
  intervalSeconds: 1,
  faults: ["corrupt"],
  create: (context) => new WifiSense(context),
};
