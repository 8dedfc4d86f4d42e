/**
 * Commands of firmware that reads lines. ScienceComms answers each; "production" and the morgio builds print something
 * that no paper describes, so a line to them is delivered and no more is known. wire-facts §3.7, §4.2, §5
 */
import { accept, type Result, refuse } from "../result.ts";
import type { LineDialectName } from "../serial/line.ts";
import type { Instruction } from "./command.ts";
import { type CommandReject, type Encoded, type LineAnswer, refuseUnknown } from "./encoded.ts";

/** ScienceComms takes lines of 255 bytes with their end. */
const maxLineBytes = 254;
const nothing: LineAnswer = { by: "nothing" };

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));
const scienceComms = words("led buzz optx aotx stim periph out mode dbg fmt scan status");
const morgio = words("help scan status i2c poster morgio coin bump power 1up probe regs led live dbg fmt");

/** By name, what each takes: checks of its members. */
const production: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  ping: {},
  status: {},
  get_mac: {},
  get_version: {},
  i2c_scan: {},
  scan: {},
  set_telemetry_interval: { interval_seconds: (value) => typeof value === "number" && value > 0 },
  set_mosfet: { mosfet_index: isIn(0, 2), state: (value) => typeof value === "boolean" },
  read_sensor: {},
  buzzer: {},
  led: {},
  pixel: {},
  reset: {},
  set_device_role: { role: isText },
  set_device_display_name: { name: isText },
  get_device_identity: {},
};
/** Whose further members no paper lists. */
const productionOpen = words("buzzer led pixel i2c_scan scan read_sensor");

type LineEncoder = (instruction: Instruction) => Encoded;

/** By the dialect of what the board prints. `line`, with `params.line`, is sent to any of them as it is. */
const encoders: Readonly<Record<LineDialectName, LineEncoder>> = {
  boot: nobody("a board that has only said that it started"),
  production: encodeProduction,
  // Its own commands are stubs, and nobody wrote them down. wire-facts §5.2
  bsec2: nobody("the BSEC2 device manager"),
  sciencecomms: encodeScienceComms,
  morgio: ({ cmd, params }) => encodeText(cmd, params, "a morgio build", morgio, nothing),
  // Its host agent passes text lines on to it, and no paper lists them. wire-facts §6
  field: nobody("the recovery-operator firmware"),
  "lora-gateway": encodeInject,
  json: nobody("firmware that nobody described"),
};

export function encodeLine(dialect: LineDialectName, instruction: Instruction): Encoded {
  const { cmd, params } = instruction;
  if (cmd !== "line" || dialect === "lora-gateway") return encoders[dialect](instruction);
  const text = lineText(params.line);
  return text.ok ? accept({ form: "line", text: text.value, answer: nothing }) : text;
}

function nobody(family: string): LineEncoder {
  return () => refuse("COMMAND_UNSUPPORTED", `${family} has no documented commands; "line" sends a line as it is`);
}

/** A member beside `cmd`, as in the one JSON command whose form is documented. */
function encodeProduction({ cmd, params }: Instruction): Encoded {
  const members = Object.hasOwn(production, cmd) ? production[cmd] : undefined;
  if (!members) return refuseUnknown(cmd, "the production firmware", Object.keys(production));
  for (const [name, isSound] of Object.entries(members)) {
    if (!isSound(params[name])) return refuse("REQUEST_INVALID", `${cmd} needs another ${name}`);
  }
  const unknown = Object.keys(params).find((name) => !Object.hasOwn(members, name));
  if (unknown !== undefined && (!productionOpen.has(cmd) || unknown === "cmd"))
    return refuse("REQUEST_INVALID", `${cmd} has no ${unknown.slice(0, 64)}`);
  const text = lineText(JSON.stringify({ cmd, ...params }));
  return text.ok ? accept({ form: "line", text: text.value, answer: nothing }) : text;
}

/** `led.rgb` is the only command that this firmware reads as JSON. */
function encodeScienceComms({ cmd, params }: Instruction): Encoded {
  if (cmd !== "led.rgb") return encodeText(cmd, params, "ScienceComms", scienceComms, { by: "word", word: cmd });
  const { r, g, b, ...rest } = params;
  if (![r, g, b].every(isIn(0, 255)) || Object.keys(rest).length > 0)
    return refuse("REQUEST_INVALID", "led.rgb takes r, g and b, each 0 to 255");
  return accept({ form: "line", text: JSON.stringify({ cmd, r, g, b }), answer: { by: "word", word: "led" } });
}

function encodeText(
  cmd: string,
  params: Instruction["params"],
  family: string,
  known: ReadonlySet<string>,
  answer: LineAnswer,
): Encoded {
  if (!known.has(cmd)) return refuseUnknown(cmd, family, known);
  const { args = "", ...rest } = params;
  if (typeof args !== "string" || Object.keys(rest).length > 0)
    return refuse("REQUEST_INVALID", `${cmd} takes args, a text such as "rgb 255 0 0"`);
  const text = lineText(args === "" ? cmd : `${cmd} ${args}`);
  return text.ok ? accept({ form: "line", text: text.value, answer }) : text;
}

/** The stock LoRa gateway's injector: a COMMAND by number for whoever is at `dst`. wire-facts §3.7 */
export function encodeInject({ cmd, params }: Instruction): Encoded {
  const { cmd: number, dst = 0xa1, data = [], ...rest } = params;
  if (cmd !== "inject") return refuseUnknown(cmd, "the stock LoRa gateway", ["inject"]);
  if (!isIn(0, 0xffff)(number) || !isIn(0, 0xff)(dst) || Object.keys(rest).length > 0)
    return refuse("REQUEST_INVALID", "inject takes cmd 0 to 65535, dst 0 to 255 and data, an array of bytes");
  // The firmware's JSON document has room for so many.
  if (!Array.isArray(data) || data.length > 16 || !data.every(isIn(0, 0xff)))
    return refuse("REQUEST_INVALID", "data is not an array of at most 16 bytes");
  return accept({
    form: "line",
    text: JSON.stringify({ cmd: number, dst, data }),
    answer: { by: "word", word: "", isDelivery: true },
  });
}

/** One line that is one: no line end within, and no longer than boards read. */
function lineText(value: unknown): Result<string, CommandReject> {
  if (typeof value !== "string" || value.trim() === "") return refuse("REQUEST_INVALID", "the line is no text");
  const bytes = new TextEncoder().encode(value);
  if (bytes.length > maxLineBytes)
    return refuse("REQUEST_INVALID", `the line takes ${bytes.length} of ${maxLineBytes} bytes`);
  if (bytes.some((byte) => byte < 0x20 || byte === 0x7f))
    return refuse("REQUEST_INVALID", "the line holds control characters");
  return accept(value);
}

function isIn(min: number, max: number): (value: unknown) => boolean {
  return (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.length <= 63;
}
