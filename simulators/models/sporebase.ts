/**
 * SporeBase: air drawn through a tape that moves on segment by segment. The controller's own wire message does not
 * exist (wire-facts §10.4); what upstream expects of it is sent as signed readings.
 */
import type { Reading } from "../../src/reading.ts";
import { GasSensor } from "../physics/gas-sensor.ts";
import type { Random } from "../random.ts";
import { EnvelopeModel, measured } from "./envelope-model.ts";
import type { DeviceContext, Family } from "./model.ts";

const segmentMs = 15 * 60_000;
const litresPerMinute = 10;

class SporeBase extends EnvelopeModel {
  readonly #sensor: GasSensor;
  readonly #random: Random;
  #spores = 0;
  #segment = -1;

  constructor(context: DeviceContext) {
    super(context, "sporebase");
    this.#sensor = new GasSensor(context.random.fork("sensor"));
    this.#random = context.random.fork("spores");
  }

  protected override reset(epochMs: number): void {
    this.#sensor.reboot(epochMs);
  }

  protected override readings(epochMs: number): Reading[] {
    const sample = this.#sensor.at(epochMs);
    const segment = Math.floor(epochMs / segmentMs);
    if (segment !== this.#segment) this.#spores = 0;
    this.#segment = segment;
    // Most species let their spores go when the air is damp.
    const perMinute = 2 + 40 * Math.max(0, (sample.humidity - 60) / 40) ** 2;
    const minutes = this.context.intervalMs / 60_000;
    this.#spores += Math.max(0, perMinute * minutes + this.#random.normal(Math.sqrt(perMinute * minutes)));
    return [
      measured("spore_count", this.#spores, 0),
      measured("air_flow", litresPerMinute + this.#random.normal(0.15), 2),
      measured("temp", sample.temperature, 2),
      measured("humidity", sample.humidity, 1),
      measured("pressure", sample.pressure, 0),
      measured("voc_equivalent", sample.vocEquivalent, 2),
    ];
  }
}

export const sporebase: Family = {
  summary: "SporeBase tape sampler, signed envelopes",
  transports: ["mqtt", "mqtts", "ws"],
  intervalSeconds: 60,
  faults: ["corrupt", "wrongKey", "conflict"],
  create: (context) => new SporeBase(context),
};
