/**
 * Fungal computer interface: one JSON object after the other on a WebSocket; every second board publishes by HTTP instead.
 * Its `id` is no UUID and its `timestamp` a fixed date plus uptime, as the firmware has them. wire-facts §10.3
 */
import { GasSensor } from "../physics/gas-sensor.ts";
import { Mycelium } from "../physics/mycelium.ts";
import type { Random } from "../random.ts";
import { jsonBody, rounded } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing } from "./model.ts";

const firmwareDate = Date.parse("2026-02-10T00:00:00Z");

class FungalInterface implements Model {
  readonly #context: DeviceContext;
  readonly #mycelium: Mycelium;
  readonly #air: GasSensor;
  #bootMs = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.#mycelium = new Mycelium(context.random.fork("mycelium"));
    this.#air = new GasSensor(context.random.fork("air"));
  }

  boot(nowMs: number): Outgoing[] {
    this.#bootMs = nowMs;
    this.#air.reboot(this.#context.epochMs + nowMs);
    return [];
  }

  tick(nowMs: number): Outgoing[] {
    const { epochMs, random, mac, index, id } = this.#context;
    const { amplitude, rms, mean, std, frequency, isSpiking } = this.#mycelium.at(epochMs + nowMs);
    const air = this.#air.at(epochMs + nowMs);
    const uptimeMs = Math.round(nowMs - this.#bootMs);
    const word = (): string => random.below(65_536).toString(16);
    const message = {
      id: `${word()}${word()}-${word()}-4${word()}-${word()}-${word()}`,
      channel: `device.${id}.telemetry`,
      timestamp: new Date(firmwareDate + uptimeMs).toISOString(),
      ttl_seconds: 3600,
      source: { type: "fci", id, device_serial: mac, firmware: "1.0.0" },
      message_type: "fci_telemetry",
      payload: {
        bioelectric: {
          amplitude_uv: rounded(amplitude, 2),
          rms_uv: rounded(rms, 2),
          mean_uv: rounded(mean, 2),
          std_uv: rounded(std, 2),
          dominant_freq_hz: rounded(frequency, 3),
          total_power: rounded(rms ** 2, 1),
          snr_db: rounded(20 * Math.log10(Math.max(1, rms / std)), 1),
          pattern: isSpiking ? "spike" : "baseline",
          pattern_confidence: rounded(random.between(0.6, 0.95), 2),
          sample_count: 128,
        },
        environment: {
          temperature_c: rounded(air.temperature, 2),
          humidity_pct: rounded(air.humidity, 2),
          pressure_hpa: rounded(air.pressure / 100, 2),
          voc_index: rounded(air.gasOhm / 1000, 1),
        },
        status: {
          uptime_ms: uptimeMs,
          wifi_rssi: -55 - random.below(20),
          impedance_ohms: 98_000 + random.below(4000),
          stimulus_active: false,
        },
      },
    };
    const bytes = jsonBody(message);
    const channel = index % 2 === 1 ? { channel: "publish" as const } : {};
    return [{ bytes, ...channel, expect: ["stored"], again: ["stored"], evidence: [bytes], signed: false }];
  }

  /** It tells the end of a calibration, and nothing of other commands. */
  hear(bytes: Uint8Array): Outgoing[] {
    const { payload } = JSON.parse(Buffer.from(bytes).toString()) as { payload?: { command?: string } };
    if (payload?.command !== "calibrate") return [];
    const { id } = this.#context;
    const said = { device_id: id, baseline_uv: 1.5, noise_floor_uv: 0.25 };
    const complete = jsonBody({
      channel: `device.${id}.telemetry`,
      message_type: "calibration_complete",
      payload: said,
    });
    return [{ bytes: complete, expect: ["stored"], again: ["stored"], evidence: [complete], signed: false }];
  }

  /** The end is missing. */
  corrupt({ bytes, channel }: Outgoing, random: Random): Outgoing {
    const expect = ["rejected BODY_INVALID"] as const;
    const cut = bytes.subarray(0, 1 + random.below(bytes.length - 1));
    return { bytes: cut, ...(channel && { channel }), expect, again: expect, evidence: [], signed: false };
  }
}

export const fci: Family = {
  summary: "fungal computer interface on its WebSocket, or publishing by HTTP",
  transports: ["fci"],
  intervalSeconds: 0.1,
  faults: ["corrupt"],
  create: (context) => new FungalInterface(context),
};
