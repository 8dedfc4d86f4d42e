/** A scenario from beginning to verdict: enrol, play every script over its link, wait until all is settled, compare. */
import type { Transport } from "../../src/ingest/upload.ts";
import type { Link } from "../links/link.ts";
import { durationMs } from "../scenario/duration.ts";
import type { Scenario } from "../scenario/schema.ts";
import { Books } from "./books.ts";
import { collectEvidence } from "./evidence.ts";
import { type GatewayApi, GatewayRefusal, type GatewayStats, inParallel } from "./gateway-api.ts";
import { linkFor, type Offer, unreachable } from "./offer.ts";
import { give } from "./orders.ts";
import { type PlannedDevice, planDevices } from "./plan.ts";
import { type Check, judgeRun, percentile } from "./verdict.ts";

export interface RunOptions {
  readonly scenario: Scenario;
  readonly api: GatewayApi;
  readonly offer: Offer;
  /** Nobody will ask what became of it all: the books stay empty. */
  readonly isEndless?: boolean;
  /** For the devices' keys. */
  readonly keySecret: string;
  /** No one else uses the gateway: whatever it counts is ours. */
  readonly isPrivate: boolean;
  readonly onProgress: (progress: Progress) => void;
  /** Real time that links, ledger and database have to come to rest. */
  readonly patienceMs?: number;
  /** Ends the lives of the devices early; what was sent is accounted for all the same. */
  readonly signal: AbortSignal;
}

export interface Progress {
  readonly phase: "enrolling" | "running" | "settling" | "comparing";
  /** 0–1 of the simulated time. */
  readonly done: number;
  readonly devices: number;
  readonly copies: number;
  readonly lost: number;
}

export interface Report {
  readonly scenario: string;
  readonly seed: string;
  readonly start: string;
  readonly devices: number;
  readonly seconds: number;
  readonly messages: number;
  readonly copies: number;
  readonly lost: number;
  /** Copies handed over in a real second, while the devices lived. */
  readonly perSecond: number;
  readonly ackMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** Groups that this gateway cannot be reached by, and why. */
  readonly skipped: readonly { readonly group: string; readonly why: string }[];
  readonly checks: readonly Check[];
  readonly passed: boolean;
}

const progressMs = 250;
const shortestCutMs = 100;

export async function runScenario(options: RunOptions): Promise<Report> {
  const { scenario, api, offer, onProgress, signal, patienceMs = 60_000 } = options;
  const lengthMs = durationMs(scenario.duration);
  // Without a start of its own, simulated and real time meet at the end, so that no clock is ahead.
  const startMs =
    scenario.start === undefined
      ? Math.round(Date.now() + lengthMs / scenario.speed - lengthMs)
      : Date.parse(scenario.start);
  const plan = planDevices(scenario, { startMs, untilMs: lengthMs, keySecret: options.keySecret });
  const { reachable, skipped } = sorted(plan, offer);
  const books = new Books({ keeps: !options.isEndless });
  const started = performance.now();
  const tell = (phase: Progress["phase"], done: number): void =>
    onProgress({ phase, done, devices: reachable.length, copies: books.copies, lost: books.lost });

  tell("enrolling", 0);
  await enrol(api, reachable);
  let ports = 0;
  const clock = new ScaledClock(scenario.speed, signal);
  const wiring = { offer, books, nowMs: () => clock.nowMs };
  const players = reachable.map((device) => ({
    device,
    link: linkFor(device, device.transport === "serial" ? ports++ : 0, wiring),
  }));
  const isOpen = await within(
    patienceMs,
    inParallel(players, ({ link }) => link.open()),
  );
  if (!isOpen) throw new GatewayRefusal("the gateway has not let every device in within a minute");
  const before = await api.stats();
  const framesBefore = await api.mavlinkFrames();

  clock.start();
  const lived = performance.now();
  const orders = scenario.commands.map(async (command): Promise<Check[]> => {
    if (!(await clock.until(durationMs(command.at)))) return [];
    return give(
      api,
      command,
      players.find(({ device }) => device.group.name === command.group),
      patienceMs,
    );
  });
  const ticker = setInterval(() => tell("running", Math.min(1, clock.nowMs / lengthMs)), progressMs);
  try {
    await Promise.all(players.map(({ device, link }) => play(device, link, clock, books)));
  } finally {
    clearInterval(ticker);
  }
  const perSecond = books.copies / ((performance.now() - lived) / 1000);
  tell("settling", 1);
  const obeyed = (await Promise.all(orders)).flat();
  await within(patienceMs, Promise.all(players.map(({ link }) => link.drained())));
  const isCounted = async (): Promise<boolean> => (await api.mavlinkFrames()) - framesBefore >= books.frames;
  if (books.frames > 0) await poll(isCounted, patienceMs);
  const after = await settled(api, before, books, patienceMs);
  const frames = { sent: books.frames, counted: (await api.mavlinkFrames()) - framesBefore };
  await inParallel(players, ({ link }) => link.close());
  tell("comparing", 1);
  const evidence = await collectEvidence(api, books, {
    from: before.treeSize,
    to: after.treeSize,
    databaseLag: await databaseLag(api, after.treeSize, patienceMs),
    isPrivate: options.isPrivate,
  });
  const verdict = judgeRun({ before, after, books, evidence, frames, devices: reachable.length }, scenario.assertions);
  const checks = [...verdict, ...obeyed];
  const { latencies } = books;
  return {
    scenario: scenario.name,
    seed: scenario.seed,
    start: new Date(startMs).toISOString(),
    devices: reachable.length,
    seconds: (performance.now() - started) / 1000,
    messages: [...books.entries()].length,
    copies: books.copies,
    lost: books.lost,
    perSecond,
    ackMs:
      latencies.length === 0
        ? null
        : { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), max: percentile(latencies, 1) },
    skipped,
    checks,
    passed: reachable.length > 0 && checks.every(({ ok }) => ok),
  };
}

