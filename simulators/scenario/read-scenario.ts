/** Scenario files: found by name or path, checked, every mistake named at its line. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { withDefaults } from "../../src/schema/defaults.ts";
import { didYouMean } from "../../src/schema/did-you-mean.ts";
import { type SchemaView, schemaProblems } from "../../src/schema/problems.ts";
import { readYaml } from "../../src/schema/yaml-text.ts";
import { families } from "../models/families.ts";
import type { Family, FamilyFault, Twist } from "../models/model.ts";
import { type Faults, type Group, type Scenario, scenarioSchema } from "./schema.ts";

/** The file cannot be used; `message` has a line for each mistake, with its place. */
export class ScenarioMistake extends Error {}

/** The twists, and damage: what a model itself must know how to do. */
const familyFaults: readonly FamilyFault[] = ["corrupt", "wrongKey", "conflict", "brokenLine"] satisfies (
  | Twist
  | "corrupt"
)[];

/** The scenarios that come with the package. @param folder where they are */
export function shippedScenarios(folder: string): Scenario[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => parseScenario(readFileSync(join(folder, name), "utf8"), name));
}

/**
 * The text and name of a scenario's file.
 * @param nameOrFile of one that comes with the package, or a path @throws ScenarioMistake where there is none
 */
export function findScenario(nameOrFile: string, folder: string, cwd: string): { text: string; file: string } {
  const isPath = /[/\\]|\.ya?ml$/.test(nameOrFile);
  const file = isPath ? resolve(cwd, nameOrFile) : join(folder, `${nameOrFile}.yaml`);
  if (existsSync(file)) return { text: readFileSync(file, "utf8"), file };
  if (isPath) throw new ScenarioMistake(`there is no file ${file}`);
  const names = readdirSync(folder).map((name) => name.replace(/\.yaml$/, ""));
  throw new ScenarioMistake(
    `there is no scenario ${nameOrFile}${didYouMean(nameOrFile, names)}: there are ${names.sort().join(", ")}, and files of your own`,
  );
}

/** @param overrides in the place of what the text says @throws ScenarioMistake */
export function parseScenario(text: string, file: string, overrides: Partial<Scenario> = {}): Scenario {
  const yaml = readYaml(text, file, "scenario settings");
  const mistakes = yaml.mistakes.map(({ where, message }) => `${where} ${message}`);
  if (mistakes.length === 0) {
    const scenario = withDefaults(scenarioSchema as SchemaView, { ...yaml.values, ...overrides }) as Scenario;
    let problems = schemaProblems(scenarioSchema, scenario);
    if (problems.length === 0) problems = senseProblems(scenario);
    mistakes.push(...problems.map(({ path, message }) => `${yaml.where(path)} ${path.join(".")} ${message}`));
    if (mistakes.length === 0) return scenario;
  }
  throw new ScenarioMistake(mistakes.join("\n"));
}

/** What the shape alone does not say. */
function senseProblems({ groups, commands }: Scenario): { path: string[]; message: string }[] {
  const names = groups.map(({ name }) => name);
  const lost = commands.flatMap(({ group }, index) => {
    const message = `is no group${didYouMean(group, names)}`;
    return names.includes(group) ? [] : [{ path: ["commands", String(index), "group"], message }];
  });
  const unfitting = groups.flatMap((group, index) => {
    const path = ["groups", String(index)];
    const family: Family = families[group.family];
    const problems: { path: string[]; message: string }[] = [];
    if (names.indexOf(group.name) !== index)
      problems.push({ path: [...path, "name"], message: "is the name of another group" });
    if (group.transport && !family.transports.includes(group.transport))
      problems.push({
        path: [...path, "transport"],
        message: `is nothing that ${group.family} speaks over: ${family.transports.join(", ")}`,
      });
    for (const fault of Object.keys(group.faults ?? {}) as (keyof Faults)[]) {
      const reason = unfit(fault, group, family);
      if (reason) problems.push({ path: [...path, "faults", fault], message: reason });
    }
    return problems;
  });
  return [...unfitting, ...lost];
}

function unfit(fault: keyof Faults, { family: name, transport }: Group, family: Family): string | undefined {
  if (familyFaults.includes(fault as FamilyFault) && !family.faults.includes(fault as FamilyFault))
    return `does not happen to ${name}, only ${family.faults.join(", ")}`;
  const over = transport ?? family.transports[0]!;
  const isMqtt = over === "mqtt" || over === "mqtts" || over === "ws";
  if (fault === "slowConsumer" && !isMqtt) return `needs MQTT, and ${name} speaks over ${over}`;
  if (fault === "flap" && !isMqtt && over !== "serial" && over !== "fci")
    return `needs a connection, and ${over} has none`;
  return undefined;
}
