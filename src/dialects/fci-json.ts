/**
 * The fungal computer interface: one JSON object about every 100 ms over a WebSocket of its own. Its `timestamp` is a fixed
 * date plus uptime and its `id` is no UUID, so neither is read; the time of receipt is the time. wire-facts §10.3
 */

import { sensorCode, unitCode } from "../../protocol/names.ts";
import { type Decimal, decimalOfText } from "../codec/decimal.ts";
import type { Reading, Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import { judgePressure } from "./air-quality.ts";
import { type ExactJson, type ExactObject, NumberText, parseExactJson } from "./exact-json.ts";
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

const maxChannels = 256;

export function decodeFciJson(payload: Uint8Array): Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  const parsed = parseExactJson(payload);
  if (!parsed.ok) return parsed;
  if (!(parsed.value instanceof Map)) return refuse("SCHEMA_INVALID", "not a JSON object");
  if (textAt(parsed.value, "type") === "sample") return samples(parsed.value);
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

/**
 * `{type, device_id, timestamp, channels:[{channel, value, unit}], impedance:[], sample_rate}`, which a paper describes and no
 * known firmware sends. The unit of its impedance is not told.
 */
function samples(message: ExactObject): Result<Sample, "SCHEMA_INVALID"> {
  const listed = message.get("channels");
  if (!Array.isArray(listed)) return refuse("SCHEMA_INVALID", "channels is no array");
  if (listed.length > maxChannels) return refuse("SCHEMA_INVALID", `more than ${maxChannels} channels`);
  const readings: Reading[] = [];
  for (const item of listed) {
    const channel = item instanceof Map ? (channelOf(item.get("channel")) ?? "") : "";
    const decimal = item instanceof Map && decimalAt(item.get("value"));
    if (channel === "" || !decimal) return refuse("SCHEMA_INVALID", "a channel without a name or a number");
    const unit = textAt(item, "unit") ?? "";
    readings.push({ sensor: `bioelectric.${channel}`, ...decimal, unit: unitCode(unit) ?? unit, quality: 0 });
  }
  const rate = decimalAt(message.get("sample_rate"));
  if (rate) readings.push({ sensor: "sample_rate", ...rate, unit: unitCode("Hz")!, quality: 0 });
  const impedance = message.get("impedance");
  const values = Array.isArray(impedance) ? impedance.map(decimalAt) : [];
  if (values.length > maxChannels || !values.every((value) => value !== undefined))
    return refuse("SCHEMA_INVALID", "impedance holds something else than numbers");
  const arrays = values.length > 0 ? [{ sensor: sensorCode("impedance")!, unit: "", quality: 0, values }] : undefined;
  const header = { claimedDeviceId: undefined, msgId: undefined, seq: undefined, epochMs: undefined };
  return accept({ ...header, readings, ...(arrays && { arrays }) });
}

function channelOf(value: ExactJson | undefined): string | undefined {
  const name = value instanceof NumberText ? value.text : value;
  return typeof name === "string" && /^[A-Za-z0-9_.-]{1,32}$/.test(name) ? name : undefined;
}

function decimalAt(value: ExactJson | undefined): Decimal | undefined {
  return value instanceof NumberText ? decimalOfText(value.text) : undefined;
}
