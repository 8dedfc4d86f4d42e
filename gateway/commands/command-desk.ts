/**
 * Commands to devices, whatever they speak and however they are asked for: each accepted once, sent once, one at a time to
 * a device, and ended by an answer or by its deadline. Every step is in the ledger before it is taken. docs/adr/0092
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import {
  type Command,
  type CommandAnswer,
  commandIdPattern,
  type Instruction,
  isFinished,
  maxExpiryMs,
  maxParamsBytes,
  maxTimeoutMs,
} from "../../src/commands/command.ts";
import { CommandTable } from "../../src/commands/command-table.ts";
import { type CommandEvent, commandEntry, commandEvent } from "../../src/commands/events.ts";
import { GatewayError } from "../../src/errors.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import type { CommandRequest, CommandService, RegistryService } from "../http/services.ts";
import type { EventLog } from "../registry/event-log.ts";
import { type LinkCounter, Tally } from "../transports/link.ts";
import { type CommandLink, type CommandOrder, orAborted } from "./command-link.ts";

export interface CommandDeskOptions {
  readonly registry: Pick<RegistryService, "find">;
  readonly events: Pick<EventLog, "append">;
  readonly nowUs: () => number;
  readonly log: Pick<Logger, "warn">;
}

/** Finished commands that are known by their id: for so many a repeated request is recognised. */
const remembered = 10_000;
/** Commands that may wait for one device, or for the others on its way. */
const laneLimit = 64;
/** How often commands of an earlier run look for a way to their device. */
const lookMs = 250;

interface Job {
  readonly command: Command;
  readonly abort: AbortController;
  /** Ends it: by expiry while it is queued, by the answer's time once it is sent. */
  timer: NodeJS.Timeout | undefined;
}

interface Lane {
  readonly link: CommandLink;
  readonly waiting: Job[];
  isBusy: boolean;
}

type Result = Pick<Extract<CommandEvent, { type: "command.result" }>, "outcome" | "message" | "code">;

