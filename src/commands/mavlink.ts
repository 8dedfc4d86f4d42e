/**
 * Commands to MAVLink vehicles: COMMAND_LONG, answered by the COMMAND_ACK of the component that names the same command.
 * https://mavlink.io/en/services/command.html, https://mavlink.io/en/messages/common.html#mav_commands
 */
import { accept, type Result, refuse } from "../result.ts";
import type { CommandAnswer, Instruction } from "./command.ts";
import { type CommandReject, refuseUnknown } from "./encoded.ts";

export const commandLongId = 76;
export const commandAckId = 77;
/** A ground station's usual place, MAV_COMP_ID_MISSIONPLANNER; autopilots obey system 255 unless told otherwise. */
export const ourPlace = { system: 255, component: 190 } as const;

type Params = readonly number[];
type Argument = (value: unknown) => number | undefined;

interface Known {
  readonly id: number;
  /** What it takes, by name: its place among param1 … param7, from 0, and what may stand there. */
  readonly takes?: Readonly<Record<string, readonly [place: number, argument: Argument, fallback?: number]>>;
  /** Params that are always the same. */
  readonly fixed?: Readonly<Record<number, number>>;
}

const number =
  (min: number, max: number): Argument =>
  (value) =>
    typeof value === "number" && value >= min && value <= max ? value : undefined;
const whole =
  (min: number, max: number): Argument =>
  (value) =>
    Number.isInteger(value) ? number(min, max)(value) : undefined;
const flag =
  (yes: number): Argument =>
  (value) =>
    typeof value === "boolean" ? (value ? yes : 0) : undefined;

/** MAV_CMD numbers. */
const commands: Readonly<Record<string, Known>> = {
  arm: { id: 400, fixed: { 0: 1 }, takes: { force: [1, flag(21_196), 0] } },
  disarm: { id: 400, fixed: { 0: 0 }, takes: { force: [1, flag(21_196), 0] } },
  takeoff: { id: 22, takes: { altitude: [6, number(0, 10_000)] } },
  land: { id: 21 },
  return_to_launch: { id: 20 },
  // Param 1: MAV_MODE_FLAG_CUSTOM_MODE_ENABLED.
  set_mode: { id: 176, fixed: { 0: 1 }, takes: { mode: [1, whole(0, 0xffff)], submode: [2, whole(0, 0xffff), 0] } },
  pause: { id: 193, fixed: { 0: 0 } },
  resume: { id: 193, fixed: { 0: 1 } },
  mission_start: { id: 300, takes: { first: [0, whole(0, 0xffff), 0], last: [1, whole(0, 0xffff), 0] } },
  set_home_here: { id: 179, fixed: { 0: 1 } },
  set_relay: { id: 181, takes: { relay: [0, whole(0, 0xff)], on: [1, flag(1)] } },
  set_servo: { id: 183, takes: { servo: [0, whole(0, 0xff)], pwm: [1, whole(500, 2_500)] } },
  reboot: { id: 246, fixed: { 0: 1 } },
  set_message_interval: {
    id: 511,
    takes: { message: [0, whole(0, 0xff_ffff)], interval_us: [1, whole(-1, 3_600_000_000)] },
  },
  request_message: { id: 512, takes: { message: [0, whole(0, 0xff_ffff)] } },
};
/** Any command by its number, with param1 … param7. */
const raw = "command_long";

export interface MavlinkCommand {
  /** MAV_CMD */
  readonly id: number;
  /** Of COMMAND_LONG, at full length. */
  readonly payload: Uint8Array;
}

export function encodeMavlinkCommand(
  instruction: Instruction,
  target: { readonly system: number; readonly component: number },
): Result<MavlinkCommand, CommandReject> {
  const chosen = instruction.cmd === raw ? rawParams(instruction.params) : namedParams(instruction);
  if (!chosen.ok) return chosen;
  const { id, params } = chosen.value;
  const payload = new Uint8Array(33);
  const view = new DataView(payload.buffer);
  for (const [place, value] of params.entries()) view.setFloat32(place * 4, value, true);
  view.setUint16(28, id, true);
  payload.set([target.system, target.component], 30);
  return accept({ id, payload });
}

interface Chosen {
  readonly id: number;
  readonly params: Params;
}

function namedParams({ cmd, params }: Instruction): Result<Chosen, CommandReject> {
  const known = Object.hasOwn(commands, cmd) ? commands[cmd] : undefined;
  if (!known) return refuseUnknown(cmd, "a MAVLink vehicle", [...Object.keys(commands), raw]);
  const { id, takes = {}, fixed = {} } = known;
  const unknown = Object.keys(params).find((name) => !Object.hasOwn(takes, name));
  if (unknown !== undefined) return refuse("REQUEST_INVALID", `${cmd} has no ${unknown.slice(0, 64)}`);
  const all = Array.from({ length: 7 }, (_, place) => fixed[place] ?? 0);
  for (const [name, [place, argument, fallback]] of Object.entries(takes)) {
    const value = params[name] === undefined ? fallback : argument(params[name]);
    if (value === undefined) return refuse("REQUEST_INVALID", `${cmd} needs another ${name}`);
    all[place] = value;
  }
  return accept({ id, params: all });
}

function rawParams({ command, ...rest }: Instruction["params"]): Result<Chosen, CommandReject> {
  const id = whole(0, 0xffff)(command);
  if (id === undefined) return refuse("REQUEST_INVALID", `${raw} takes command, a whole number from 0 to 65535`);
  const all = [0, 0, 0, 0, 0, 0, 0];
  for (const [name, value] of Object.entries(rest)) {
    const place = /^param([1-7])$/.exec(name)?.[1];
    if (place === undefined || typeof value !== "number" || !Number.isFinite(value))
      return refuse("REQUEST_INVALID", `${raw} takes command and param1 to param7, which are numbers`);
    all[Number(place) - 1] = value;
  }
  return accept({ id, params: all });
}

/** MAV_RESULT */
const results = ["accepted", "temporarily_rejected", "denied", "unsupported", "failed", "in_progress", "cancelled"];
const inProgress = 5;

/** Total. @returns undefined for the answer to another command or somebody else's, and while the vehicle is at it */
export function readCommandAck(payload: Uint8Array, id: number): CommandAnswer | undefined {
  // Zeros at the end are not on the wire.
  const full = new Uint8Array(10);
  full.set(payload.subarray(0, full.length));
  const [system, component] = [full[8]!, full[9]!];
  const isOurs = (system === 0 || system === ourPlace.system) && (component === 0 || component === ourPlace.component);
  const result = full[2]!;
  if (new DataView(full.buffer).getUint16(0, true) !== id || !isOurs || result === inProgress) return undefined;
  return { outcome: result === 0 ? "succeeded" : "failed", message: results[result] ?? `result ${result}` };
}
