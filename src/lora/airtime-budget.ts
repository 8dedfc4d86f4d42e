/**
 * Time on air within a sliding window, such as the hour that duty-cycle rules speak of. What was sent counts fully until it
 * is as old as the window, so no stretch of that length ever holds more than the budget.
 */
export class AirtimeBudget {
  readonly #budgetSeconds: number;
  readonly #windowMs: number;
  #sent: { readonly atMs: number; readonly seconds: number }[] = [];

  /** @param share of the window that may be spent sending, 0 … 1 */
  constructor(share: number, windowMs: number) {
    this.#budgetSeconds = (share * windowMs) / 1_000;
    this.#windowMs = windowMs;
  }

  /** @returns seconds sent within the window */
  usedSeconds(nowMs: number): number {
    this.#forget(nowMs);
    return this.#sent.reduce((sum, { seconds }) => sum + seconds, 0);
  }

  /** @returns ms until so much may be sent: 0 at once, Infinity never */
  waitMs(seconds: number, nowMs: number): number {
    if (seconds > this.#budgetSeconds) return Number.POSITIVE_INFINITY;
    let excess = this.usedSeconds(nowMs) + seconds - this.#budgetSeconds;
    for (const sent of this.#sent) {
      if (excess <= 1e-9) return 0;
      excess -= sent.seconds;
      if (excess <= 1e-9) return sent.atMs + this.#windowMs - nowMs;
    }
    return 0;
  }

  spend(seconds: number, nowMs: number): void {
    this.#forget(nowMs);
    this.#sent.push({ atMs: nowMs, seconds });
  }

  #forget(nowMs: number): void {
    this.#sent = this.#sent.filter(({ atMs }) => atMs > nowMs - this.#windowMs);
  }
}