export class CommandDesk implements CommandService {
  readonly counters: readonly LinkCounter[];
  readonly #options: CommandDeskOptions;
  readonly #table = new CommandTable(remembered);
  readonly #accepting = new Map<string, { readonly request: CommandRequest; readonly accepted: Promise<Command> }>();
  readonly #lanes = new Map<string, Lane>();
  readonly #jobs = new Set<Job>();
  /** Of an earlier run, until there is a way to their device. */
  readonly #parked = new Set<Job>();
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #tally = new Tally();
  #links: readonly CommandLink[] = [];
  #look: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: CommandDeskOptions) {
    this.#options = options;
    this.counters = [
      {
        name: "mycogate_commands_total",
        help: "Commands to devices: accepted, and by what came of them.",
        label: "fate",
        read: () => this.#tally.counts,
      },
    ];
  }

  /** Apply an event found in the journal at start. */
  replay(entry: EventEntry): void {
    const event = commandEvent(entry);
    if (event) this.#table.apply(event, entry.receivedUs);
  }

  /**
   * Take up what an earlier run left open: what had been sent is unanswered, since nobody waited for its answer; what had
   * not is sent as soon as there is a way, until it expires.
   * @param links in the order they are asked whether they reach a device
   */
  async start(links: readonly CommandLink[]): Promise<void> {
    this.#links = links;
    const open = this.#table.list().filter((command) => !isFinished(command));
    for (const command of open.reverse()) {
      if (command.state === "queued") this.#park(command);
      else {
        const message = "the gateway was restarted while it waited for the answer";
        await this.#finish(command, { outcome: "unanswered", message, code: "SHUTTING_DOWN" });
      }
    }
  }

  /** What was sent is given up; what still waits is sent after the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#look);
    const jobs = [...this.#jobs];
    const settled = Promise.all(jobs.map(({ command: { id } }) => this.#settled(id)));
    const stopping = new GatewayError("SHUTTING_DOWN", "the gateway stopped before there was an answer");
    for (const job of jobs) {
      clearTimeout(job.timer);
      job.abort.abort(stopping);
    }
    await settled;
  }

  find(id: string): Command | undefined {
    return this.#table.find(id);
  }

  list(deviceId?: string): readonly Command[] {
    return this.#table.list(deviceId);
  }

  async submit(request: CommandRequest): Promise<Command> {
    const { deviceId, id = randomUUID() } = request;
    if (this.#isStopping) throw new GatewayError("SHUTTING_DOWN", "the gateway is stopping");
    if (!commandIdPattern.test(id))
      throw new GatewayError("REQUEST_INVALID", `id must match ${commandIdPattern.source}`);
    const device = this.#options.registry.find(deviceId);
    if (!device) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${deviceId.slice(0, 80)} is enrolled`);
    const known = this.#table.find(id) ?? this.#accepting.get(id)?.request;
    if (known) {
      if (!isSame(known, request))
        throw new GatewayError("COMMAND_CONFLICT", `command ${id} was another one: ${known.cmd} to ${known.deviceId}`);
      return this.#table.find(id) ?? this.#accepting.get(id)!.accepted;
    }
    if (!(request.timeoutMs >= 0 && request.timeoutMs <= maxTimeoutMs))
      throw new GatewayError("REQUEST_INVALID", `timeoutMs is not 0 to ${maxTimeoutMs}`);
    if (!(request.expiresInMs >= 0 && request.expiresInMs <= maxExpiryMs))
      throw new GatewayError("REQUEST_INVALID", `it is to expire in more than ${maxExpiryMs} ms`);
    if (device.revokedUs !== undefined) throw new GatewayError("DEVICE_REVOKED", `device ${deviceId} is revoked`);
    if (JSON.stringify(request.params).length > maxParamsBytes)
      throw new GatewayError("REQUEST_INVALID", `params take more than ${maxParamsBytes} bytes as JSON`);
    const lane = this.#laneOf(deviceId);
    if (!lane) throw new GatewayError("COMMAND_UNSUPPORTED", `no link of the gateway reaches ${deviceId}`);
    lane.link.check(deviceId, request);
    if (lane.waiting.length >= laneLimit)
      throw new GatewayError("COMMAND_QUEUE_FULL", `${lane.waiting.length} commands wait for ${deviceId}`);
    const accepted = this.#accept(id, request, lane);
    this.#accepting.set(id, { request, accepted });
    return accepted.finally(() => this.#accepting.delete(id));
  }

  /** The command once it is finished, or as it is after so long. */
  async outcome(id: string, withinMs: number): Promise<Command> {
    const command = this.#table.find(id)!;
    if (isFinished(command) || withinMs <= 0) return command;
    await this.#settled(id, withinMs);
    return this.#table.find(id) ?? command;
  }

  /** A device names a command that nobody waits for any more. @returns whether it is news */
  answeredLate(deviceId: string, id: string, answer: CommandAnswer): boolean {
    const command = this.#table.find(id);
    if (command?.deviceId !== deviceId || command.state !== "unanswered") return false;
    void this.#finish(command, { ...answer, code: undefined });
    return true;
  }

  async #accept(id: string, request: CommandRequest, lane: Lane): Promise<Command> {
    const { deviceId, cmd, params, by, via, timeoutMs, expiresInMs } = request;
    const expiresUs = this.#options.nowUs() + expiresInMs * 1_000;
    const event = { type: "command.accepted", id, deviceId, cmd, params, by, via, timeoutMs, expiresUs } as const;
    const command = await this.#record(event);
    this.#tally.add("accepted");
    // Where the gateway stops meanwhile, it is sent after the next start.
    if (!this.#isStopping) this.#enqueue(lane, this.#job(command));
    return command;
  }

  #laneOf(deviceId: string): Lane | undefined {
    const link = this.#links.find((candidate) => candidate.reaches(deviceId));
    if (!link) return undefined;
    const name = `${link.name} ${link.lane(deviceId)}`;
    const known = this.#lanes.get(name);
    if (known) return known;
    for (const [other, { waiting, isBusy }] of this.#lanes) {
      if (waiting.length === 0 && !isBusy) this.#lanes.delete(other);
    }
    const lane: Lane = { link, waiting: [], isBusy: false };
    this.#lanes.set(name, lane);
    return lane;
  }

  #job(command: Command): Job {
    const abort = new AbortController();
    const { id, deviceId, acceptedUs, expiresUs } = command;
    // A clock that was set back adds nothing to its life.
    const leftMs = Math.max(0, expiresUs - Math.max(acceptedUs, this.#options.nowUs())) / 1_000;
    const job: Job = { command, abort, timer: undefined };
    job.timer = setTimeout(() => {
      abort.abort(new GatewayError("COMMAND_EXPIRED", `command ${id} could not be sent to ${deviceId} in time`));
    }, leftMs);
    this.#jobs.add(job);
    return job;
  }

  #enqueue(lane: Lane, job: Job): void {
    const { signal } = job.abort;
    const giveUp = (): void => {
      const at = lane.waiting.indexOf(job);
      if (at === -1) return;
      lane.waiting.splice(at, 1);
      void this.#end(job, resultOf(signal.reason, false));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    lane.waiting.push(job);
    if (signal.aborted) giveUp();
    else void this.#run(lane);
  }

  async #run(lane: Lane): Promise<void> {
    if (lane.isBusy) return;
    lane.isBusy = true;
    for (let job = lane.waiting.shift(); job; job = lane.waiting.shift()) await this.#carryOut(lane.link, job);
    lane.isBusy = false;
  }

  async #carryOut(link: CommandLink, job: Job): Promise<void> {
    const { command, abort } = job;
    const { id, deviceId, cmd, params, expiresUs, timeoutMs } = command;
    const { signal } = abort;
    let isSent = false;
    const leaving = async (): Promise<void> => {
      signal.throwIfAborted();
      if (this.#options.registry.find(deviceId)?.revokedUs !== undefined)
        throw new GatewayError("DEVICE_REVOKED", `device ${deviceId} is revoked`);
      clearTimeout(job.timer);
      await this.#record({ type: "command.sent", id, deviceId, link: link.name });
      isSent = true;
      signal.throwIfAborted();
      job.timer = setTimeout(
        () => abort.abort(new GatewayError("COMMAND_TIMEOUT", `no answer from ${deviceId} within ${timeoutMs} ms`)),
        timeoutMs,
      );
    };
    const order: CommandOrder = {
      id,
      deviceId,
      cmd,
      params,
      expiresMs: Math.floor(expiresUs / 1_000),
      signal,
      leaving,
    };
    let result: Result;
    try {
      const { outcome, message } = await orAborted(link.send(order), signal);
      result = { outcome, message, code: undefined };
    } catch (error) {
      result = resultOf(error, isSent);
    }
    await this.#end(job, result);
  }

  async #end(job: Job, result: Result): Promise<void> {
    clearTimeout(job.timer);
    this.#jobs.delete(job);
    const { command } = job;
    if (result.outcome === "not_sent" && result.code === "SHUTTING_DOWN") {
      // It stays queued in the ledger, and is sent after the next start.
      this.#tell(command.id);
      return;
    }
    await this.#finish(command, result);
  }

  async #finish({ id, deviceId }: Command, result: Result): Promise<void> {
    try {
      await this.#record({ type: "command.result", id, deviceId, ...result });
      this.#tally.add(result.outcome);
    } catch (err) {
      // The ledger takes no more; the next start finds the command without a result and says so.
      this.#options.log.warn(
        { err, command: id, deviceId, outcome: result.outcome },
        "what came of a command is not recorded",
      );
    }
    this.#tell(id);
  }

  /** Once it is durable it is so. */
  async #record(event: CommandEvent): Promise<Command> {
    const atUs = this.#options.nowUs();
    await this.#options.events.append(commandEntry(event, atUs));
    const command = this.#table.apply(event, atUs) ?? this.#table.find(event.id);
    if (!command) throw new GatewayError("INTERNAL", `${event.type} of ${event.id} changed nothing`);
    return command;
  }

  #park(command: Command): void {
    const job = this.#job(command);
    this.#parked.add(job);
    job.abort.signal.addEventListener("abort", () => {
      if (this.#parked.delete(job)) void this.#end(job, resultOf(job.abort.signal.reason, false));
    });
    this.#look ??= setInterval(() => this.#unpark(), lookMs).unref();
  }

  #unpark(): void {
    for (const job of this.#parked) {
      const { deviceId } = job.command;
      const lane = this.#laneOf(deviceId);
      if (!lane || lane.link.isHeard?.(deviceId) === false) continue;
      this.#parked.delete(job);
      try {
        lane.link.check(deviceId, job.command);
        this.#enqueue(lane, job);
      } catch (error) {
        void this.#end(job, resultOf(error, false));
      }
    }
    if (this.#parked.size > 0) return;
    clearInterval(this.#look);
    this.#look = undefined;
  }

  /** Once the command is finished, or after so long. */
  #settled(id: string, withinMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(id) ?? new Set();
      const settle = (): void => {
        clearTimeout(timer);
        waiters.delete(settle);
        resolve();
      };
      const timer = withinMs === undefined ? undefined : setTimeout(settle, withinMs);
      this.#waiters.set(id, waiters.add(settle));
    });
  }

  #tell(id: string): void {
    for (const told of this.#waiters.get(id) ?? []) told();
    this.#waiters.delete(id);
  }
}

function resultOf(error: unknown, isSent: boolean): Result {
  const code = error instanceof GatewayError ? error.code : "INTERNAL";
  const message = error instanceof Error ? error.message : String(error);
  if (isSent) return { outcome: "unanswered", message, code };
  return { outcome: code === "COMMAND_EXPIRED" ? "expired" : "not_sent", message, code };
}

function isSame(known: Instruction & { readonly deviceId: string }, asked: CommandRequest): boolean {
  return (
    known.deviceId === asked.deviceId &&
    known.cmd === asked.cmd &&
    JSON.stringify(known.params) === JSON.stringify(asked.params)
  );
}
