/**
 * Commands over MQTT: a JSON object on `{p}/{id}/cmd`, answered by one with the same id on `{p}/{id}/cmd/result`. The names
 * are the device's to know. firmware-shim/include/myco/command.h reads the one and writes the other.
 */
import type { CommandAnswer } from "./command.ts";
import type { Addressed } from "./encoded.ts";

export function encodeMqttCommand({ id, cmd, params, expiresMs }: Addressed): string {
  return JSON.stringify({ id, cmd, params, expires: expiresMs });
}

export interface MqttResult {
  readonly id: string;
  readonly answer: CommandAnswer;
}

/** Total. @returns undefined for what is no result, or names no command */
export function readMqttResult(payload: Uint8Array): MqttResult | undefined {
  const body = jsonObject(payload);
  if (!body) return undefined;
  const id = idText(body.id);
  if (id === undefined || typeof body.success !== "boolean") return undefined;
  const message = typeof body.message === "string" ? body.message.slice(0, 1_024) : "";
  return { id, answer: { outcome: body.success ? "succeeded" : "failed", message } };
}

export interface MqttRequest {
  readonly id: string | undefined;
  readonly cmd: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. */
  readonly expires: number | undefined;
  readonly timeoutMs: number | undefined;
}

/** What an operator publishes where a device listens. Total. @returns undefined for what is no command */
export function readMqttRequest(payload: Uint8Array): MqttRequest | undefined {
  const body = jsonObject(payload);
  if (!body) return undefined;
  const { id, cmd, params = {}, expires, timeoutMs } = body;
  if (typeof cmd !== "string" || cmd === "" || cmd.length > 64 || !isObject(params)) return undefined;
  if (id !== undefined && idText(id) === undefined) return undefined;
  if (!isTime(expires) || !isTime(timeoutMs)) return undefined;
  return { id: idText(id), cmd, params, expires, timeoutMs };
}

/** An id is text; a number is taken for its digits. */
function idText(id: unknown): string | undefined {
  if (typeof id === "string") return id;
  return Number.isSafeInteger(id) ? String(id) : undefined;
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);
}

function jsonObject(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
