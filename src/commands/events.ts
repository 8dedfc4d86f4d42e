/** What the ledger keeps of commands: that one was accepted, that it left, and what came of it. */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry } from "../ledger/types.ts";
import { type CommandOutcome, commandOutcomes } from "./command.ts";

interface Named {
  readonly id: string;
  readonly deviceId: string;
}

export type CommandEvent =
  | (Named & {
      readonly type: "command.accepted";
      readonly cmd: string;
      readonly params: Readonly<Record<string, unknown>>;
      /** The operator. */
      readonly by: string;
      readonly via: string;
      readonly timeoutMs: number;
      readonly expiresUs: number;
    })
  /** On disk before the bytes leave: what is not in the ledger was never sent. */
  | (Named & { readonly type: "command.sent"; readonly link: string })
  /** Twice for one command where the device answers after it was given up. */
  | (Named & {
      readonly type: "command.result";
      readonly outcome: CommandOutcome;
      readonly message: string;
      readonly code: string | undefined;
    });

export function commandEntry(event: CommandEvent, receivedUs: number): EventEntry {
  const body = new Map<string, CborValue>([
    ["command", event.id],
    ["device", event.deviceId],
  ]);
  switch (event.type) {
    case "command.accepted":
      // As text, since CBOR here has no fractions, and what the device gets is text as well.
      body.set("cmd", event.cmd).set("params", JSON.stringify(event.params)).set("by", event.by);
      body.set("via", event.via);
      body.set("timeout_ms", event.timeoutMs).set("expires_us", event.expiresUs);
      break;
    case "command.sent":
      body.set("link", event.link);
      break;
    case "command.result":
      body.set("outcome", event.outcome).set("message", event.message);
      if (event.code !== undefined) body.set("code", event.code);
      break;
  }
  return { kind: "event", type: event.type, receivedUs, body };
}

/** Total. @returns undefined for any other event, and for one that is not as this version writes it */
export function commandEvent({ type, body }: EventEntry): CommandEvent | undefined {
  const [id, deviceId] = [text(body, "command"), text(body, "device")];
  if (id === undefined || deviceId === undefined) return undefined;
  switch (type) {
    case "command.accepted": {
      const [cmd, params] = [text(body, "cmd"), objectOf(text(body, "params"))];
      const [by, via] = [text(body, "by"), text(body, "via")];
      const [timeoutMs, expiresUs] = [body.get("timeout_ms"), body.get("expires_us")];
      if (cmd === undefined || by === undefined || via === undefined || params === undefined) return undefined;
      if (typeof timeoutMs !== "number" || typeof expiresUs !== "number") return undefined;
      return { type, id, deviceId, cmd, params, by, via, timeoutMs, expiresUs };
    }
    case "command.sent": {
      const link = text(body, "link");
      return link === undefined ? undefined : { type, id, deviceId, link };
    }
    case "command.result": {
      const outcome = commandOutcomes.find((each) => each === body.get("outcome"));
      return outcome && { type, id, deviceId, outcome, message: text(body, "message") ?? "", code: text(body, "code") };
    }
    default:
      return undefined;
  }
}

function text(body: Map<string, CborValue>, key: string): string | undefined {
  const value = body.get(key);
  return typeof value === "string" ? value : undefined;
}

function objectOf(json: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
