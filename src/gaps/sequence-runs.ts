/**
 * The numbers of one counter, in the order that the messages were made or came in, taken apart into runs: a run ends where
 * the counter starts again. What comes late fills its gap. Holds a bounded number of runs and gaps, whatever comes.
 */

/** Inclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Run {
  readonly first: number;
  readonly last: number;
  readonly messages: number;
  /** Numbers between first and last that are not there. */
  readonly missing: number;
  /** Lowest first; the newest where there are more than are held. */
  readonly gaps: readonly Range[];
  /** Where the run begins and ends in the ledger. */
  readonly firstLeaf: number;
  readonly lastLeaf: number;
  readonly fromUs: number;
  readonly untilUs: number;
}

export interface Earlier {
  readonly runs: number;
  readonly messages: number;
  readonly missing: number;
}

export interface Place {
  readonly leaf: number;
  readonly timeUs: number;
}

/** A number so far below the first of its run may be one that was overtaken; further below, the counter has started again. */
const reorderWindow = 64;
const defaultLimits = { runs: 100, gaps: 1_000 };

export class SequenceRuns {
  readonly #limits: { readonly runs: number; readonly gaps: number };
  #runs: OpenRun[] = [];
  #earlier = { runs: 0, messages: 0, missing: 0 };

  /** @param limits runs held, and gaps held of each */
  constructor(limits = defaultLimits) {
    this.#limits = limits;
  }

  /** @param isStart the message says that the counter has started again */
  add(seq: number, place: Place, isStart = false): void {
    const run = this.#runs.at(-1);
    if (run && !isStart && run.take(seq, place)) return;
    this.#runs.push(new OpenRun(seq, place, this.#limits.gaps));
    if (this.#runs.length <= this.#limits.runs) return;
    const { messages, missing } = this.#runs.shift()!;
    const { runs, ...sums } = this.#earlier;
    this.#earlier = { runs: runs + 1, messages: sums.messages + messages, missing: sums.missing + missing };
  }

  /** Oldest first. */
  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** What was before those. */
  get earlier(): Earlier {
    return this.#earlier;
  }
}

class OpenRun implements Run {
  first: number;
  last: number;
  messages = 1;
  missing = 0;
  firstLeaf: number;
  lastLeaf: number;
  fromUs: number;
  untilUs: number;
  readonly #limit: number;
  #gaps: Range[] = [];
  /** Gaps up to here are counted, and no longer known one by one. */
  #forgottenTo: number | undefined;

  constructor(seq: number, { leaf, timeUs }: Place, limit: number) {
    this.#limit = limit;
    this.first = seq;
    this.last = seq;
    this.firstLeaf = leaf;
    this.lastLeaf = leaf;
    this.fromUs = timeUs;
    this.untilUs = timeUs;
  }

  get gaps(): readonly Range[] {
    return this.#gaps;
  }

  /** @returns false where the counter must have started again */
  take(seq: number, { leaf, timeUs }: Place): boolean {
    if (seq > this.last) {
      if (seq > this.last + 1) this.#miss({ from: this.last + 1, to: seq - 1 }, this.#gaps.length);
      this.last = seq;
    } else if (seq < this.first) {
      if (this.first - seq > reorderWindow) return false;
      if (this.first - seq > 1) this.#miss({ from: seq + 1, to: this.first - 1 }, 0);
      this.first = seq;
    } else if (!this.#fill(seq)) return false;
    this.messages++;
    this.firstLeaf = Math.min(this.firstLeaf, leaf);
    this.lastLeaf = Math.max(this.lastLeaf, leaf);
    this.fromUs = Math.min(this.fromUs, timeUs);
    this.untilUs = Math.max(this.untilUs, timeUs);
    return true;
  }

  #miss(gap: Range, at: number): void {
    this.#gaps.splice(at, 0, gap);
    this.missing += size(gap);
    this.#forget();
  }

  /** @returns whether the number was missing */
  #fill(seq: number): boolean {
    const at = lowestNotBelow(this.#gaps, seq);
    const gap = this.#gaps[at];
    if (!gap || seq < gap.from) {
      // It may have been one of those; that it is counted twice would be worse than that it is not.
      if (this.#forgottenTo === undefined || seq > this.#forgottenTo) return false;
      this.missing = Math.max(0, this.missing - 1);
      return true;
    }
    const rest = [
      { from: gap.from, to: seq - 1 },
      { from: seq + 1, to: gap.to },
    ].filter((range) => size(range) > 0);
    this.#gaps.splice(at, 1, ...rest);
    this.missing--;
    this.#forget();
    return true;
  }

  #forget(): void {
    while (this.#gaps.length > this.#limit)
      this.#forgottenTo = Math.max(this.#forgottenTo ?? 0, this.#gaps.shift()!.to);
  }
}

function size({ from, to }: Range): number {
  return to - from + 1;
}

/** Index of the first range that ends at `seq` or beyond. */
function lowestNotBelow(ranges: readonly Range[], seq: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.to < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
