/** Wi-Fi sensing, MDP type 07: one packed structure of a fixed length, which tells it from a HEARTBEAT of old papers. wire-facts §10.2. */
import { mdpTypes, type SensorName, sensors, units } from "../../protocol/spec.ts";
import { decodeMdpFrame, type MdpFields } from "../codec/mdp.ts";
import type { ArrayReading, Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import type { FrameDialect } from "../serial/dialect.ts";
import { type PackedField, packedReadings, viewOf } from "./packed.ts";

const bodyBytes = 570;

/** Offsets in the body. The timestamp wraps every 4.29 s and is no clock. Units of the motion sensors are not known. */
const fields: readonly PackedField[] = [
  { at: 4, type: "u8", sensor: "wifi.link_id", unit: "" },
  { at: 5, type: "u8", sensor: "wifi.channel", unit: "" },
  { at: 6, type: "u8", sensor: "wifi.bandwidth", unit: "" },
  { at: 7, type: "i8", sensor: "rssi", unit: "dBm" },
  { at: 11, type: "u16", sensor: "wifi.subcarriers", unit: "count" },
  { at: 13, type: "u8", sensor: "wifi.antennas", unit: "count" },
  ...["accelerometer", "gyro", "compass"].flatMap((sensor, group) =>
    ["x", "y", "z"].map((axis, index) => ({
      at: 526 + 12 * group + 4 * index,
      type: "f32" as const,
      sensor: `${sensor}.${axis}`,
      unit: "" as const,
    })),
  ),
  { at: 562, type: "f32", sensor: "temp", unit: "C" },
  { at: 566, type: "f32", sensor: "humidity", unit: "%RH" },
];

const csi = { lengthAt: 8, formatAt: 10, dataAt: 14, dataBytes: 512, pairBytes: 4 } as const;
/** By csi_format: what the two halves of each pair are, and whether the first is signed. */
const pairs: readonly { readonly names: readonly [SensorName, SensorName]; readonly signed: boolean }[] = [
  { names: ["csi_i", "csi_q"], signed: true },
  { names: ["csi_amplitude", "csi_phase"], signed: false },
];

/** @param frame one whole frame as on the wire, with or without its delimiter */
export function decodeMdpWifisense(frame: Uint8Array): Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  const packet = decodeMdpFrame(frame);
  if (!packet.ok) return refuse("NOT_WELL_FORMED", `no MDP frame: ${packet.detail}`);
  const { type, seq, body } = packet.value;
  if (!isWifisense(packet.value))
    return refuse("SCHEMA_INVALID", `type ${type} with ${body.length} bytes is no WiFiSense`);
  const arrays = channelState(body);
  if (!arrays.ok) return arrays;
  return accept({
    claimedDeviceId: undefined,
    msgId: undefined,
    seq,
    epochMs: undefined,
    readings: packedReadings(body, fields),
    ...(arrays.value.length > 0 && { arrays: arrays.value }),
  });
}

export const mdpWifisense: FrameDialect = {
  name: "mdp-wifisense",
  read(packet, wire) {
    if (!isWifisense(packet)) return undefined;
    const message = { format: "mdp-wifisense", payload: wire } as const;
    return channelState(packet.body).ok ? { ...message, fromBoard: true } : message;
  },
};

function isWifisense({ type, body }: MdpFields): boolean {
  return type === mdpTypes.WIFISENSE && body.length === bodyBytes;
}

/** Two arrays; none where the length is 0, since capture is a stub in today's firmware. */
function channelState(body: Uint8Array): Result<readonly ArrayReading[], "SCHEMA_INVALID"> {
  const view = viewOf(body);
  const length = view.getUint16(csi.lengthAt, true);
  if (length > csi.dataBytes) return refuse("SCHEMA_INVALID", `csi_length ${length} of ${csi.dataBytes} bytes`);
  if (length < csi.pairBytes) return accept([]);
  const pair = pairs[body[csi.formatAt]!];
  if (!pair) return refuse("SCHEMA_INVALID", `csi_format ${body[csi.formatAt]}`);
  const arrays = pair.names.map((name, half) => ({
    sensor: sensors[name].code,
    unit: units.count.code,
    quality: 0,
    values: Array.from({ length: Math.floor(length / csi.pairBytes) }, (_, index) => {
      const at = csi.dataAt + index * csi.pairBytes + 2 * half;
      return { vi: half === 1 || pair.signed ? view.getInt16(at, true) : view.getUint16(at, true), vs: 0 };
    }),
  }));
  return accept(arrays);
}
