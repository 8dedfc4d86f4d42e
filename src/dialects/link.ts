/**
 * How a frame was received by radio: the gateway's own statement about an entry that it has stored, as an entry of the same
 * device. The frame is stored once, and each reception is told here. docs/adr/0087
 */
import { sensors, units } from "../../protocol/spec.ts";
import { decimalOf } from "../codec/decimal.ts";
import type { Reading, Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";

export interface Reception {
  /** The receiver: a radio of ours, or a gateway of the network. */
  readonly by: string;
  readonly rssi?: number | undefined;
  readonly snr?: number | undefined;
}

export interface LinkObservation {
  /** The entry of the frame. */
  readonly leaf: number;
  readonly receptions: readonly Reception[];
  readonly frequencyHz?: number | undefined;
  readonly spreadingFactor?: number | undefined;
  readonly bandwidthHz?: number | undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function encodeLink({
  leaf,
  receptions,
  frequencyHz,
  spreadingFactor,
  bandwidthHz,
}: LinkObservation): Uint8Array {
  const link = {
    leaf,
    receptions,
    frequency_hz: frequencyHz,
    spreading_factor: spreadingFactor,
    bandwidth_hz: bandwidthHz,
  };
  return new TextEncoder().encode(JSON.stringify(link));
}

/** The best reception's strength as readings, and how many there were; the others are in the entry's bytes. */
export function decodeLink(payload: Uint8Array): Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  let link: { receptions?: unknown; frequency_hz?: unknown; spreading_factor?: unknown } | null;
  try {
    link = JSON.parse(utf8.decode(payload));
  } catch {
    return refuse("NOT_WELL_FORMED", "not JSON text in UTF-8");
  }
  if (typeof link !== "object" || link === null || !Array.isArray(link.receptions))
    return refuse("SCHEMA_INVALID", "no receptions");
  const receptions = link.receptions.filter(
    (each) => typeof each === "object" && each !== null,
  ) as Partial<Reception>[];
  const best = receptions.reduce<Partial<Reception> | undefined>(
    (found, each) => (found === undefined || strength(each) > strength(found) ? each : found),
    undefined,
  );
  const readings = [
    reading(sensors.rssi.code, best?.rssi, units.dBm.code),
    reading(sensors.snr.code, best?.snr, units.dB.code),
    reading("receptions", receptions.length, units.count.code),
    reading("frequency", link.frequency_hz, units.Hz.code),
    reading("spreading_factor", link.spreading_factor, units.index.code),
  ].filter((each) => each !== undefined);
  return accept({ claimedDeviceId: undefined, msgId: undefined, seq: undefined, epochMs: undefined, readings });
}

function strength({ rssi }: Partial<Reception>): number {
  return typeof rssi === "number" ? rssi : Number.NEGATIVE_INFINITY;
}

function reading(sensor: number | string, value: unknown, unit: number): Reading | undefined {
  const decimal = typeof value === "number" ? decimalOf(value) : undefined;
  return decimal && { sensor, ...decimal, unit, quality: 0 };
}
