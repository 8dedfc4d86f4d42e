/** The "production" Side-A firmware 1.0.0 in machine mode, also as its Side-B relays it: unchanged. wire-facts §5.1 */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import { macOf, objectAt, textAt } from "./json-fields.ts";
import { readingsOf } from "./json-readings.ts";

/** `board_id` is the MAC; `ts` is milliseconds since boot, which `uptime_seconds` says as well. */
const notMeasured = ["type", "ts"];

export const lineProduction: LineDialect = {
  name: "production",
  read({ json }) {
    if (!json || textAt(json, "type") !== "telemetry") return undefined;
    // An older mode wraps the object.
    const message = objectAt(json, "data") ?? json;
    const boardId = textAt(message, "board_id");
    if (boardId === undefined || !message.has("ai1_voltage") || !message.has("mosfet_states")) return undefined;
    const measured = readingsOf(message, { omit: notMeasured });
    if (!measured.ok) return measured;
    const [role = "", firmware = ""] = [textAt(message, "device_role"), textAt(message, "firmware_version")];
    return accept({ ...measured.value, mac: macOf(boardId), hello: { deviceId: boardId, role, firmware } });
  },
};

export const decodeLineProduction = lineDecoder(lineProduction);
