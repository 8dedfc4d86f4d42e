/** A drone that reports in MDP types 08 and 09, packed. wire-facts §10.1 */
import { mdpEndpoints } from "../../protocol/spec.ts";
import { FrameStream } from "../../src/mdp/frame-stream.ts";
import { Climate } from "../physics/climate.ts";
import { Flight, homeAltitude } from "../physics/flight.ts";
import type { Random } from "../random.ts";
import { corruptFrame, FrameWriter } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";
import { obeyNumbers } from "./obedience.ts";

const types = { telemetry: 0x08, missionStatus: 0x09 };
const flightModes = { ground: 1, climb: 3, cruise: 3, return: 4, land: 5 } as const;
const missionEvery = 5;

class MdpDrone implements Model {
  readonly #context: DeviceContext;
  readonly #flight: Flight;
  readonly #climate: Climate;
  readonly #frames = new FrameWriter(mdpEndpoints.SIDE_A);
  #stream = new FrameStream();
  #ticks = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.#flight = new Flight(context.random.fork("flight"));
    this.#climate = new Climate(context.random.fork("climate"));
  }

  boot(): Outgoing[] {
    this.#frames.reset();
    this.#stream = new FrameStream();
    return [];
  }

  tick(nowMs: number): Outgoing[] {
    const messages = [this.#frames.stored({ type: types.telemetry, body: this.#telemetry(nowMs) })];
    if (this.#ticks++ % missionEvery === 0)
      messages.push(this.#frames.stored({ type: types.missionStatus, body: this.#mission(nowMs) }));
    return messages;
  }

  corrupt(message: Outgoing, random: Random): Outgoing {
    return corruptFrame(message, random);
  }

  hear(bytes: Uint8Array): Outgoing[] {
    return obeyNumbers(this.#stream, this.#frames, bytes);
  }

  #telemetry(nowMs: number): Uint8Array {
    const flight = this.#flight.at(nowMs);
    const air = this.#climate.at(this.#context.epochMs + nowMs);
    const body = Buffer.alloc(102);
    const floats: readonly (readonly [at: number, value: number])[] = [
      [0, flight.latitude],
      [4, flight.longitude],
      [8, homeAltitude + flight.height],
      [12, flight.height],
      [16, flight.heading],
      [20, flight.groundSpeed],
      [24, flight.groundSpeed * 1.04],
      [28, flight.climb],
      [35, flight.volts],
      [39, flight.amps],
      [45, 0.35],
      [49, air.temperature - 0.0065 * flight.height],
      [53, air.humidity],
      [57, (air.pressure - 11.8 * flight.height) / 100],
      [61, 120_000],
    ];
    for (const [at, value] of floats) body.writeFloatLE(value, at);
    body[32] = flightModes[flight.phase];
    body[33] = Number(flight.armed);
    body[34] = Math.round(flight.charge * 100);
    body[43] = 1;
    body[44] = 1;
    body[65] = flight.phase === "cruise" ? 1 : 0;
    body.writeUInt32LE(Math.round((1 - flight.charge) * 100), 66);
    body.write(`stand-${flight.sortie}`, 70, 31, "latin1");
    return body;
  }

  #mission(nowMs: number): Uint8Array {
    const { sortie, phase, charge } = this.#flight.at(nowMs);
    const body = Buffer.alloc(74);
    body[0] = phase === "cruise" ? 1 : 0;
    body.writeUInt32LE(sortie, 1);
    body.writeUInt32LE(Math.round((1 - charge) * 100), 5);
    body[9] = phase === "ground" ? 2 : 1;
    return body;
  }
}

export const mdpDrone: Family = {
  summary: "drone with MDP telemetry and mission status, packed",
  transports: ["serial", "udp"],
  intervalSeconds: 1,
  faults: ["corrupt"],
  create: (context) => new MdpDrone(context),
};
