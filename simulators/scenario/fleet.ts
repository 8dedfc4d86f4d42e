/** `sim fleet`: many devices of one kind in real time, for how a gateway bears them. */
import { parseScenario } from "./read-scenario.ts";
import type { Scenario } from "./schema.ts";

export interface FleetSize {
  readonly devices: number;
  /** Time between two messages of one device, as scenarios have it. */
  readonly every: string;
  readonly duration: string;
}

/** @throws ScenarioMistake */
export function fleetScenario({ devices, every, duration }: FleetSize): Scenario {
  const scenario = {
    name: "fleet",
    summary: "many devices in real time, over MQTT",
    seed: "fleet",
    duration,
    speed: 1,
    groups: [{ name: "board", family: "bme688", count: devices, every }],
  };
  // JSON is YAML, and what may be in a scenario is said in one place.
  return parseScenario(JSON.stringify(scenario, undefined, 1), "sim fleet");
}
