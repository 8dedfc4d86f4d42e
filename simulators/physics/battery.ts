/** One lithium cell, from full to empty. */
export class Battery {
  readonly #capacityAh: number;
  #usedAh = 0;

  constructor(capacityAh: number, charge = 1) {
    this.#capacityAh = capacityAh;
    this.#usedAh = (1 - charge) * capacityAh;
  }

  /** @param amps negative while it charges */
  drain(amps: number, seconds: number): void {
    this.#usedAh = Math.min(this.#capacityAh, Math.max(0, this.#usedAh + (amps * seconds) / 3600));
  }

  /** 0–1 */
  get charge(): number {
    return 1 - this.#usedAh / this.#capacityAh;
  }

  /** Open-circuit voltage of the cell: steep at both ends, flat between. */
  get volts(): number {
    const left = this.charge;
    return 3.0 + 0.75 * left + 0.35 * left ** 8 + 0.1 * (1 - Math.exp(-20 * left));
  }
}
