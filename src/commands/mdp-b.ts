/**
 * Commands of generation B, and of firmware built on our C library: JSON in a COMMAND frame. The names are the board's to
 * know: one that it does not is answered `unknown_command`. wire-facts §4.1–§4.3
 */
import { mdpEndpoints } from "../../protocol/spec.ts";
import { accept, refuse } from "../result.ts";
import type { Addressed, Encoded } from "./encoded.ts";

/** Longest command document that Side-A takes. wire-facts §4.1 */
export const maxCommandBytes = 512;

/** What Side-B carries out itself; all else it hands on to Side-A. */
const sideB = new Set(["transport_status", "lora_send", "ble_advertise", "wifi_connect", "sim_send"]);

/** @param isOurs the board has our C library, which runs an id once whichever ways it comes by, and nothing too late */
export function encodeMdpB({ id, cmd, params, expiresMs }: Addressed, isOurs: boolean): Encoded {
  const body = new TextEncoder().encode(
    JSON.stringify(isOurs ? { id, cmd, params, expires: expiresMs } : { cmd, params }),
  );
  if (body.length > maxCommandBytes)
    return refuse("REQUEST_INVALID", `the command takes ${body.length} of ${maxCommandBytes} bytes`);
  const dst = sideB.has(cmd) ? mdpEndpoints.SIDE_B : mdpEndpoints.SIDE_A;
  return accept({ form: "frame", body, isJson: true, dst, answer: { by: "seq", cmd } });
}
