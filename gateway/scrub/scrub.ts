/**
 * The scrub: in the background, again and again, it holds the journal, the hash files, the database and the checkpoint
 * against each other. What is derived it repairs from the journal; damage of the journal itself is only told.
 * docs/adr/0072-scrub.md
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientConfig } from "pg";
import { type CheckpointVerifier, openCheckpoint } from "../../src/ledger/checkpoint.ts";
import { hashBytes } from "../../src/ledger/merkle.ts";
import { type ScrubFinding, scrubParts } from "../../src/ledger/scrub-events.ts";
import type { DependencyState, ScrubPassView, ScrubService, ScrubView } from "../http/services.ts";
import { diskFiles } from "../journal/disk-files.ts";
import { type FilePort, isMissing } from "../journal/file-port.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { JournalLogger } from "../journal/logger.ts";
import type { Turns } from "../journal/turns.ts";
import type { Database } from "../store/database.ts";
import type { LinkCounter } from "../transports/link.ts";
import type { Findings } from "./findings.ts";
import type { PassOptions } from "./scrub-pass.ts";
import { type ScrubSteps, ScrubThread } from "./scrub-thread.ts";

export interface ScrubOptions {
  readonly ledger: Ledger;
  /** `<data>/ledger` */
  readonly dir: string;
  readonly origin: string;
  readonly verifiers: readonly CheckpointVerifier[];
  readonly database: Pick<Database, "onReady">;
  readonly findings: Findings;
  /** Nobody takes readings out of the segments while a step is under way. */
  readonly turns: Turns;
  readonly nowUs: () => number;
  readonly log: JournalLogger;
  /** A pass begins so long after the one before has ended; 0: only when it is asked for. */
  readonly intervalMinutes: number;
  /** Of one core, while a pass is under way that nobody waits for. */
  readonly loadPercent: number;
  /** What a stop grants the step at hand. */
  readonly stopPatienceMs?: number;
  readonly files?: FilePort;
  readonly openPass?: (options: PassOptions) => ScrubSteps;
}

/** Soon after a start: a machine that is switched off every night is scrubbed too. */
const firstPassMs = 60_000;
/** Of one core, while somebody waits for the pass. */
const askedLoadPercent = 50;
const savePositionMs = 30_000;
const fullDiskMs = 1_000;
const defaultStopPatienceMs = 5_000;
/** As many as a person reads; all of them are entries of the ledger. */
const maxShown = 1_000;

interface Pass {
  readonly number: number;
  readonly asked: boolean;
  readonly startedUs: number;
  readonly size: number;
  endedUs: number | undefined;
  position: number;
  entries: number;
  rows: number;
  missed: number;
  trouble: string | undefined;
  readonly findings: ScrubFinding[];
  error: string | undefined;
}

export class Scrub implements ScrubService {
  readonly #options: ScrubOptions;
  readonly #files: FilePort;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #database: ClientConfig | undefined;
  #steps: ScrubSteps | undefined;
  #pass: Pass | undefined;
  #last: Pass | undefined;
  #number = 0;
  #asked = false;
  #wake: () => void = () => undefined;
  #entries = 0;
  #rows = 0;
  #savedMs = 0;

