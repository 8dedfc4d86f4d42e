/**
 * One device's life as a script: what it sends and what happens to it, in simulated time. It depends on nothing but
 * scenario, seed and start, so the same three give the same bytes; links and clocks come in only when it is played.
 */
import type { Model, Outgoing, Twist } from "../models/model.ts";
import type { Random } from "../random.ts";
import { durationMs } from "../scenario/duration.ts";
import type { Faults } from "../scenario/schema.ts";

export type Action =
  | { readonly kind: "send"; readonly message: Outgoing }
  /** Kept back for good by the fault `loss`. */
  | { readonly kind: "lose"; readonly message: Outgoing }
  /** The link is gone for so long, simulated; a device that reboots is too. */
  | { readonly kind: "cut"; readonly forMs: number }
  | { readonly kind: "slow"; readonly forMs: number };

export interface Step {
  readonly atMs: number;
  readonly actions: readonly Action[];
}

export interface ScriptOptions {
  readonly model: Model;
  readonly faults: Faults;
  readonly random: Random;
  readonly intervalMs: number;
  readonly untilMs: number;
}

/** Messages remembered for a replay. */
const remembered = 8;
const twists: readonly Twist[] = ["wrongKey", "conflict", "brokenLine"];
type EventName = "brownOut" | "flap" | "slowConsumer";

/** Steps in order of time. @param untilMs may be infinite */
export function* script({ model, faults, random, intervalMs, untilMs }: ScriptOptions): Generator<Step> {
  // Two of the same kind do not run in step.
  let nextMs = random.next() * intervalMs;
  const schedule = scheduledEvents(faults);
  const mess = new Mess(faults, random, model);
  yield { atMs: nextMs, actions: model.boot(nextMs).map((message) => ({ kind: "send", message })) };
  while (nextMs < untilMs) {
    const actions = mess.applied(model, nextMs);
    let offMs = 0;
    for (const name of ["brownOut", "flap", "slowConsumer"] as const) {
      const event = faults[name];
      if (!event) continue;
      const isDue = schedule.due(name, nextMs + intervalMs);
      if (!isDue && !random.chance(event.p)) continue;
      const forMs = durationMs(event.for);
      actions.push({ kind: name === "slowConsumer" ? "slow" : "cut", forMs });
      if (name !== "slowConsumer") actions.push(...mess.forget());
      if (name === "brownOut") offMs = forMs;
    }
    yield { atMs: nextMs, actions };
    nextMs += intervalMs;
    if (offMs === 0) continue;
    // Off: nothing is measured meanwhile, and then it starts from nothing.
    nextMs += offMs;
    if (nextMs < untilMs)
      yield { atMs: nextMs, actions: model.boot(nextMs).map((message) => ({ kind: "send", message })) };
  }
  const last = mess.flushed();
  if (last.length > 0) yield { atMs: untilMs, actions: last };
}

/** What the faults of single messages make of what the model has to say. */
class Mess {
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #model: Model;
  #sent: Outgoing[] = [];
  #held: Outgoing | undefined;

  constructor(faults: Faults, random: Random, model: Model) {
    this.#faults = faults;
    this.#random = random;
    this.#model = model;
  }

  applied(model: Model, nowMs: number): Action[] {
    const twist = twists.find((name) => this.#random.chance(this.#faults[name] ?? 0));
    // What is wrong on purpose is sent as it is, or its outcome would not be known.
    if (twist) return [...model.twisted!(twist, nowMs).map(send), ...this.flushed()];
    return model.tick(nowMs).flatMap((message) => this.#one(message));
  }

  #one(message: Outgoing): Action[] {
    const { loss = 0, duplicate = 0, reorder = 0, corrupt = 0, replay = 0 } = this.#faults;
    const random = this.#random;
    const isLost = random.chance(loss);
    const isCorrupt = random.chance(corrupt);
    const isHeld = random.chance(reorder);
    const copies = random.chance(duplicate) ? 2 : 1;
    const isReplayed = random.chance(replay);
    if (isLost) return [{ kind: "lose", message }];
    const sent = isCorrupt ? this.#model.corrupt!(message, random) : message;
    if (isHeld && !this.#held) {
      this.#held = sent;
      return [];
    }
    const actions = Array.from({ length: copies }, () => send(sent));
    actions.push(...this.flushed());
    if (isReplayed && this.#sent.length > 0) actions.push(send(this.#sent[random.below(this.#sent.length)]!));
    this.#sent.push(sent);
    if (this.#sent.length > remembered) this.#sent.shift();
    return actions;
  }

  /** The message that was to come later. */
  flushed(): Action[] {
    const held = this.#held;
    this.#held = undefined;
    return held ? [send(held)] : [];
  }

  /** Behind a new start, or on a port opened again, an old message counts as a new one; so none is repeated there. */
  forget(): Action[] {
    const held = this.#held;
    this.#held = undefined;
    this.#sent = [];
    return held ? [{ kind: "lose", message: held }] : [];
  }
}

function send(message: Outgoing): Action {
  return { kind: "send", message };
}

/** The `at` lists, each time once. */
function scheduledEvents(faults: Faults): { due(name: EventName, beforeMs: number): boolean } {
  const times = new Map<EventName, number[]>();
  for (const name of ["brownOut", "flap", "slowConsumer"] as const)
    times.set(
      name,
      (faults[name]?.at ?? []).map(durationMs).sort((a, b) => a - b),
    );
  return {
    due(name, beforeMs) {
      const left = times.get(name)!;
      if (left.length === 0 || left[0]! >= beforeMs) return false;
      while (left.length > 0 && left[0]! < beforeMs) left.shift();
      return true;
    },
  };
}
