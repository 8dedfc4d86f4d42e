/**
 * A BME688 or BME690 as the BSEC library reports it: accuracy climbs from 0 to 3 while it runs in, and a gas pulse
 * lowers the resistance of the heated layer and raises the indices. wire-facts §11
 */
import type { Random } from "../random.ts";
import { type Air, Climate } from "./climate.ts";

export interface GasSample extends Air {
  /** Ω */
  readonly gasOhm: number;
  /** 0–500 */
  readonly iaq: number;
  /** 0 unreliable … 3 calibrated */
  readonly accuracy: 0 | 1 | 2 | 3;
  /** ppm */
  readonly co2Equivalent: number;
  readonly vocEquivalent: number;
  readonly stabilised: boolean;
  readonly runIn: boolean;
}

const minuteMs = 60_000;
/** Running time at which accuracy 1, 2 and 3 are reached, give or take by sensor. */
const accuracyMinutes = [5, 20, 45];
const pulsesPerHour = 0.7;

export class GasSensor {
  readonly #climate: Climate;
  readonly #random: Random;
  readonly #cleanOhm: number;
  readonly #pace: number;
  /** 0 clean air … 1 and more. */
  #pulse = 0;
  #bootMs = 0;
  #lastMs: number | undefined;

  constructor(random: Random, climate = new Climate(random.fork("climate"))) {
    this.#climate = climate;
    this.#random = random;
    this.#cleanOhm = random.between(60_000, 220_000);
    this.#pace = random.between(0.8, 1.25);
  }

  /** The library's state is lost: it runs in again. */
  reboot(epochMs: number): void {
    this.#bootMs = epochMs;
  }

  at(epochMs: number): GasSample {
    this.#bootMs ||= epochMs;
    const air = this.#climate.at(epochMs);
    this.#breathe(epochMs);
    const upMinutes = ((epochMs - this.#bootMs) / minuteMs) * this.#pace;
    const accuracy = accuracyMinutes.filter((minutes) => upMinutes >= minutes).length as GasSample["accuracy"];
    const wet = 1 - (air.humidity - 40) * 0.004;
    const gasOhm = this.#cleanOhm * wet * Math.exp(-1.9 * this.#pulse) * (1 + this.#random.normal(0.006));
    // Until it has seen enough air, BSEC reports a constant.
    const iaq = accuracy === 0 ? 50 : Math.min(500, Math.max(0, 28 + 210 * this.#pulse + this.#random.normal(3)));
    return {
      ...air,
      gasOhm,
      iaq,
      accuracy,
      co2Equivalent: accuracy === 0 ? 500 : 430 + iaq * 4.1,
      vocEquivalent: accuracy === 0 ? 0.5 : 0.3 + iaq * 0.011,
      stabilised: upMinutes >= 5,
      runIn: upMinutes >= 5,
    };
  }

  /** Pulses come at random and fade within minutes. */
  #breathe(epochMs: number): void {
    const minutes = Math.max(0, epochMs - (this.#lastMs ?? epochMs)) / minuteMs;
    this.#lastMs = epochMs;
    this.#pulse *= Math.exp(-minutes / 9);
    if (this.#random.chance(1 - Math.exp((-minutes * pulsesPerHour) / 60)))
      this.#pulse += this.#random.between(0.3, 1.4);
  }
}
