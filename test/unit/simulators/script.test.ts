/** Device scripts: the same seed and start give the same bytes, and faults do what they are called. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";
import { families } from "../../../simulators/models/families.ts";
import type { Outgoing } from "../../../simulators/models/model.ts";
import { planDevices } from "../../../simulators/run/plan.ts";
import type { Action } from "../../../simulators/run/script.ts";
import { parseScenario, shippedScenarios } from "../../../simulators/scenario/read-scenario.ts";
import type { Scenario } from "../../../simulators/scenario/schema.ts";
import { parseEnvelope } from "../../../src/codec/envelope.ts";

const startMs = Date.parse("2026-06-01T06:00:00Z");

function actionsOf(scenario: Scenario, options = { startMs, untilMs: 20 * 60_000, keySecret: "k" }): Action[] {
  return planDevices(scenario, options).flatMap(({ steps }) => [...steps].flatMap(({ actions }) => actions));
}

function sentBy(actions: readonly Action[]): Outgoing[] {
  return actions.flatMap((action) => (action.kind === "send" ? [action.message] : []));
}

function digest(scenario: Scenario, options?: Parameters<typeof actionsOf>[1]): string {
  const hash = createHash("sha256");
  for (const action of actionsOf(scenario, options)) {
    hash.update(action.kind);
    if ("message" in action) hash.update(action.message.bytes);
  }
  return hash.digest("hex");
}

function oneGroup(rest: string, family = "bme688"): Scenario {
  return parseScenario(
    `name: t\nsummary: t\ngroups:\n  - { name: g, family: ${family}, every: 10s, ${rest} }\n`,
    "t.yaml",
  );
}

describe("a seed", () => {
  const scenarios = shippedScenarios(`${projectRoot}simulators/scenarios`);

  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s gives the same bytes again",
    (_, scenario) => {
      expect(digest(scenario)).toBe(digest(scenario));
    },
  );

  test.each(Object.keys(families))("%s sends something else under another seed, and at another start", (family) => {
    const scenario = oneGroup("count: 1", family);
    const first = digest(scenario);
    expect(digest({ ...scenario, seed: "other" })).not.toBe(first);
    expect(digest(scenario, { startMs: startMs + 1, untilMs: 20 * 60_000, keySecret: "k" })).not.toBe(first);
  });
});

describe("faults", () => {
  test("loss keeps messages back, and the rest is sent", () => {
    const actions = actionsOf(oneGroup("faults: { loss: 0.5 }"));
    const lost = actions.filter(({ kind }) => kind === "lose").length;
    expect(lost).toBeGreaterThan(20);
    expect(lost + sentBy(actions).length).toBe(120);
  });

  test("a duplicate is the same message again", () => {
    const sent = sentBy(actionsOf(oneGroup("faults: { duplicate: 1 }")));
    expect(sent).toHaveLength(240);
    expect(new Set(sent).size).toBe(120);
  });

  test("reordering swaps neighbours and loses nothing", () => {
    const sent = sentBy(actionsOf(oneGroup("faults: { reorder: 0.3 }")));
    const seqs = sent.map(({ bytes }) => {
      const parsed = parseEnvelope(bytes);
      return parsed.ok ? Number(parsed.value.seq) : Number.NaN;
    });
    expect([...seqs].sort((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
    expect(seqs).not.toEqual([...seqs].sort((a, b) => a - b));
  });

  test("a brown-out is silence, and the clock of the board starts again", () => {
    const [device] = planDevices(oneGroup("faults: { brownOut: { at: [5m], for: 3m } }"), {
      startMs,
      untilMs: 1_200_000,
      keySecret: "k",
    });
    const steps = [...device!.steps];
    const gaps = steps.slice(1).map(({ atMs }, index) => atMs - steps[index]!.atMs);
    expect(Math.max(...gaps)).toBeGreaterThanOrEqual(180_000);
    const monos = sentBy(steps.flatMap(({ actions }) => actions)).map(({ bytes }) => {
      const parsed = parseEnvelope(bytes);
      return parsed.ok ? Number(parsed.value.monoMs) : Number.NaN;
    });
    expect(monos.filter((mono) => mono === 0).length).toBe(2);
  });

  test("strangers expect to be strangers, whatever else goes wrong", () => {
    const outcomes = new Set(
      sentBy(
        actionsOf(oneGroup("enrolled: false, faults: { corrupt: 0.3, wrongKey: 0.2, conflict: 0.2, duplicate: 0.2 }")),
      ).flatMap(({ expect, again }) => [...expect, ...again]),
    );
    expect([...outcomes].sort()).toEqual([
      "quarantined HASH_MISMATCH",
      "quarantined NOT_WELL_FORMED",
      "quarantined UNKNOWN_DEVICE",
    ]);
  });
});