  constructor(options: ScrubOptions) {
    this.#options = options;
    this.#files = options.files ?? diskFiles;
    options.database.onReady((config) => {
      this.#database = config;
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Ends after the step at hand, or with it where a database does not answer; the next start goes on from there. */
  async stop(): Promise<void> {
    const { stopPatienceMs = defaultStopPatienceMs } = this.#options;
    this.#stopping.abort();
    this.#wake();
    const patience = setTimeout(() => void this.#steps?.close(), stopPatienceMs);
    await this.#running;
    clearTimeout(patience);
  }

  begin(): number {
    this.#asked = true;
    this.#wake();
    return this.#number + 1;
  }

  view(): ScrubView {
    const { findings, intervalMinutes, loadPercent } = this.#options;
    return {
      intervalMinutes,
      loadPercent,
      running: this.#pass ? viewOf(this.#pass) : null,
      last: this.#last ? viewOf(this.#last) : null,
      open: findings.open,
    };
  }

  state(): DependencyState {
    const { open } = this.#options.findings;
    if (open.length > 0) {
      const { part, what, leafIndex } = open[0]!;
      const others = open.length > 1 ? `, and ${open.length - 1} more` : "";
      return { status: "degraded", detail: `${part}, leaf ${leafIndex}: ${what}${others}` };
    }
    const last = this.#last;
    if (last?.error !== undefined) return { status: "degraded", detail: `the last pass failed: ${last.error}` };
    if (last !== undefined && last.missed > 0) {
      const detail = `all was well, but the rows of ${last.missed} entries were not compared: ${last.trouble}`;
      return { status: "ok", detail };
    }
    if (last !== undefined) return { status: "ok", detail: `all was well at ${iso(last.endedUs!)}` };
    return { status: "ok", detail: this.#pass ? "the first pass is under way" : "the first pass is still to come" };
  }

  get counters(): readonly LinkCounter[] {
    const { findings } = this.#options;
    const counter = (name: string, help: string, read: LinkCounter["read"]): LinkCounter => ({
      name: `mycogate_scrub_${name}_total`,
      help,
      label: "part",
      read,
    });
    return [
      counter("checked", "Records that the scrub has compared, by part.", () => ({
        journal: this.#entries,
        database: this.#rows,
      })),
      counter("findings", "Records that the scrub found to be wrong, by part.", () => findings.found),
      counter("repaired", "Of these, how many it has written anew.", () => findings.repaired),
    ];
  }

  async #run(): Promise<void> {
    const { intervalMinutes } = this.#options;
    const { signal } = this.#stopping;
    const intervalMs = intervalMinutes > 0 ? intervalMinutes * 60_000 : undefined;
    for (let waitMs = intervalMs && Math.min(firstPassMs, intervalMs); !signal.aborted; waitMs = intervalMs) {
      if (!this.#asked) await this.#woken(waitMs);
      if (signal.aborted) return;
      const asked = this.#asked;
      this.#asked = false;
      await this.#runPass(asked);
    }
  }

  async #runPass(asked: boolean): Promise<void> {
    const { ledger, findings, nowUs, log } = this.#options;
    // Before anything is awaited: whoever asks from now on is told the number of the next.
    this.#number++;
    const signed = ledger.signedHead ?? { origin: this.#options.origin, size: 0, root: new Uint8Array(hashBytes) };
    const from = asked ? 0 : await this.#savedPosition();
    const pass: Pass = {
      number: this.#number,
      asked,
      startedUs: nowUs(),
      size: signed.size,
      endedUs: undefined,
      position: 0,
      entries: 0,
      rows: 0,
      missed: 0,
      trouble: undefined,
      findings: [],
      error: undefined,
    };
    this.#pass = pass;
    findings.begin();
    try {
      await ledger.upkeep.flush();
      if (signed.size > 0) await this.#checkCheckpoint(pass);
      const finished = signed.size === 0 || (await this.#runSteps(pass, { dir: this.#options.dir, signed, from }));
      if (!finished) return;
      const looked = scrubParts.filter((part) => part !== "database" || pass.missed === 0);
      await findings.end(from === 0 ? looked : []);
      await this.#savePosition(0);
    } catch (error) {
      log.error({ err: error }, "a pass of the scrub failed; it is tried again");
      pass.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.#pass = undefined;
    }
    pass.endedUs = nowUs();
    this.#last = pass;
  }

  /** @returns whether it came to the end */
  async #runSteps(pass: Pass, options: PassOptions): Promise<boolean> {
    const { ledger, turns, openPass = (options) => new ScrubThread(options) } = this.#options;
    const steps = openPass(options);
    this.#steps = steps;
    try {
      for (;;) {
        if (this.#stopping.signal.aborted || (this.#asked && !pass.asked)) {
          await this.#savePosition(pass.position);
          await this.#options.findings.end([]);
          return false;
        }
        // What is derived may wait for space while the disk is full.
        if (ledger.state !== "open") {
          await this.#woken(fullDiskMs);
          continue;
        }
        const startedMs = performance.now();
        const request = { durableSize: ledger.durableSize, database: this.#database };
        const report = await turns.take(() => steps.step(request));
        pass.position = report.position;
        pass.entries += report.entries;
        pass.rows += report.rows;
        pass.missed += report.missed;
        pass.trouble = report.trouble ?? pass.trouble;
        this.#entries += report.entries;
        this.#rows += report.rows;
        for (const finding of report.findings) await this.#add(pass, finding);
        if (report.done) return true;
        if (startedMs - this.#savedMs > savePositionMs) await this.#savePosition(pass.position);
        if (!this.#asked || pass.asked) await this.#rest(pass, performance.now() - startedMs);
      }
    } finally {
      this.#steps = undefined;
      await steps.close();
    }
  }

  /** What others are shown against what was signed. */
  async #checkCheckpoint(pass: Pass): Promise<void> {
    const { ledger, origin, verifiers } = this.#options;
    const finding = { part: "checkpoint", leafIndex: ledger.checkpointSize, count: 1 } as const;
    const opened = openCheckpoint(ledger.checkpoint ?? "", origin, verifiers);
    if (!opened.ok) {
      const what = `the published checkpoint does not hold: ${opened.detail}`;
      await this.#add(pass, { ...finding, what, leafIndex: 0, repaired: false });
    }
    const what = "the checkpoint file did not hold what is published";
    if (await ledger.upkeep.repairCheckpoint()) await this.#add(pass, { ...finding, what, repaired: true });
  }

  async #add(pass: Pass, finding: ScrubFinding): Promise<void> {
    if (pass.findings.length < maxShown) pass.findings.push(finding);
    await this.#options.findings.add(finding);
  }

  #rest(pass: Pass, workedMs: number): Promise<void> {
    const percent = pass.asked ? Math.max(askedLoadPercent, this.#options.loadPercent) : this.#options.loadPercent;
    return this.#woken(workedMs * (100 / percent - 1));
  }

  /** After this time, or when something else is to be done. */
  async #woken(ms?: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const woken = new AbortController();
    const waiting = new Promise<void>((resolve) => {
      this.#wake = () => {
        woken.abort();
        resolve();
      };
    });
    const { signal } = woken;
    await (ms === undefined ? waiting : sleep(ms, undefined, { signal, ref: false }).catch(() => undefined));
  }

  get #positionFile(): string {
    return join(this.#options.dir, "scrub");
  }

  async #savedPosition(): Promise<number> {
    try {
      const file = await this.#files.open(this.#positionFile, "read");
      const bytes = Buffer.alloc(32);
      const text = bytes.toString("latin1", 0, await file.read(bytes, 0).finally(() => file.close()));
      return /^\d{1,15}\n$/.test(text) ? Number(text) : 0;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
  }

  async #savePosition(position: number): Promise<void> {
    this.#savedMs = performance.now();
    try {
      const file = await this.#files.open(this.#positionFile, "replace");
      await file.write([Buffer.from(`${position}\n`)], 0).finally(() => file.close());
    } catch {
      // It costs a pass from the start, no more.
    }
  }
}

function viewOf({ number, startedUs, endedUs, size, position, entries, findings, ...pass }: Pass): ScrubPassView {
  return {
    number,
    startedAt: iso(startedUs),
    endedAt: endedUs === undefined ? null : iso(endedUs),
    size,
    position,
    entries,
    rows: pass.rows,
    missedRows: pass.missed,
    databaseTrouble: pass.trouble ?? null,
    findings,
    error: pass.error ?? null,
  };
}

function iso(us: number): string {
  return new Date(us / 1000).toISOString();
}
