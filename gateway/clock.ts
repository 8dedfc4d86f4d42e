/** The gateway's clock, and whether it was seen to go backwards. */
export class Clock {
  readonly #now: () => number;
  #latestMs = 0;
  /** Told each time it was set back. Ingest goes on: leaf order is arrival order whatever the clock says. */
  onStepBack: (milliseconds: number) => void = () => {};

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Microseconds since 1970. Taken once a message, so it costs one clock read. */
  readonly nowUs = (): number => {
    const ms = this.#now();
    if (ms < this.#latestMs) this.onStepBack(this.#latestMs - ms);
    this.#latestMs = ms;
    return ms * 1000;
  };
}
