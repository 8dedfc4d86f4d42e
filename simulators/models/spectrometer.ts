/** A ten-channel spectral sensor under the sky: counts by wavelength, signed. */
import type { SensorName } from "../../protocol/spec.ts";
import type { Reading } from "../../src/reading.ts";
import { Climate } from "../physics/climate.ts";
import type { Random } from "../random.ts";
import { EnvelopeModel, measured } from "./envelope-model.ts";
import type { DeviceContext, Family } from "./model.ts";

/** nm of channels 1–8, and how much of daylight falls into each. */
const channels = [415, 445, 480, 515, 555, 590, 630, 680];
const sunKelvin = 5_770;

class Spectrometer extends EnvelopeModel {
  readonly #climate: Climate;
  readonly #random: Random;

  constructor(context: DeviceContext) {
    super(context, "spectrometer");
    this.#climate = new Climate(context.random.fork("climate"));
    this.#random = context.random.fork("light");
  }

  protected override reset(): void {}

  protected override readings(epochMs: number): Reading[] {
    const { daylight, temperature } = this.#climate.at(epochMs);
    const cloud = this.#random.between(0.7, 1);
    const counts = (nm: number): number =>
      Math.min(65_535, Math.max(0, 42_000 * daylight * cloud * planck(nm) + 12 + this.#random.normal(4)));
    const bands = channels.map((nm, index) => measured(`spectral_${index + 1}` as SensorName, counts(nm), 0));
    return [
      ...bands,
      measured("spectral_clear", Math.min(65_535, counts(550) * 1.4), 0),
      measured("spectral_nir", counts(910), 0),
      measured("temp", temperature, 2),
    ];
  }
}

/** Black-body radiance at the sun's temperature, relative to that at 500 nm. */
function planck(nm: number): number {
  const radiance = (metre: number): number => metre ** -5 / (Math.exp(0.014_388 / (metre * sunKelvin)) - 1);
  return radiance(nm * 1e-9) / radiance(500e-9);
}

export const spectrometer: Family = {
  summary: "ten-channel spectrometer, signed envelopes",
  transports: ["mqtt", "mqtts", "ws"],
  intervalSeconds: 30,
  faults: ["corrupt", "wrongKey", "conflict"],
  create: (context) => new Spectrometer(context),
};
