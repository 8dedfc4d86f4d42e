/**
 * Commands by number: generation A's own, and those of drones and Wi-Fi sensing, which share some of its numbers. So the
 * table is chosen by what the device is, and nothing is guessed. wire-facts §3.6, §10.2
 */
import { mdp, mdpEndpoints } from "../../protocol/spec.ts";
import { accept, refuse } from "../result.ts";
import type { Instruction } from "./command.ts";
import { type Encoded, refuseUnknown } from "./encoded.ts";

type FieldType = "u8" | "u16" | "u32" | "f32" | "text";

interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly min?: number;
  /** Bytes of a text; else the largest value. */
  readonly max?: number;
  readonly optional?: true;
}

interface Numbered {
  readonly id: number;
  readonly fields: readonly Field[];
}

const u8 = (name: string, min = 0, max = 0xff): Field => ({ name, type: "u8", min, max });
const u16 = (name: string): Field => ({ name, type: "u16", min: 0, max: 0xffff });
const f32 = (name: string, min: number, max: number): Field => ({ name, type: "f32", min, max });
const text = (name: string, max: number): Field => ({ name, type: "text", max });

/** Commands of the board itself, whose numbers mean the same on all of them. */
const common = {
  set_i2c: {
    id: 0x01,
    fields: [u8("sda"), u8("scl"), { name: "hz", type: "u32", min: 1, max: 0xffff_ffff, optional: true }],
  },
  scan_i2c: { id: 0x02, fields: [] },
  // The firmware clamps it; what it would make of another number nobody asked for.
  set_telem_ms: { id: 0x03, fields: [{ name: "ms", type: "u32", min: 100, max: 60_000 }] },
  set_mos: { id: 0x04, fields: [u8("index", 1, 3), u8("value")] },
  save_nvs: { id: 0x07, fields: [] },
  load_nvs: { id: 0x08, fields: [] },
  reboot: { id: 0x09, fields: [] },
  set_role: { id: 0x0a, fields: [text("role", 31)] },
  set_display_name: { id: 0x0b, fields: [text("name", 63)] },
  get_identity: { id: 0x0c, fields: [] },
} as const satisfies Record<string, Numbered>;

const board = {
  ...common,
  pixel_color: { id: 0x10, fields: [u8("r"), u8("g"), u8("b")] },
  pixel_brightness: { id: 0x11, fields: [u8("brightness")] },
  pixel_pattern: { id: 0x12, fields: [text("pattern", 63)] },
  pixel_off: { id: 0x13, fields: [] },
  buzzer_tone: { id: 0x20, fields: [u16("hz"), u16("ms")] },
  buzzer_pattern: { id: 0x21, fields: [text("pattern", 63)] },
  buzzer_stop: { id: 0x22, fields: [] },
} as const satisfies Record<string, Numbered>;

const drone = {
  drone_start_mission: { id: 0x20, fields: [] },
  drone_stop: { id: 0x21, fields: [] },
  drone_rtl: { id: 0x22, fields: [] },
  drone_land: { id: 0x23, fields: [] },
  drone_deploy: { id: 0x24, fields: [] },
  drone_retrieve: { id: 0x25, fields: [] },
  drone_latch: { id: 0x26, fields: [] },
  drone_release: { id: 0x27, fields: [] },
  drone_goto_waypoint: { id: 0x28, fields: [f32("lat", -90, 90), f32("lon", -180, 180), f32("alt", -1_000, 100_000)] },
  drone_set_home: { id: 0x29, fields: [] },
  data_mule_start: { id: 0x2a, fields: [] },
  data_mule_sync: { id: 0x2b, fields: [] },
} as const satisfies Record<string, Numbered>;

const wifisense = {
  wifisense_start: { id: 0x10, fields: [] },
  wifisense_stop: { id: 0x11, fields: [] },
  wifisense_config: {
    id: 0x12,
    fields: [u8("channel"), u8("bandwidth"), u8("csi_format", 0, 1), u16("sample_rate"), u8("enabled", 0, 1)],
  },
  wifisense_calibrate: { id: 0x13, fields: [] },
} as const satisfies Record<string, Numbered>;

export const numberedTables: Readonly<Record<"board" | "drone" | "wifisense", Readonly<Record<string, Numbered>>>> = {
  board,
  drone,
  wifisense,
};
export type NumberedTable = keyof typeof numberedTables;

/** Roles of generation-A boards, whose commands are those of the table `board`. wire-facts §3.6 */
const boardRoles = new Set(
  "mushroom1 sporebase hyphae1 alarm standalone myconode psathyrella agaric_mini agaric_standard agaric_heavy".split(
    " ",
  ),
);

/**
 * @param table of the device's messages, where those say what it is; else its role decides
 * @param role as the registry has it
 */
export function encodeMdpA({ cmd, params }: Instruction, role: string, table?: NumberedTable): Encoded {
  const name = table ?? (role === "mycodrone" ? "drone" : boardRoles.has(role) ? "board" : undefined);
  const commands: Readonly<Record<string, Numbered>> = name === undefined ? common : numberedTables[name];
  const command = Object.hasOwn(commands, cmd) ? commands[cmd] : undefined;
  if (!command) {
    const isElsewhere = Object.values(numberedTables).some((each) => Object.hasOwn(each, cmd));
    if (name === undefined && isElsewhere) {
      const detail = `the number of ${cmd} means something else on other boards, and the role "${role}" does not say which this is`;
      return refuse("COMMAND_UNSUPPORTED", detail);
    }
    return refuseUnknown(cmd, name === undefined ? "a board without a role" : `a ${name}`, Object.keys(commands));
  }
  const unknown = Object.keys(params).find((key) => !command.fields.some((field) => field.name === key));
  if (unknown !== undefined) return refuse("REQUEST_INVALID", `${cmd} has no ${unknown.slice(0, 64)}`);
  const data: number[] = [];
  for (const field of command.fields) {
    const bytes = fieldBytes(field, params[field.name]);
    if (!bytes) return refuse("REQUEST_INVALID", `${cmd} takes ${describe(field)}`);
    data.push(...bytes);
  }
  return accept({
    form: "frame",
    body: commandBody(command.id, data),
    isJson: false,
    dst: mdpEndpoints.SIDE_A,
    answer: { by: "number", cmdId: command.id },
  });
}

function commandBody(id: number, data: readonly number[]): Uint8Array {
  const { cmdId, cmdLen, data: start } = mdp.command;
  const body = new Uint8Array(start.at + data.length);
  const view = new DataView(body.buffer);
  view.setUint16(cmdId.at, id, true);
  view.setUint16(cmdLen.at, data.length, true);
  body.set(data, start.at);
  return body;
}

function fieldBytes({ type, min = 0, max = 0, optional }: Field, value: unknown): Uint8Array | undefined {
  if (value === undefined && optional) return new Uint8Array(0);
  if (type === "text") {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(0);
    return bytes.length > 0 && bytes.length <= max && !bytes.includes(0) ? bytes : undefined;
  }
  if (typeof value !== "number" || !(value >= min && value <= max)) return undefined;
  if (type !== "f32" && !Number.isInteger(value)) return undefined;
  const view = new DataView(new ArrayBuffer(4));
  if (type === "f32") view.setFloat32(0, value, true);
  else view.setUint32(0, value, true);
  return new Uint8Array(view.buffer, 0, { u8: 1, u16: 2, u32: 4, f32: 4 }[type]);
}

function describe({ name, type, min, max }: Field): string {
  if (type === "text") return `${name}, a text of 1 to ${max} bytes`;
  return `${name}, ${type === "f32" ? "a number" : "a whole number"} from ${min} to ${max}`;
}
