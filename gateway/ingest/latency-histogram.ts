/** How long uploads waited for their outcome. Plain counts in fixed buckets: a message costs a comparison or two. */
export class LatencyHistogram {
  /** Upper bounds in seconds; what is longer is in the last count. */
  readonly boundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
  readonly counts = new Array<number>(this.boundsSeconds.length + 1).fill(0);
  sumSeconds = 0;

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < this.boundsSeconds.length && seconds > this.boundsSeconds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sumSeconds += seconds;
  }
}
