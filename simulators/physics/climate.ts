/** Weather at one place: the sun drives temperature, temperature drives relative humidity, fronts drive the pressure. */
import type { Random } from "../random.ts";

export interface Air {
  /** °C */
  readonly temperature: number;
  /** %RH */
  readonly humidity: number;
  /** Pa */
  readonly pressure: number;
  /** 0 at night to 1 at noon. */
  readonly daylight: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Warmest about two hours after noon. */
const warmestHour = 14;

export class Climate {
  readonly #random: Random;
  /** Of the day, °C. */
  readonly #mean: number;
  readonly #swing: number;
  readonly #dewPoint: number;
  readonly #basePressure: number;
  #drift = 0;
  #front = 0;
  #lastMs: number | undefined;

  /** @param options mean and swing of the day in °C */
  constructor(random: Random, { mean = 18, swing = 6 }: { mean?: number; swing?: number } = {}) {
    this.#random = random;
    this.#mean = mean + random.normal(1);
    this.#swing = swing * random.between(0.8, 1.2);
    this.#dewPoint = this.#mean - random.between(4, 9);
    this.#basePressure = 101_325 - random.between(0, 4_000);
  }

  /** @param epochMs local time of the place, not before the last one asked for */
  at(epochMs: number): Air {
    this.#wander(epochMs);
    const hour = (epochMs % dayMs) / hourMs;
    const sun = Math.cos(((hour - warmestHour) / 24) * 2 * Math.PI);
    const temperature = this.#mean + (this.#swing / 2) * sun + this.#drift;
    return {
      temperature: temperature + this.#random.normal(0.03),
      humidity: Math.min(99.5, Math.max(8, relativeHumidity(temperature, this.#dewPoint) + this.#random.normal(0.3))),
      pressure: this.#basePressure + this.#front + this.#random.normal(4),
      daylight: Math.max(0, Math.cos(((hour - 12) / 24) * 2 * Math.PI)),
    };
  }

  /** Ornstein–Uhlenbeck: what wanders also comes back, at a pace that does not depend on how often one looks. */
  #wander(epochMs: number): void {
    const hours = Math.max(0, epochMs - (this.#lastMs ?? epochMs)) / hourMs;
    this.#lastMs = epochMs;
    this.#drift = wandered(this.#drift, hours, 3, 0.8, this.#random);
    this.#front = wandered(this.#front, hours, 30, 600, this.#random);
  }
}

/** @param memoryHours after which most is forgotten @param spread standard deviation in the long run */
function wandered(value: number, hours: number, memoryHours: number, spread: number, random: Random): number {
  const kept = Math.exp(-hours / memoryHours);
  return value * kept + random.normal(spread * Math.sqrt(1 - kept * kept));
}

/** Magnus formula over water. */
function relativeHumidity(temperature: number, dewPoint: number): number {
  const saturation = (celsius: number): number => Math.exp((17.62 * celsius) / (243.12 + celsius));
  return (100 * saturation(dewPoint)) / saturation(temperature);
}
