/** The potential between two electrodes in a mycelium: noise, a slow drift, and now and then a train of spikes. */
import type { Random } from "../random.ts";

export interface Potential {
  /** Microvolts. */
  readonly amplitude: number;
  readonly rms: number;
  readonly mean: number;
  readonly std: number;
  /** Hertz. */
  readonly frequency: number;
  readonly isSpiking: boolean;
}

/** One spike lasts minutes, and a train some of them. */
const spikeMs = 3 * 60_000;
const meanPauseMs = 12 * 60_000;

export class Mycelium {
  readonly #random: Random;
  #trainFromMs = Number.NaN;
  #trainToMs = 0;
  #height = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  at(epochMs: number): Potential {
    if (!(epochMs < this.#trainToMs)) {
      this.#trainFromMs = epochMs + this.#random.next() * 2 * meanPauseMs;
      this.#trainToMs = this.#trainFromMs + (2 + this.#random.below(4)) * spikeMs;
      this.#height = this.#random.between(60, 400);
    }
    const isSpiking = epochMs >= this.#trainFromMs;
    const phase = ((epochMs - this.#trainFromMs) % spikeMs) / spikeMs;
    // Up within a tenth of the time, and slowly down.
    const spike = isSpiking ? this.#height * (phase < 0.1 ? phase * 10 : Math.exp(-4 * (phase - 0.1))) : 0;
    const noise = Math.abs(4 + this.#random.normal(0.6));
    const mean = 12 * Math.sin(epochMs / 7_200_000) + spike;
    return {
      amplitude: spike + 3 * noise,
      rms: Math.hypot(mean, noise),
      mean,
      std: noise,
      frequency: isSpiking ? 1000 / spikeMs : Math.abs(0.5 + this.#random.normal(0.1)),
      isSpiking,
    };
  }
}
