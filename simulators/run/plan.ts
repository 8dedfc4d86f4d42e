/** A scenario, worked out: every device with its identity, its model and its script. */
import type { Transport } from "../../src/ingest/upload.ts";
import { deviceKeys } from "../keys.ts";
import { families } from "../models/families.ts";
import type { Family, Model } from "../models/model.ts";
import { unwelcome } from "../models/unwelcome.ts";
import { Random } from "../random.ts";
import { durationMs } from "../scenario/duration.ts";
import type { Group, Scenario } from "../scenario/schema.ts";
import { type Step, script } from "./script.ts";

export interface PlannedDevice {
  readonly id: string;
  readonly group: Group;
  readonly transport: Transport;
  readonly model: Model;
  readonly steps: Iterable<Step>;
}

export interface PlanOptions {
  /** What right clocks read when the run begins. */
  readonly startMs: number;
  /** Length of the run in simulated time. */
  readonly untilMs: number;
  /** The devices' keys are derived from it: a secret wherever somebody might care who they are. */
  readonly keySecret: string;
}

export function planDevices(scenario: Scenario, options: PlanOptions): PlannedDevice[] {
  return scenario.groups.flatMap((group) =>
    Array.from({ length: group.count }, (_, index) => planDevice(scenario, group, index, options)),
  );
}

export function transportOf({ family, transport }: Group): Transport {
  return transport ?? families[family].transports[0]!;
}

function planDevice(
  { seed }: Scenario,
  group: Group,
  index: number,
  { startMs, untilMs, keySecret }: PlanOptions,
): PlannedDevice {
  const family: Family = families[group.family];
  const transport = transportOf(group);
  const id = `${seed}-${group.name}-${index + 1}`;
  // The start is part of it: the same device says something else on another day.
  const random = new Random(`${seed}/${startMs}/${id}`);
  const { min, max } = group.faults?.clockSkew ?? { min: "0s", max: "0s" };
  const skewMs = random.between(signedMs(min), signedMs(max));
  const intervalMs = group.every === undefined ? family.intervalSeconds * 1000 : durationMs(group.every);
  const made = family.create({
    id,
    index,
    transport,
    intervalMs,
    random: random.fork("model"),
    keys: deviceKeys(keySecret, id),
    mac: Buffer.from(new Random(`${id}/mac`).bytes(6)).toString("hex"),
    epochMs: startMs + skewMs,
  });
  const model = group.revoked
    ? unwelcome(made, "DEVICE_REVOKED")
    : group.enrolled || !made.enrolment
      ? made
      : unwelcome(made, "UNKNOWN_DEVICE");
  const steps = script({ model, faults: group.faults ?? {}, random: random.fork("faults"), intervalMs, untilMs });
  return { id, group, transport, model, steps };
}

function signedMs(text: string): number {
  return text.startsWith("-") ? -durationMs(text.slice(1)) : durationMs(text);
}
