/**
 * What a LoRa gateway and its host say to each other over USB, one JSON object a line: the raw-frame link of protocol/spec.ts,
 * which is ours, and what the stock firmware prints. wire-facts §3.7
 */
import { radioLink } from "../../protocol/spec.ts";
import { lineLoraGateway } from "../dialects/line-lora-gateway.ts";
import type { RejectReason } from "../rejects.ts";
import { lineOf } from "../serial/line.ts";

export type RadioLine =
  | {
      readonly kind: "frame";
      readonly data: Uint8Array;
      readonly rssi: number | undefined;
      readonly snr: number | undefined;
      readonly frequencyHz: number | undefined;
    }
  /** The radio's word on a frame that it was given, by our number; or on an injected command. */
  | { readonly kind: "sent"; readonly id: number | undefined; readonly success: boolean }
  /** Of the stock firmware: a header, or how it started. */
  | { readonly kind: "stock" }
  | { readonly kind: "reject"; readonly reason: RejectReason };

export function readRadioLine(text: string): RadioLine {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{")) return { kind: "reject", reason: "TEXT_LINE" };
  let line: unknown;
  try {
    line = JSON.parse(trimmed);
  } catch {
    return { kind: "reject", reason: "LINE_BROKEN" };
  }
  const { lora_rx: rx, lora_tx: tx } = line as Readonly<Record<string, unknown>>;
  if (isObject(rx)) {
    const data = bytesOf(rx.frame);
    if (!data) return { kind: "reject", reason: "LINE_BROKEN" };
    return { kind: "frame", data, rssi: numberOf(rx.rssi), snr: numberOf(rx.snr), frequencyHz: numberOf(rx.freq) };
  }
  if (isObject(tx)) return { kind: "sent", id: numberOf(tx.id), success: tx.ok === true };
  const stock = lineLoraGateway.read(lineOf(trimmed));
  if (!stock?.ok) return { kind: "reject", reason: "LINE_UNKNOWN" };
  return stock.value.result ? { kind: "sent", id: undefined, success: stock.value.result.success } : { kind: "stock" };
}

/** The line that sends a frame. @param id comes back with the radio's word */
export function sendLine(id: number, frame: Uint8Array): string {
  return `${JSON.stringify({ lora_tx: { id, frame: btoa(String.fromCharCode(...frame)) } })}\n`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** RFC 4648 §4, of 1 to 255 bytes. */
function bytesOf(text: unknown): Uint8Array | undefined {
  if (typeof text !== "string" || text.length > 4 * Math.ceil(radioLink.maxPacketBytes / 3)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return bytes.length > 0 && bytes.length <= radioLink.maxPacketBytes ? bytes : undefined;
  } catch {
    return undefined;
  }
}
