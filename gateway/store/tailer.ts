/**
 * Copies the journal into the database, from a thread of its own. The main thread says how far the journal is durable; the
 * cursor, and with it exactly-once, is the database's. Falling behind, losing the database or the thread costs only time.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { ClientConfig } from "pg";
import type { Logger } from "pino";
import type { DependencyState } from "../http/services.ts";
import { shortLived, workerUrl } from "../worker-url.ts";
import type { Database } from "./database.ts";
import type { CopyWarnings } from "./entry-encoder.ts";
import type { TailerReport } from "./tailer-loop.ts";
import type { TailerCommand, TailerWorkerData } from "./tailer-worker.ts";

export interface TailerOptions {
  readonly database: Pick<Database, "onReady">;
  /** Directory of the journal's segments. */
  readonly journalDir: string;
  readonly log: Logger;
}

const restartMs = 1_000;
const stopPatienceMs = 5_000;

export class Tailer {
  readonly #options: TailerOptions;
  #worker: Worker | undefined;
  #config: ClientConfig | undefined;
  #stopping = false;
  #durableSize = 0;
  /** What the worker has been told; it is told more when it has done that, so that messages never pile up. */
  #told = 0;
  #cursor: number | null = null;
  #trouble: string | undefined;
  #warnings: CopyWarnings = { undecodable: 0, unstorable: 0 };

  constructor(options: TailerOptions) {
    this.#options = options;
  }

  /** @param durableSize entries in the journal that are on disk */
  start(durableSize: number): void {
    this.#durableSize = durableSize;
    this.#startWorker();
    this.#options.database.onReady((config) => {
      this.#config = config;
      this.#tell({ kind: "database", config });
    });
  }

  /** The journal is durable up to `durableSize`. Cheap enough for every group commit. */
  advance(durableSize: number): void {
    this.#durableSize = durableSize;
    if ((this.#cursor ?? 0) >= this.#told) this.#tellDurable();
  }

  /** The first leaf index that the database does not have; null until it was reached. */
  get cursor(): number | null {
    return this.#cursor;
  }

  /** Counted since this start. */
  get warnings(): CopyWarnings {
    return this.#warnings;
  }

  state(): DependencyState {
    if (!this.#worker) return { status: "off", detail: "not running" };
    if (this.#trouble) return { status: "degraded", detail: this.#trouble };
    const cursor = this.#cursor;
    if (cursor === null) return { status: "degraded", detail: "waiting for the database" };
    if (cursor > this.#durableSize) {
      const detail = `the database has ${cursor} entries, the ledger only ${this.#durableSize}: one of them is not the latest`;
      return { status: "degraded", detail };
    }
    return { status: "ok", detail: `${this.#durableSize - cursor} entries behind` };
  }

  /** Ends after the batch at hand. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const worker = this.#worker;
    if (!worker) return;
    this.#tell({ kind: "stop" });
    await Promise.race([once(worker, "exit"), sleep(stopPatienceMs, undefined, { ref: false })]);
    await worker.terminate();
  }

  #startWorker(): void {
    const { journalDir, log } = this.#options;
    const data: TailerWorkerData = { journalDir };
    const worker = new Worker(workerUrl(import.meta.url, "./tailer-worker"), {
      workerData: data,
      name: "tailer",
      resourceLimits: shortLived,
    });
    this.#worker = worker;
    this.#told = 0;
    worker.on("message", (report: TailerReport) => this.#take(report));
    worker.on("error", (error) => log.error({ err: error }, "the tailer's thread failed"));
    worker.once("exit", () => {
      this.#worker = undefined;
      if (!this.#stopping) setTimeout(() => this.#stopping || this.#startWorker(), restartMs).unref();
    });
    if (this.#config) this.#tell({ kind: "database", config: this.#config });
    this.#tellDurable();
  }

  #take(report: TailerReport): void {
    if (report.kind === "lost") {
      if (report.reason !== this.#trouble)
        this.#options.log.warn({ reason: report.reason }, "copying to the database interrupted");
      this.#trouble = report.reason;
      return;
    }
    this.#trouble = undefined;
    this.#cursor = report.cursor;
    if (report.warnings) {
      const { undecodable, unstorable } = this.#warnings;
      this.#warnings = {
        undecodable: undecodable + report.warnings.undecodable,
        unstorable: unstorable + report.warnings.unstorable,
      };
    }
    if (report.cursor >= this.#told && this.#durableSize > this.#told) this.#tellDurable();
  }

  #tellDurable(): void {
    this.#told = this.#durableSize;
    this.#tell({ kind: "durable", size: this.#durableSize });
  }

  #tell(command: TailerCommand): void {
    this.#worker?.postMessage(command);
  }
}
