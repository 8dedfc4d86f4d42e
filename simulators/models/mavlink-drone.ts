/**
 * A drone with an autopilot: MAVLink 2 by UDP, one datagram with the messages of the moment. The gateway keeps the
 * newest frame of each message in a snapshot, so a datagram that comes before the next snapshot replaces the one before
 * it; which one that is, is for the gateway's clock to say. wire-facts gives no MAVLink: https://mavlink.io/en/messages/common.html
 */
import { encodeMavlinkFrame, frameLength, mavlink } from "../../src/mavlink/frame.ts";
import { layouts } from "../../src/mavlink/messages.ts";
import { Flight, type FlightState, homeAltitude } from "../physics/flight.ts";
import type { Random } from "../random.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";
import { obeyMavlink } from "./obedience.ts";

const autopilotComponent = 1;
const armedFlag = 0x80;
/** MAV_TYPE_QUADROTOR, MAV_AUTOPILOT_ARDUPILOTMEGA. */
const [quadrotor, ardupilot] = [2, 3];
const landedState = { ground: 1, climb: 3, cruise: 2, return: 2, land: 4 } as const;
/** ArduCopter's numbers: stabilize, auto, RTL, land. */
const modes = { ground: 0, climb: 3, cruise: 3, return: 6, land: 9 } as const;

type Fields = Readonly<Record<string, number | readonly number[]>>;

class MavlinkDrone implements Model {
  readonly #flight: Flight;
  readonly #system: number;
  readonly gatewayId: string;
  #seq = 0;
  #bootMs = 0;

  constructor(context: DeviceContext) {
    this.#flight = new Flight(context.random.fork("flight"));
    this.#system = 1 + (context.index % 250);
    this.gatewayId = `mavlink-${this.#system}-${autopilotComponent}`;
  }

  boot(nowMs: number): Outgoing[] {
    this.#bootMs = nowMs;
    this.#seq = 0;
    return [];
  }

  hear(bytes: Uint8Array): Outgoing[] {
    return obeyMavlink(bytes, this.#system, () => this.#seq++);
  }

  tick(nowMs: number): Outgoing[] {
    const frames = messages(this.#flight.at(nowMs), Math.round(nowMs - this.#bootMs)).map(([name, fields]) =>
      encodeMavlinkFrame({
        seq: this.#seq++ & 0xff,
        system: this.#system,
        component: autopilotComponent,
        messageId: layoutOf(name).id,
        payload: payloadOf(name, fields),
      }),
    );
    const bytes = Buffer.concat(frames);
    return [{ bytes, expect: ["stored"], again: ["stored"], evidence: [bytes], signed: false, frames: frames.length }];
  }

  /** What is left of the datagram is its heartbeat, with a bit of its payload turned over. */
  corrupt({ bytes }: Outgoing, random: Random): Outgoing {
    const damaged = bytes.slice(0, frameLength(bytes, 0));
    // The autopilot, the mode and the state: none of them can come to look like the start of a frame.
    damaged[mavlink.headerBytes + 5]! ^= 1 << random.below(3);
    const expect = ["rejected FRAME_CRC_MISMATCH"] as const;
    return { bytes: damaged, expect, again: expect, evidence: [], signed: false, frames: 1 };
  }
}

function messages(flight: FlightState, bootMs: number): [name: string, fields: Fields][] {
  const { latitude, longitude, height, heading, groundSpeed, climb, armed, phase, charge, volts, amps } = flight;
  const radians = (heading * Math.PI) / 180;
  const lat = Math.round(latitude * 1e7);
  const lon = Math.round(longitude * 1e7);
  return [
    [
      "HEARTBEAT",
      {
        type: quadrotor,
        autopilot: ardupilot,
        base_mode: armed ? armedFlag | 1 : 1,
        custom_mode: modes[phase],
        system_status: armed ? 4 : 3,
        mavlink_version: 3,
      },
    ],
    [
      "SYS_STATUS",
      {
        load: 310,
        voltage_battery: Math.round(volts * 1000),
        current_battery: Math.round(amps * 100),
        battery_remaining: Math.round(charge * 100),
      },
    ],
    [
      "ATTITUDE",
      {
        time_boot_ms: bootMs,
        roll: 0.02,
        pitch: groundSpeed > 0 ? -0.11 : 0,
        yaw: radians > Math.PI ? radians - 2 * Math.PI : radians,
      },
    ],
    [
      "GLOBAL_POSITION_INT",
      {
        time_boot_ms: bootMs,
        lat,
        lon,
        alt: Math.round((homeAltitude + height) * 1000),
        relative_alt: Math.round(height * 1000),
        vx: Math.round(Math.cos(radians) * groundSpeed * 100),
        vy: Math.round(Math.sin(radians) * groundSpeed * 100),
        vz: Math.round(-climb * 100),
        hdg: Math.round(heading * 100) % 36_000,
      },
    ],
    [
      "GPS_RAW_INT",
      { fix_type: 3, lat, lon, alt: Math.round((homeAltitude + height) * 1000), eph: 90, satellites_visible: 14 },
    ],
    [
      "VFR_HUD",
      {
        airspeed: groundSpeed * 1.04,
        groundspeed: groundSpeed,
        climb,
        throttle: armed ? 48 : 0,
        heading: Math.round(heading) % 360,
        alt: homeAltitude + height,
      },
    ],
    ["MISSION_CURRENT", { seq: phase === "cruise" ? 2 : 1 }],
    ["EXTENDED_SYS_STATE", { landed_state: landedState[phase] }],
  ];
}

const byName = new Map([...layouts].map(([id, layout]) => [layout.name, { id, ...layout }]));

function layoutOf(name: string) {
  return byName.get(name)!;
}

/** Fields that are not given are zero. */
function payloadOf(name: string, given: Fields): Uint8Array {
  const view = new DataView(new ArrayBuffer(255));
  let end = 0;
  for (const [field, offset, type, elements] of layoutOf(name).fields) {
    const values = [given[field] ?? 0].flat() as number[];
    for (const [index, value] of values.entries()) write(view, type, offset + index * sizeOf(type), value);
    end = Math.max(end, offset + Math.max(1, elements) * sizeOf(type));
  }
  return new Uint8Array(view.buffer, 0, end);
}

function sizeOf(type: string): number {
  return type === "float" ? 4 : type === "double" ? 8 : type === "char" ? 1 : Number(/\d+/.exec(type)![0]) / 8;
}

function write(view: DataView, type: string, at: number, value: number): void {
  if (type === "float") view.setFloat32(at, value, true);
  else if (type === "double") view.setFloat64(at, value, true);
  else if (sizeOf(type) === 8) view.setBigUint64(at, BigInt(value), true);
  else if (sizeOf(type) === 4) view.setUint32(at, value >>> 0, true);
  else if (sizeOf(type) === 2) view.setUint16(at, value & 0xffff, true);
  else view.setUint8(at, value & 0xff);
}

export const mavlinkDrone: Family = {
  summary: "drone with an autopilot, MAVLink 2",
  transports: ["mavlink"],
  intervalSeconds: 1,
  faults: ["corrupt"],
  create: (context) => new MavlinkDrone(context),
};
