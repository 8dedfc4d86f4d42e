/** `mycogate run`: the life of the process around the gateway. */
import { type ChildProcess, fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import pino, { type Logger } from "pino";
import { PinoPretty } from "pino-pretty";
import type { Config } from "./config/config.ts";
import { adminTokenFile } from "./config/identity.ts";
import { type Gateway, startGateway } from "./main.ts";
import { projectRoot } from "./project-root.ts";
import { version } from "./version.ts";

/** How long a clean stop may take before the process ends anyway; the journal is sound either way. */
const stopPatienceMs = 20_000;

/**
 * How much the heap of a thread may grow, in per cent of what is in use, before it is collected as a whole. By itself V8
 * lets it grow to several times that where objects come and go quickly: tens of MiB that serve nothing.
 */
export const heapGrowing = "--heap-growing-percent=100";

/** Resolves when the gateway was told to stop and has. @throws GatewayError when it could not start or had to give up */
export async function runGateway(config: Config, { demo }: { demo: boolean }): Promise<void> {
  setFlagsFromString(heapGrowing);
  const log = createLogger(config);
  const failure = new EventEmitter<{ fatal: [Error] }>();
  // A rejection that nobody awaits yet must not end the process before the journal is closed.
  const failed = once(failure, "fatal").then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  const gateway = await startGateway(config, log, (error) => failure.emit("fatal", error));
  printBanner(config, gateway);
  const fleet = demo ? startDemo(config, gateway, log) : undefined;
  const signal = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  try {
    await Promise.race([signal, failed]);
    log.info("stopping");
  } finally {
    fleet?.kill("SIGKILL");
    await stopInTime(gateway, log);
  }
}

async function stopInTime(gateway: Gateway, log: Logger): Promise<void> {
  const stopped = gateway.stop().then(() => true);
  if (await Promise.race([stopped, sleep(stopPatienceMs, false, { ref: false })])) return;
  log.warn({ seconds: stopPatienceMs / 1000 }, "a part of the gateway does not stop: the process ends without it");
  // With the exit code that whoever waits for the gateway has set by then.
  setImmediate(() => process.exit());
}

function createLogger({ log: { level, pretty = process.stdout.isTTY } }: Config): Logger {
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  return pretty ? pino(options, PinoPretty({ translateTime: "SYS:HH:MM:ss.l", sync: true })) : pino(options);
}

function printBanner(config: Config, { identity, listeners }: Gateway): void {
  const http = listeners.find(({ name }) => name === "http")!.url;
  const rows = [
    ...listeners.map(({ name, url }) => [name, url]),
    ["API page", `${http}/api/docs`],
    ["data", config.data],
    ["admin token", config.adminToken === undefined ? adminTokenFile(config) : "as configured"],
  ];
  const lines = rows.map(([name, value]) => `  ${name!.padEnd(12)} ${value}`);
  process.stdout.write(`\nMycogate ${version}, gateway ${identity.gatewayId}\n${lines.join("\n")}\n\n`);
}

/** A few simulated devices, in a process of their own, over the wire like any others. */
function startDemo(config: Config, { listeners, adminToken }: Gateway, log: Logger): ChildProcess {
  const url = (name: string): string => listeners.find((listener) => listener.name === name)!.url;
  const fleet = fork(`${projectRoot}dist/simulators/main.js`, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  fleet.send({
    command: "run",
    scenario: "demo",
    root: projectRoot,
    cwd: projectRoot,
    json: true,
    isTerminal: false,
    isEndless: true,
    gateway: { url: url("http"), token: adminToken, prefix: config.mqtt.prefix, trusted: config.ingest.trust },
    serialPorts: [],
    overrides: {},
  });
  fleet.on("message", ({ message }: { message: string }) => log.warn({ complaint: message }, "the demo fleet gave up"));
  process.stdout.write(
    `  A demo fleet of four devices reports every two seconds. See them:\n  curl -s -H "Authorization: Bearer $(cat ${adminTokenFile(config)})" '${url("http")}/api/v1/readings?limit=5'\n\n`,
  );
  return fleet;
}
