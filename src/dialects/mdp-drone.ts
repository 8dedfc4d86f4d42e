/**
 * Drone telemetry and mission status, MDP types 08 and 09: packed structures of a fixed length each, which also tells
 * them from the HEARTBEAT and LOG that old papers give these numbers to. wire-facts §1.4, §10.1.
 */
import { mdpTypes } from "../../protocol/spec.ts";
import { decimalOfFloat32 } from "../codec/float32.ts";
import { decodeMdpFrame, type MdpFields } from "../codec/mdp.ts";
import type { Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import type { FrameDialect } from "../serial/dialect.ts";
import { judgeAir } from "./air-quality.ts";
import { type PackedField, packedReadings, viewOf } from "./packed.ts";

/** Offsets in the body, which follows a 16-byte header. Texts (target, error) are in the entry's bytes only. */
const telemetry: readonly PackedField[] = [
  { at: 8, type: "f32", sensor: "altitude", unit: "m" },
  { at: 12, type: "f32", sensor: "altitude_above_home", unit: "m" },
  { at: 16, type: "f32", sensor: "heading", unit: "deg" },
  { at: 20, type: "f32", sensor: "ground_speed", unit: "m_s" },
  { at: 24, type: "f32", sensor: "air_speed", unit: "m_s" },
  { at: 28, type: "f32", sensor: "climb_rate", unit: "m_s" },
  { at: 32, type: "u8", sensor: "flight_mode", unit: "index" },
  { at: 33, type: "u8", sensor: "armed", unit: "bool" },
  { at: 34, type: "u8", sensor: "battery_percent", unit: "%" },
  { at: 35, type: "f32", sensor: "battery_voltage", unit: "V" },
  { at: 39, type: "f32", sensor: "battery_current", unit: "A" },
  { at: 43, type: "u8", sensor: "payload_latched", unit: "bool" },
  { at: 44, type: "u8", sensor: "payload_type", unit: "index" },
  { at: 45, type: "f32", sensor: "payload_mass", unit: "" },
  { at: 49, type: "f32", sensor: "temp", unit: "C" },
  { at: 53, type: "f32", sensor: "humidity", unit: "%RH" },
  { at: 57, type: "f32", sensor: "pressure", unit: "" },
  { at: 61, type: "f32", sensor: "gas_resistance", unit: "" },
  { at: 65, type: "u8", sensor: "mission_state", unit: "index" },
  { at: 66, type: "u32", sensor: "mission_progress", unit: "count" },
];
const telemetryBytes = 102;

const missionStatus: readonly PackedField[] = [
  { at: 0, type: "u8", sensor: "mission_state", unit: "index" },
  { at: 1, type: "u32", sensor: "mission_id", unit: "" },
  { at: 5, type: "u32", sensor: "mission_progress", unit: "count" },
  { at: 9, type: "u8", sensor: "mission_status", unit: "index" },
];
const missionStatusBytes = 74;

/** @param frame one whole frame as on the wire, with or without its delimiter */
export function decodeMdpDrone(frame: Uint8Array): Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  const packet = decodeMdpFrame(frame);
  if (!packet.ok) return refuse("NOT_WELL_FORMED", `no MDP frame: ${packet.detail}`);
  const { type, seq, body } = packet.value;
  const header = { claimedDeviceId: undefined, msgId: undefined, seq, epochMs: undefined };
  if (isMissionStatus(packet.value)) return accept({ ...header, readings: packedReadings(body, missionStatus) });
  if (!isTelemetry(packet.value)) return refuse("SCHEMA_INVALID", `type ${type} with ${body.length} bytes is no drone`);
  const geo = positionIn(body);
  return accept({ ...header, ...(geo && { geo }), ...judgeAir({ readings: packedReadings(body, telemetry) }) });
}

export const mdpDrone: FrameDialect = {
  name: "mdp-drone",
  read: (packet, wire) =>
    isTelemetry(packet) || isMissionStatus(packet)
      ? { format: "mdp-drone", payload: wire, fromBoard: true }
      : undefined,
};

function isTelemetry({ type, body }: MdpFields): boolean {
  return type === mdpTypes.DRONE_TELEMETRY && body.length === telemetryBytes;
}

function isMissionStatus({ type, body }: MdpFields): boolean {
  return type === mdpTypes.DRONE_MISSION_STATUS && body.length === missionStatusBytes;
}

/**
 * Degrees as the singles state them. A single resolves to about a metre at best; nothing says how good the fix was, so
 * no accuracy is claimed. Zero in both is a drone without a fix.
 */
function positionIn(body: Uint8Array): Sample["geo"] {
  const view = viewOf(body);
  const [lat, lon] = [0, 4].map((at) => decimalOfFloat32(view.getFloat32(at, true)));
  if (!lat || !lon || (Number(lat.vi) === 0 && Number(lon.vi) === 0)) return undefined;
  const [latE7, lonE7] = [lat, lon].map(({ vi, vs }) => Math.round((Number(vi) / 10 ** vs) * 1e7));
  if (Math.abs(latE7!) > 900_000_000 || Math.abs(lonE7!) > 1_800_000_000) return undefined;
  return { latE7: latE7!, lonE7: lonE7!, accM: undefined };
}
