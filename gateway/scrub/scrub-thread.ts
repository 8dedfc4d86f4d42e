import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { shortLived, workerUrl } from "../worker-url.ts";
import type { PassOptions, StepReport, StepRequest } from "./scrub-pass.ts";
import type { ScrubAnswer, ScrubCommand } from "./scrub-worker.ts";

/** A pass as its thread carries it out. One step at a time. */
export interface ScrubSteps {
  /** @throws what kept it from being done; the pass is then over */
  step(request: StepRequest): Promise<StepReport>;
  close(): Promise<void>;
}

const closePatienceMs = 5_000;

/** Off the main thread, which has devices to answer; it lives as long as the pass. */
export class ScrubThread implements ScrubSteps {
  readonly #worker: Worker;

  constructor(options: PassOptions) {
    const url = workerUrl(import.meta.url, "./scrub-worker");
    this.#worker = new Worker(url, { workerData: options, name: "scrub", resourceLimits: shortLived });
    // Whoever waits for a step hears of it.
    this.#worker.on("error", () => undefined);
  }

  async step(request: StepRequest): Promise<StepReport> {
    const worker = this.#worker;
    const waiting = new AbortController();
    const { signal } = waiting;
    try {
      const answer = once(worker, "message", { signal }) as Promise<[ScrubAnswer]>;
      // `once` also rejects with the thread's own error.
      const ended = once(worker, "exit", { signal }).then(() => {
        throw new Error("the thread of the scrub has ended");
      });
      worker.postMessage(request satisfies ScrubCommand);
      const [message] = await Promise.race([answer, ended]);
      if ("error" in message) throw message.error;
      return message.report;
    } finally {
      waiting.abort();
    }
  }

  async close(): Promise<void> {
    const ended = once(this.#worker, "exit").catch(() => undefined);
    this.#worker.postMessage(undefined satisfies ScrubCommand);
    await Promise.race([ended, sleep(closePatienceMs, undefined, { ref: false })]);
    await this.#worker.terminate();
  }
}
