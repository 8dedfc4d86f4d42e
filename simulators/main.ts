/**
 * The simulators' process: `mycogate sim …` forks it, so that devices are never part of the gateway. What it is to do
 * comes as one message; results go to stdout, progress to stderr, and a complaint goes back as one message.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NetworkServer } from "./links/network-server.ts";
import { HttpGateway } from "./run/gateway-api.ts";
import { type Login, type Offer, offerOf } from "./run/offer.ts";
import { PrivateGateway } from "./run/private-gateway.ts";
import { ProgressLine } from "./run/progress.ts";
import { reportText } from "./run/report-text.ts";
import { type Report, runScenario } from "./run/run-scenario.ts";
import { type FleetSize, fleetScenario } from "./scenario/fleet.ts";
import { findScenario, parseScenario, ScenarioMistake, shippedScenarios } from "./scenario/read-scenario.ts";
import type { Scenario } from "./scenario/schema.ts";

/** Parent → simulators. */
export type SimRequest = { readonly json: boolean; readonly root: string } & (
  | { readonly command: "list" }
  | { readonly command: "show"; readonly scenario: string; readonly cwd: string }
  | RunRequest
  | ({ readonly command: "fleet"; readonly isTerminal: boolean } & FleetSize)
);

export interface RunRequest {
  readonly command: "run";
  /** Of one that comes with the package, or a path. */
  readonly scenario: string;
  readonly cwd: string;
  readonly isTerminal: boolean;
  /** Devices that live until the process is ended: no progress, no accounts. */
  readonly isEndless: boolean;
  /** The running gateway; without one a gateway is started for this run. */
  readonly gateway?: {
    readonly url: string;
    readonly token: string;
    readonly prefix: string;
    /** Over which it takes what is not signed. */
    readonly trusted: readonly string[];
    /** For MQTT, where it lets nobody in without. */
    readonly login?: Login;
  };
  /** Where that gateway looks for boards. */
  readonly serialPorts: readonly string[];
  /** Where that gateway looks for a LoRaWAN network server, on loopback. */
  readonly lorawanPort?: number;
  /** In the place of what the scenario says. */
  readonly overrides: Partial<Pick<Scenario, "seed" | "duration" | "speed">>;
}

type Surroundings = Pick<RunRequest, "isTerminal" | "isEndless" | "gateway" | "serialPorts" | "lorawanPort">;

/** Simulators → parent. */
export interface SimComplaint {
  readonly message: string;
  /** The command was given something it cannot use. */
  readonly isMisuse: boolean;
}

const interrupted = new AbortController();
process.on("SIGINT", () => interrupted.abort());
process.on("SIGTERM", () => interrupted.abort());
process.on("disconnect", () => process.exit(1));

process.once("message", (request: SimRequest) => {
  answer(request).then(end, (error: Error) => {
    const complaint: SimComplaint = { message: error.message, isMisuse: error instanceof ScenarioMistake };
    process.send!(complaint, () => end(complaint.isMisuse ? 2 : 1));
  });
});

/** What is still buffered on its way to the parent goes out first. */
function end(code: number): void {
  process.stdout.write("", () => process.exit(code));
}

/** @returns the exit code */
async function answer(request: SimRequest): Promise<number> {
  const folder = join(request.root, "simulators", "scenarios");
  switch (request.command) {
    case "list": {
      const scenarios = shippedScenarios(folder);
      const rows = scenarios.map(({ name, summary }) => ({ name, summary }));
      print(request.json ? JSON.stringify(rows, undefined, 2) : rows.map(listLine).join("\n"));
      return 0;
    }
    case "show": {
      const { text, file } = findScenario(request.scenario, folder, request.cwd);
      const scenario = parseScenario(text, file);
      print(request.json ? JSON.stringify(scenario, undefined, 2) : readFileSync(file, "utf8").trimEnd());
      return 0;
    }
    case "run": {
      const { text, file } = findScenario(request.scenario, folder, request.cwd);
      const report = await run(request, parseScenario(text, file, request.overrides), request.root);
      print(request.json ? JSON.stringify(report, undefined, 2) : reportText(report));
      return report.passed ? 0 : 1;
    }
    case "fleet": {
      const onOwn = { isEndless: false, serialPorts: [] };
      const report = await run({ ...request, ...onOwn }, fleetScenario(request), request.root);
      print(request.json ? JSON.stringify(report, undefined, 2) : reportText(report));
      return report.passed ? 0 : 1;
    }
  }
}

async function run(request: Surroundings, scenario: Scenario, root: string): Promise<Report> {
  const progress = new ProgressLine(scenario.name, request.isTerminal);
  const { gateway, serialPorts, lorawanPort, isEndless } = request;
  const signal = interrupted.signal;
  const onProgress = isEndless ? () => {} : progress.show;
  const networkServer = gateway && lorawanPort !== undefined ? await NetworkServer.listen(lorawanPort) : undefined;
  try {
    if (gateway) {
      const api = new HttpGateway(gateway.url, gateway.token);
      const offer: Offer = {
        ...offerOf(await api.listeners(), gateway.prefix),
        serialPorts,
        networkServer,
        login: gateway.login,
        trusted: gateway.trusted,
      };
      // Whoever has the token may enrol devices anyway; for everyone else their keys stay secret.
      const keySecret = gateway.token;
      return await runScenario({ scenario, api, offer, keySecret, isPrivate: false, isEndless, onProgress, signal });
    }
    progress.say("starting a gateway");
    const own = await PrivateGateway.start(root, scenario);
    try {
      const { api, offer } = own;
      return await runScenario({ scenario, api, offer, keySecret: scenario.seed, isPrivate: true, onProgress, signal });
    } finally {
      await own.stop();
    }
  } finally {
    await networkServer?.close();
    progress.clear();
  }
}

function listLine({ name, summary }: { name: string; summary: string }): string {
  return `${name.padEnd(16)} ${summary}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
