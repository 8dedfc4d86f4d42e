/** "MycoBrain-ScienceComms" 1.0.0: acknowledgements, errors, status, and a peripheral list in two shapes. wire-facts §5.3 */
import { unitCode } from "../../protocol/names.ts";
import { accept, type Result } from "../result.ts";
import { type LineContent, type LineDialect, lineDecoder } from "../serial/line.ts";
import { type ExactJson, type ExactObject, NumberText } from "./exact-json.ts";
import { macOf, textAt } from "./json-fields.ts";
import { readingsOf } from "./json-readings.ts";

const firmwareName = "MycoBrain-ScienceComms";
const notMeasured = ["type", "ts"];

export const lineScienceComms: LineDialect = {
  name: "sciencecomms",
  read({ json }) {
    if (!json) return undefined;
    const mac = macOf(json.get("board_id"));
    switch (textAt(json, "type")) {
      case "ack":
        return json.has("cmd") && json.has("message") ? answered(true, json, "message") : undefined;
      case "err":
        return json.has("cmd") && json.has("error") ? answered(false, json, "error") : undefined;
      case "telemetry":
        return textAt(json, "firmware") === firmwareName ? status(json, mac) : undefined;
      case "periph_list":
        return peripherals(json, mac);
      default:
        return undefined;
    }
  },
};

export const decodeLineScienceComms = lineDecoder(lineScienceComms);

function answered(success: boolean, json: ExactObject, why: "message" | "error"): Result<LineContent, never> {
  const [message = "", word = ""] = [textAt(json, why), textAt(json, "cmd")];
  return accept({ readings: [], result: { success, message, word } });
}

function status(json: ExactObject, mac: string | undefined): Result<LineContent, "SCHEMA_INVALID"> {
  const measured = readingsOf(json, { omit: notMeasured });
  if (!measured.ok) return measured;
  const firmware = `${firmwareName} ${textAt(json, "version") ?? ""}`.trim();
  return accept({ ...measured.value, mac, hello: { deviceId: textAt(json, "board_id"), role: "", firmware } });
}

/** On scan `peripherals` with numbers as addresses, on `periph list` `devices` with text like "0x76"; here one array. */
function peripherals(json: ExactObject, mac: string | undefined): Result<LineContent, "SCHEMA_INVALID"> | undefined {
  const list = json.get("peripherals") ?? json.get("devices");
  if (!Array.isArray(list)) return undefined;
  const addresses = list.flatMap(
    (item: ExactJson) => addressOf(item instanceof Map ? item.get("address") : undefined) ?? [],
  );
  const count = { sensor: "i2c_peripherals", vi: list.length, vs: 0, unit: unitCode("count")!, quality: 0 };
  const values = addresses.map((vi) => ({ vi, vs: 0 }));
  const arrays = values.length > 0 ? [{ sensor: "i2c_addresses", unit: "", quality: 0, values }] : undefined;
  return accept({ readings: [count], ...(arrays && { arrays }), mac });
}

function addressOf(value: ExactJson | undefined): number | undefined {
  const text = value instanceof NumberText ? value.text : value;
  const address = typeof text === "string" && /^(0x[0-9a-f]{1,2}|\d{1,3})$/i.test(text) ? Number(text) : Number.NaN;
  return address <= 0x7f ? address : undefined;
}
