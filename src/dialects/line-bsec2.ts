/** The BSEC2 device manager, "mycobrain.sideA.bsec2", and its sibling "mycobrain.sideA.dualmode". wire-facts §5.2 */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import { counterAt, macOf, textAt } from "./json-fields.ts";
import { readingsOf } from "./json-readings.ts";

const notMeasured = ["type", "seq", "t_ms", "uptime_seconds"];

export const lineBsec2: LineDialect = {
  name: "bsec2",
  read({ json }) {
    const type = json && textAt(json, "type");
    if (!json || (type !== "tele" && type !== "boot")) return undefined;
    const node = textAt(json, type === "tele" ? "node" : "node_id");
    if (node === undefined) return undefined;
    const mac = macOf(json.get("mac")) ?? macOf(node);
    const firmware = textAt(json, "firmware_version") ?? textAt(json, "version") ?? "";
    const hello = { deviceId: node, role: textAt(json, "role") ?? "side-a", firmware };
    if (type === "boot") return accept({ readings: [], boot: true, hello, mac });
    const measured = readingsOf(json, { omit: notMeasured });
    return measured.ok ? accept({ ...measured.value, seq: counterAt(json, "seq"), hello, mac }) : measured;
  },
};

export const decodeLineBsec2 = lineDecoder(lineBsec2);