/** Simulated time, from when it is started. */
class ScaledClock {
  readonly #speed: number;
  #started = Number.NaN;
  readonly #wakers = new Set<() => void>();
  #ended: boolean;

  /** @param signal ends all waiting */
  constructor(speed: number, signal: AbortSignal) {
    this.#speed = speed;
    this.#ended = signal.aborted;
    signal.addEventListener("abort", () => {
      this.#ended = true;
      for (const wake of this.#wakers) wake();
    });
  }

  start(): void {
    this.#started = performance.now();
  }

  get nowMs(): number {
    return Number.isNaN(this.#started) ? 0 : (performance.now() - this.#started) * this.#speed;
  }

  /** Real milliseconds for simulated ones. */
  real(simulatedMs: number): number {
    return simulatedMs / this.#speed;
  }

  /** Resolves at a simulated time. @returns whether it has come */
  async until(atMs: number): Promise<boolean> {
    const waitMs = this.real(atMs - this.nowMs);
    if (waitMs >= 1 && !this.#ended) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#wakers.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, waitMs);
        this.#wakers.add(wake);
      });
    }
    return !this.#ended;
  }
}

async function play({ steps }: PlannedDevice, link: Link, clock: ScaledClock, books: Books): Promise<void> {
  for (const { atMs, actions } of steps) {
    if (!(await clock.until(atMs))) return;
    for (const action of actions) {
      if (action.kind === "send") link.send(action.message);
      else if (action.kind === "lose") books.lost++;
      else if (action.kind === "cut") link.cut(Math.max(shortestCutMs, clock.real(action.forMs)));
      else link.slow(Math.max(shortestCutMs, clock.real(action.forMs)));
    }
  }
}

function sorted(
  devices: readonly PlannedDevice[],
  offer: Offer,
): { reachable: PlannedDevice[]; skipped: { group: string; why: string }[] } {
  const totals = new Map<Transport, number>();
  for (const { transport } of devices) totals.set(transport, (totals.get(transport) ?? 0) + 1);
  const why = (device: PlannedDevice) => unreachable(device, totals.get(device.transport)!, offer);
  const reasons = new Map(devices.map((device) => [device.group.name, why(device)]));
  return {
    reachable: devices.filter(({ group }) => reasons.get(group.name) === undefined),
    skipped: [...reasons].flatMap(([group, reason]) => (reason === undefined ? [] : [{ group, why: reason }])),
  };
}

async function enrol(api: GatewayApi, devices: readonly PlannedDevice[]): Promise<void> {
  const known = devices.filter(({ model, group }) => model.enrolment && group.enrolled);
  await api.enrol(
    known.map(({ id, model, transport }) => {
      const { publicKey, role } = model.enrolment!;
      return { id, role, transport, ...(publicKey !== undefined && { publicKey }) };
    }),
  );
  for (const { id, group } of known) if (group.revoked) await api.revoke(id);
}

/** The counters, once they cover what is sure to have been sent and no longer change. */
async function settled(api: GatewayApi, before: GatewayStats, books: Books, patienceMs: number): Promise<GatewayStats> {
  let due = 0;
  for (const ranges of books.expected().values()) for (const { min } of ranges.values()) due += min;
  let last = await api.stats();
  const isSettled = async (): Promise<boolean> => {
    const now = await api.stats();
    const isSame = now.received === last.received && now.treeSize === last.treeSize && now.inFlight === 0;
    last = now;
    return isSame && now.received - before.received >= due;
  };
  // What never comes is for the verdict to say.
  await poll(isSettled, patienceMs);
  return last;
}

async function databaseLag(api: GatewayApi, treeSize: number, patienceMs: number): Promise<number> {
  const lag = async (): Promise<number> => Math.max(0, treeSize - ((await api.stats()).databaseCursor ?? 0));
  await poll(async () => (await lag()) === 0, patienceMs);
  return lag();
}

/** @returns whether it was done in time */
async function poll(isDone: () => Promise<boolean>, patienceMs: number): Promise<boolean> {
  for (const started = performance.now(); performance.now() - started < patienceMs; ) {
    if (await isDone()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** @returns whether the work was done in time */
async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  const isDone = await Promise.race([work.then(() => true), limit]);
  clearTimeout(timer);
  return isDone;
}
