/**
 * The stock LoRa gateway on its USB side: it prints the header of every frame that it received and never its body, so a
 * host learns that a frame came, not what it said. wire-facts §3.7
 */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import type { ExactObject } from "./exact-json.ts";
import { isNumber, textAt } from "./json-fields.ts";

export const lineLoraGateway: LineDialect = {
  name: "lora-gateway",
  read({ json }) {
    if (!json) return undefined;
    if (textAt(json, "side") === "gateway") return accept({ readings: [], boot: true, hello: ofGateway });
    if (textAt(json, "lora_init") !== undefined) return accept({ readings: [], hello: ofGateway });
    // It measures nothing: that a frame came is all there is, and the line is kept.
    if (isHeader(json)) return accept({ readings: [], hello: ofGateway });
    // The answers to an injected command; printed whether or not the radio worked.
    if (json.get("sent") === true) return accept({ readings: [], result: { success: true, message: "sent" } });
    if (textAt(json, "error") === "json_parse")
      return accept({ readings: [], result: { success: false, message: "json_parse" } });
    return undefined;
  },
};

export const decodeLineLoraGateway = lineDecoder(lineLoraGateway);

const ofGateway = { deviceId: undefined, role: "gateway", firmware: "" };

/** Today's form has t_ms, ack and flags; an older build prints `{"rx":1,…}` with less. */
function isHeader(json: ExactObject): boolean {
  const has = (...keys: string[]): boolean => keys.every((key) => isNumber(json.get(key)));
  return has("src", "dst", "seq", "type") && (has("t_ms", "ack", "flags") || has("rx"));
}
