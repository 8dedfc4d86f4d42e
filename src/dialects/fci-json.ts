/**
 * The fungal computer interface: one JSON object about every 100 ms over a WebSocket of its own. Its `timestamp` is a fixed
 * date plus uptime and its `id` is no UUID, so neither is read; the time of receipt is the time. wire-facts §10.3
 */

import { sensorCode, unitCode } from "../../protocol/names.ts";
import { decimalOfText } from "../codec/decimal.ts";
import type { Reading, Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import { judgePressure } from "./air-quality.ts";
import { NumberText, parseExactJson } from "./exact-json.ts";
import { objectAt, textAt } from "./json-fields.ts";

/** By group and field of the payload. The `voc_index` is a gas resistance in kΩ. */
const channels: readonly (readonly [group: string, field: string, sensor: string, unit: string, places?: number])[] = [
  ["bioelectric", "amplitude_uv", "bioelectric", "uV"],
  ["bioelectric", "rms_uv", "bioelectric_rms", "uV"],
  ["bioelectric", "mean_uv", "bioelectric_mean", "uV"],
  ["bioelectric", "std_uv", "bioelectric_std", "uV"],
  ["bioelectric", "dominant_freq_hz", "bioelectric_freq", "Hz"],
  ["bioelectric", "total_power", "bioelectric_power", ""],
  ["bioelectric", "snr_db", "snr", "dB"],
  ["bioelectric", "pattern_confidence", "pattern_confidence", "index"],
  ["bioelectric", "sample_count", "sample_count", "count"],
  ["environment", "temperature_c", "temp", "C"],
  ["environment", "humidity_pct", "humidity", "%RH"],
  ["environment", "pressure_hpa", "pressure", "hPa"],
  ["environment", "voc_index", "gas_resistance", "kOhm"],
  ["status", "uptime_ms", "uptime", "s", 3],
  ["status", "wifi_rssi", "rssi", "dBm"],
  ["status", "impedance_ohms", "impedance", "Ohm"],
  ["status", "stimulus_active", "stimulus_active", "bool"],
];

const calibration: typeof channels = [
  ["", "baseline_uv", "bioelectric_baseline", "uV"],
  ["", "noise_floor_uv", "bioelectric_noise_floor", "uV"],
];

/** The firmware's patterns as an index, so that they can be queried; −1 for one that is not in the list. */
const patterns = [
  "unknown",
  "baseline",
  "growth",
  "stress",
  "nutrient_seeking",
  "communication",
  "seismic_precursor",
  "spike",
];

export function decodeFciJson(payload: Uint8Array): Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  const parsed = parseExactJson(payload);
  if (!parsed.ok) return parsed;
  if (!(parsed.value instanceof Map)) return refuse("SCHEMA_INVALID", "not a JSON object");
  const content = objectAt(parsed.value, "payload");
  const type = textAt(parsed.value, "message_type");
  const isCalibration = type === "calibration_complete";
  if (type !== "fci_telemetry" && !isCalibration)
    return refuse("SCHEMA_INVALID", "message_type is neither fci_telemetry nor calibration_complete");
  if (!content) return refuse("SCHEMA_INVALID", "payload is not an object");
  const readings: Reading[] = [];
  for (const [group, field, sensor, unit, places = 0] of isCalibration ? calibration : channels) {
    const value = (isCalibration ? content : objectAt(content, group))?.get(field);
    if (value === undefined || value === null) continue;
    const decimal =
      typeof value === "boolean"
        ? { vi: Number(value), vs: 0 }
        : value instanceof NumberText
          ? decimalOfText(value.text)
          : undefined;
    if (!decimal) return refuse("SCHEMA_INVALID", `${group}.${field} is not a number in range`);
    const { vi, vs } = decimal;
    const reading = {
      sensor: sensorCode(sensor) ?? sensor,
      vi,
      vs: vs + places,
      unit: unitCode(unit) ?? unit,
      quality: 0,
    };
    readings.push(...(sensor === "pressure" ? judgePressure(reading) : [reading]));
  }
  const pattern = textAt(objectAt(content, "bioelectric") ?? new Map(), "pattern");
  if (pattern !== undefined) {
    readings.push({ sensor: "pattern", vi: patterns.indexOf(pattern), vs: 0, unit: unitCode("index")!, quality: 0 });
  }
  return accept({ claimedDeviceId: undefined, msgId: undefined, seq: undefined, epochMs: undefined, readings });
}
