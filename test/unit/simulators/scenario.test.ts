/** Scenario files: what ships is sound, and mistakes are named at their line. */
import { expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";
import { fleetScenario } from "../../../simulators/scenario/fleet.ts";
import {
  findScenario,
  parseScenario,
  ScenarioMistake,
  shippedScenarios,
} from "../../../simulators/scenario/read-scenario.ts";

const folder = `${projectRoot}simulators/scenarios`;
const minimal = "name: mine\nsummary: mine\ngroups:\n  - name: a\n    family: bme688\n";

test("every scenario that ships is sound and named like its file", () => {
  const scenarios = shippedScenarios(folder);
  expect(scenarios.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["bad-weather", "demo", "field-day", "reboot-storm"]),
  );
  for (const { name } of scenarios) expect(findScenario(name, folder, "/").file).toBe(`${folder}/${name}.yaml`);
});

test("a minimal scenario gets its defaults", () => {
  expect(parseScenario(minimal, "mine.yaml")).toMatchObject({
    seed: "sim",
    speed: 60,
    assertions: [],
    groups: [{ count: 1, enrolled: true, revoked: false }],
  });
});

function mistakesIn(text: string): string {
  try {
    parseScenario(text, "mine.yaml");
  } catch (error) {
    expect(error).toBeInstanceOf(ScenarioMistake);
    return (error as Error).message;
  }
  throw new Error("no mistake was found");
}

test.each([
  [
    "an unknown key",
    `${minimal}    cuont: 3\n`,
    /^mine.yaml:6:5 groups\.0\.cuont is unknown \(did you mean "count"\?\)$/,
  ],
  ["an unknown family", minimal.replace("bme688", "bme68"), /mine.yaml:5:5 .*did you mean "bme688"/],
  [
    "a transport of another family",
    `${minimal}    transport: mavlink\n`,
    /mine.yaml:6:5 .*nothing that bme688 speaks over/,
  ],
  [
    "a fault of another family",
    `${minimal}    faults: { brokenLine: 0.1 }\n`,
    /mine.yaml:6:15 .*does not happen to bme688/,
  ],
  ["a misspelt fault", `${minimal}    faults: { los: 0.1 }\n`, /did you mean "loss"/],
  [
    "a probability above 1",
    `${minimal}    faults: { loss: 2 }\n`,
    /mine.yaml:6:15 groups\.0\.faults\.loss must be <= 1/,
  ],
  ["a duration without a unit", `duration: "10"\n${minimal}`, /mine.yaml:1:1 duration does not fit: How long/],
  ["two groups of one name", `${minimal}  - name: a\n    family: sporebase\n`, /mine.yaml:6:5 .*name of another group/],
  ["no groups", "name: mine\nsummary: mine\n", /groups is missing/],
  ["a file that is no map", "- 1\n", /must hold a map/],
  ["broken YAML", "name: [\n", /mine.yaml:2:1/],
])("%s is named at its place", (_what, text, expected) => {
  expect(mistakesIn(text)).toMatch(expected);
});

test("a fleet of a size that cannot be is refused as a scenario would be", () => {
  expect(fleetScenario({ devices: 5000, every: "10s", duration: "30s" }).groups[0]!.count).toBe(5000);
  expect(() => fleetScenario({ devices: 0, every: "10s", duration: "30s" })).toThrow(/groups\.0\.count must be >= 1/);
  expect(() => fleetScenario({ devices: Number.NaN, every: "10", duration: "30s" })).toThrow(ScenarioMistake);
});

test("a name that is nearly one of ours is answered with that", () => {
  expect(() => findScenario("bad-wether", folder, "/")).toThrow(/did you mean "bad-weather"/);
});
