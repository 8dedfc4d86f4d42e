/** The verify workers: batches go to whichever is free, results come back in the order of the batches. */
import { Worker } from "node:worker_threads";
import type { Device } from "../../src/registry/device.ts";
import { shortLived, workerUrl } from "../worker-url.ts";
import type { VerifyRequest, VerifyResponse, WorkerRequest } from "./batch.ts";

/** One batch in work and one waiting behind it keeps a worker busy while its answer travels. */
const batchesPerWorker = 2;

interface Seat {
  readonly worker: Worker;
  busy: number;
}

export interface VerifyPoolOptions {
  readonly workers: number;
  readonly onResult: (response: VerifyResponse) => void;
  /** A worker died: a defect, after which nothing can be verified. */
  readonly onFatal: (error: Error) => void;
}

export class VerifyPool {
  readonly #seats: Seat[];
  readonly #onResult: (response: VerifyResponse) => void;
  readonly #early = new Map<number, VerifyResponse>();
  #nextResult = 0;
  #closing = false;

  constructor({ workers, onResult, onFatal }: VerifyPoolOptions) {
    this.#onResult = onResult;
    this.#seats = Array.from({ length: workers }, () => {
      const worker = new Worker(workerUrl(import.meta.url, "./verify-worker"), { resourceLimits: shortLived });
      const seat: Seat = { worker, busy: 0 };
      worker.on("message", (response: VerifyResponse) => {
        seat.busy--;
        this.#deliver(response);
      });
      worker.on("error", onFatal);
      worker.on("exit", (code) => {
        if (!this.#closing) onFatal(new Error(`verify worker ended with code ${code}`));
      });
      return seat;
    });
  }

  /** True while a batch sent now would be worked on at once or next. */
  get hasRoom(): boolean {
    return this.#seats.some((seat) => seat.busy < batchesPerWorker);
  }

  /** True while some worker has nothing to do: then even a batch of one is worth sending. */
  get hasIdle(): boolean {
    return this.#seats.some((seat) => seat.busy === 0);
  }

  send(request: VerifyRequest): void {
    const seat = this.#seats.reduce((least, next) => (next.busy < least.busy ? next : least));
    seat.busy++;
    const { slab, leaves, ends, receivedUs } = request;
    seat.worker.postMessage(request satisfies WorkerRequest, [
      slab,
      leaves,
      ends.buffer as ArrayBuffer,
      receivedUs.buffer as ArrayBuffer,
    ]);
  }

  /** Every batch sent after this is judged with these devices. */
  updateDevices(devices: readonly Device[]): void {
    for (const { worker } of this.#seats) worker.postMessage({ type: "devices", devices } satisfies WorkerRequest);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#seats.map(({ worker }) => worker.terminate()));
  }

  // One device's messages may sit in two batches; leaf order is arrival order only if batches finish in order.
  #deliver(response: VerifyResponse): void {
    this.#early.set(response.sequence, response);
    for (;;) {
      const next = this.#early.get(this.#nextResult);
      if (!next) return;
      this.#early.delete(this.#nextResult++);
      this.#onResult(next);
    }
  }
}
