/** Channels and messages of the fungal computer interface's service. wire-facts §10.3; the form of commands is ours. */
import type { Instruction } from "../commands/command.ts";
import { type CommandReject, refuseUnknown } from "../commands/encoded.ts";
import { accept, type Result, refuse } from "../result.ts";

export type FciMessage =
  | { readonly kind: "subscribe" | "unsubscribe"; readonly board: string }
  /** Telemetry, or the end of a calibration; what it says is for its decoder. */
  | { readonly kind: "published"; readonly board: string; readonly isCalibration: boolean };

const telemetryChannel = /^device\.([A-Za-z0-9_-]{1,64})\.telemetry$/;
const commandChannel = /^device\.([A-Za-z0-9_-]{1,64})\.commands$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

const known: ReadonlySet<string> = new Set(["stimulus", "calibrate", "config"]);
const waveforms: ReadonlySet<unknown> = new Set(["pulse", "sine", "dc", "ramp"]);
/** Firmware limits. wire-facts §10.3 */
const most: Readonly<Record<string, number>> = { amplitude: 100, duration: 10_000 };

/** The board of a telemetry channel's name. */
export function boardOfChannel(channel: string): string | undefined {
  return telemetryChannel.exec(channel)?.[1];
}

/** Total. A message without channel is its sender's, where that is known from elsewhere. */
export function readFciMessage(bytes: Uint8Array, sender?: string): Result<FciMessage, "BODY_INVALID"> {
  let message: unknown;
  try {
    message = JSON.parse(utf8.decode(bytes));
  } catch {
    return refuse("BODY_INVALID", "not JSON text in UTF-8");
  }
  if (typeof message !== "object" || message === null || Array.isArray(message))
    return refuse("BODY_INVALID", "not a JSON object");
  const { action, channel, message_type: type } = message as Readonly<Record<string, unknown>>;
  const name = typeof channel === "string" ? channel : "";
  if (action === "subscribe" || action === "unsubscribe") {
    const board = commandChannel.exec(name)?.[1];
    return board === undefined ? refuse("BODY_INVALID", "not a channel of commands") : accept({ kind: action, board });
  }
  const board = boardOfChannel(name) ?? (channel === undefined ? sender : undefined);
  if (board === undefined) return refuse("BODY_INVALID", "not a channel of telemetry");
  return accept({ kind: "published", board, isCalibration: type === "calibration_complete" });
}

/** @returns what a board's subscriber is sent, or why the firmware would not take it */
export function fciCommand(board: string, id: string, { cmd, params }: Instruction): Result<string, CommandReject> {
  if (!known.has(cmd)) return refuseUnknown(cmd, "a fungal computer interface", known);
  if (cmd === "stimulus") {
    for (const [name, limit] of Object.entries(most)) {
      const value = params[name];
      if (value !== undefined && !(typeof value === "number" && value >= 0 && value <= limit))
        return refuse("REQUEST_INVALID", `stimulus ${name} must be 0 to ${limit}`);
    }
    if (params.waveform !== undefined && !waveforms.has(params.waveform))
      return refuse("REQUEST_INVALID", `stimulus waveform must be one of ${[...waveforms].join(", ")}`);
  }
  const payload = { ...params, command: cmd, id };
  return accept(JSON.stringify({ channel: `device.${board}.commands`, message_type: "command", payload }));
}
