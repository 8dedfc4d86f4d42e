/** The boards in the field, "recovery-operator-bsec2-v0.7": one line for each of their two sensors. wire-facts §6 */
import { accept } from "../result.ts";
import { type LineDialect, lineDecoder } from "../serial/line.ts";
import { slotOf } from "./fields.ts";
import { degreesE7At, objectAt, textAt } from "./json-fields.ts";
import { readingsOf } from "./json-readings.ts";

const notMeasured = ["ts_ms", "location"];

export const lineField: LineDialect = {
  name: "field",
  read({ json }) {
    if (!json || textAt(json, "type") !== "telemetry") return undefined;
    const slot = slotOf(json.get("sensor_slot"));
    if (!slot) return undefined;
    const measured = readingsOf(json, { slot, omit: notMeasured });
    if (!measured.ok) return measured;
    const location = objectAt(json, "location");
    const [latE7, lonE7] = [
      location && degreesE7At(location, "lat", 90),
      location && degreesE7At(location, "lon", 180),
    ];
    const [deviceId, role = "", firmware = ""] = ["device_id", "role", "fw_version"].map((key) => textAt(json, key));
    return accept({
      ...measured.value,
      ...(latE7 !== undefined && lonE7 !== undefined && { geo: { latE7, lonE7, accM: undefined } }),
      // All boards report the same id, so the first takes it and the others are named after their ports.
      hello: { deviceId, role, firmware },
    });
  },
};

export const decodeLineField = lineDecoder(lineField);
