/** Generation B: the JSON production firmware, one JSON object as body of each MDP frame. wire-facts §4. */
import { mdpTypes } from "../../protocol/spec.ts";
import { decodeMdpFrame, type MdpFields } from "../codec/mdp.ts";
import type { Sample } from "../reading.ts";
import { accept, type Refusal, type Result, refuse } from "../result.ts";
import type { CommandResult, FrameDialect, Hello } from "../serial/dialect.ts";
import { type ExactObject, parseExactJson } from "./exact-json.ts";
import { isShortText } from "./json-fields.ts";
import { type Measured, readingsOf } from "./json-readings.ts";

export type MdpBReject = "NOT_WELL_FORMED" | "SCHEMA_INVALID";

/** What one frame says; which members there are depends on its type. */
interface Message extends Measured {
  readonly hello?: Hello;
  readonly result?: CommandResult;
}

/**
 * TELEMETRY and EVENT give their numbers and booleans as readings; HELLO and ACK give none.
 * A body that the board cut off at its 1006 bytes is not well-formed.
 * @param frame one whole frame as on the wire, with or without its delimiter
 */
export function decodeMdpB(frame: Uint8Array): Result<Sample, MdpBReject> {
  const packet = decodeMdpFrame(frame);
  if (!packet.ok) return refuse("NOT_WELL_FORMED", `no MDP frame: ${packet.detail}`);
  const message = messageOf(packet.value);
  if (!message.ok) return message;
  // The id in a HELLO is shared by all boards of a batch, so it takes no part in saying whose message this is.
  const { readings, arrays } = message.value;
  const header = { claimedDeviceId: undefined, msgId: undefined, seq: packet.value.seq, epochMs: undefined };
  return accept({ ...header, readings, ...(arrays && { arrays }) });
}

export const mdpB: FrameDialect = {
  name: "mdp-b",
  read(packet, wire) {
    const message = messageOf(packet);
    if (!message.ok) return undefined;
    const { hello, result } = message.value;
    return { format: "mdp-b", payload: wire, fromBoard: true, ...(hello && { hello }), ...(result && { result }) };
  },
};

function messageOf({ type, body }: MdpFields): Result<Message, MdpBReject> {
  const read = readers.get(type);
  if (!read) return refuse("SCHEMA_INVALID", `MDP type ${type} is no generation-B message of a board`);
  const parsed = parseExactJson(body);
  if (!parsed.ok) return parsed;
  return parsed.value instanceof Map ? read(parsed.value) : refuse("SCHEMA_INVALID", "the body is not a JSON object");
}

type Reader = (body: ExactObject) => Result<Message, "SCHEMA_INVALID">;

const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [
    mdpTypes.HELLO,
    (body) => {
      const [deviceId, role, firmware] = ["device_id", "role", "firmware_version"].map((key) => body.get(key));
      if (deviceId !== undefined && !isShortText(deviceId)) return invalid("device_id is not text");
      if (!isShortText(role)) return invalid("role is not text");
      if (!isShortText(firmware)) return invalid("firmware_version is not text");
      return accept({ readings: [], hello: { deviceId, role, firmware } });
    },
  ],
  [
    mdpTypes.TELEMETRY,
    (body) => (body.get("type") === "telemetry" ? measured(body) : invalid('type is not "telemetry"')),
  ],
  [mdpTypes.EVENT, (body) => (isShortText(body.get("event")) ? measured(body) : invalid("event is not text"))],
  [
    mdpTypes.ACK,
    (body) => {
      const success = body.get("success");
      const message = body.get("message");
      if (typeof success !== "boolean") return invalid("success is not a boolean");
      if (!isShortText(message)) return invalid("message is not text");
      return accept({ readings: [], result: { success, message } });
    },
  ],
]);

function measured(body: ExactObject): Result<Message, "SCHEMA_INVALID"> {
  return readingsOf(body, { omit: ["type"] });
}

function invalid(detail: string): Refusal<"SCHEMA_INVALID"> {
  return refuse("SCHEMA_INVALID", detail);
}
