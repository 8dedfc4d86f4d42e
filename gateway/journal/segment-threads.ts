import type { KeyObject } from "node:crypto";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { shortLived, workerUrl } from "../worker-url.ts";
import type { CheckedSegment, SegmentTask } from "./segment-check.ts";
import type { ChecksAhead } from "./verify-log.ts";

/** What the threads check seals with. */
export interface SealKeysGiven {
  /** vkeys, of which one has to have signed a segment's seals; none: signatures are not looked at. */
  readonly vkeys: readonly string[];
  readonly hmacKey?: KeyObject | undefined;
}

export interface SegmentThreadData extends SegmentTask, SealKeysGiven {}

/** From a thread: how many leaves more it has checked, or what has become of its segment. */
export type SegmentNews = { readonly leaves: number } | { readonly checked: CheckedSegment | undefined };

interface Job {
  readonly segment: number;
  readonly outcome: Promise<CheckedSegment | undefined>;
  readonly settle: (checked: CheckedSegment | undefined) => void;
  readonly fail: (error: Error) => void;
  leaves: number;
}

/** Checks segments on all cores, one segment a thread. What they hold does not grow with the log. */
export class SegmentThreads implements ChecksAhead {
  readonly #keys: SealKeysGiven;
  readonly #threads: Worker[] = [];
  readonly #jobs = new Map<number, Job>();
  #waiting: Job[] = [];
  #onProgress: () => void = () => {};

  constructor(keys: SealKeysGiven) {
    this.#keys = keys;
  }

  get leavesAhead(): number {
    let leaves = 0;
    for (const job of this.#jobs.values()) leaves += job.leaves;
    return leaves;
  }

  begin(task: SegmentTask, segments: readonly number[], onProgress: () => void): void {
    this.#onProgress = onProgress;
    for (const segment of segments) this.#jobs.set(segment, newJob(segment));
    this.#waiting = [...this.#jobs.values()];
    const workerData: SegmentThreadData = { ...task, ...this.#keys };
    const count = Math.min(availableParallelism(), segments.length);
    for (let thread = 0; thread < count; thread++) {
      const worker = new Worker(workerUrl(import.meta.url, "./segment-check-worker"), {
        workerData,
        resourceLimits: shortLived,
      });
      this.#threads.push(worker);
      this.#feed(worker);
    }
  }

  async outcome(segment: number): Promise<CheckedSegment | undefined> {
    const job = this.#jobs.get(segment);
    try {
      return await job?.outcome;
    } finally {
      this.#jobs.delete(segment);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  /** Segment after segment, in the order of the log. */
  #feed(worker: Worker): void {
    let job = this.#next(worker);
    worker.on("message", (news: SegmentNews) => {
      if ("leaves" in news) {
        if (job !== undefined) job.leaves += news.leaves;
        this.#onProgress();
        return;
      }
      job?.settle(news.checked);
      job = this.#next(worker);
    });
    worker.on("error", (error) => {
      for (const open of this.#jobs.values()) open.fail(error);
    });
  }

  #next(worker: Worker): Job | undefined {
    const job = this.#waiting.shift();
    if (job !== undefined) worker.postMessage(job.segment);
    return job;
  }
}

function newJob(segment: number): Job {
  let settle: Job["settle"] = () => {};
  let fail: Job["fail"] = () => {};
  const outcome = new Promise<CheckedSegment | undefined>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  // Whoever asks for it hears of it.
  outcome.catch(() => {});
  return { segment, outcome, settle, fail, leaves: 0 };
}
