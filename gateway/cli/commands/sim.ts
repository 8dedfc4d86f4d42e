/**
 * `mycogate sim …`: simulated devices. They live in a process of their own and meet the gateway over the wire; what is
 * here finds the gateway and its token, and passes on what that process says.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { loadConfig } from "../../config/config.ts";
import { findEndpoint } from "../../config/endpoint.ts";
import { adminTokenFile, findAdminToken } from "../../config/identity.ts";
import { projectRoot } from "../../project-root.ts";
import { type BaseContext, type CommandContext, type CommandHandler, type ExitCode, UsageError } from "../context.ts";

/** What `simulators/main.ts` is asked; the folders share no code. */
type SimRequest = Readonly<Record<string, unknown>> & { readonly command: string };
interface SimComplaint {
  readonly message: string;
  readonly isMisuse: boolean;
}

export interface SimRunOptions {
  readonly gateway?: string;
  readonly tokenFile?: string;
  readonly start?: boolean;
  readonly serial?: string;
  readonly lorawan?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly seed?: string;
  readonly duration?: string;
  readonly speed?: string;
}

export const listScenarios: CommandHandler<object> = (context) => simulate(context, { command: "list" });

export const showScenario: CommandHandler<object> = (context) =>
  simulate(context, { command: "show", scenario: context.args[0]!, cwd: context.io.cwd });

export const runSimulation: CommandHandler<SimRunOptions> = (context) => {
  const { io, args, options } = context;
  const { seed, duration, speed, lorawan } = options;
  if (lorawan !== undefined && !/^\d{1,5}$/.test(lorawan)) throw new UsageError("--lorawan takes a port");
  if (options.start && options.gateway !== undefined) throw new UsageError("--start and --gateway exclude each other");
  return simulate(context, {
    command: "run",
    scenario: args[0]!,
    cwd: io.cwd,
    isTerminal: io.errIsTerminal,
    isEndless: false,
    serialPorts: options.serial?.split(",").map((path) => resolve(io.cwd, path)) ?? [],
    ...(lorawan !== undefined && { lorawanPort: Number(lorawan) }),
    overrides: {
      ...(seed !== undefined && { seed }),
      ...(duration !== undefined && { duration }),
      ...(speed !== undefined && { speed: Number(speed) }),
    },
    ...(!options.start && { gateway: runningGateway(context) }),
  });
};

export interface SimFleetOptions {
  readonly devices?: string;
  readonly every?: string;
  readonly duration?: string;
}

/** On loopback and a gateway of its own: no other one gets that many devices by a slip. */
export const runFleet: CommandHandler<SimFleetOptions> = (context) => {
  const { devices, every, duration } = context.options;
  return simulate(context, {
    command: "fleet",
    devices: Number(devices),
    every,
    duration,
    isTerminal: context.io.errIsTerminal,
  });
};

/** Address and token as given, else as the configuration and the data directory have them. */
function runningGateway({ io, options, sources }: CommandContext<SimRunOptions>): object {
  const config = loadConfig(sources);
  const url = options.gateway ?? findEndpoint(config);
  if (url === undefined)
    throw new GatewayError("GATEWAY_UNREACHABLE", `no gateway has left its address in ${config.data}`);
  const token = options.tokenFile === undefined ? findAdminToken(config) : secretIn(resolve(io.cwd, options.tokenFile));
  if (token === undefined)
    throw new GatewayError("UNAUTHENTICATED", `there is no token in ${adminTokenFile(config)} yet`);
  const { user, passwordFile } = options;
  if ((user === undefined) !== (passwordFile === undefined))
    throw new UsageError("--user and --password-file go together");
  const login = user !== undefined && { username: user, password: secretIn(resolve(io.cwd, passwordFile!)) };
  return { url, token, prefix: config.mqtt.prefix, trusted: config.ingest.trust, ...(login && { login }) };
}

function secretIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

async function simulate({ io, options }: BaseContext, request: SimRequest): Promise<ExitCode> {
  const child = fork(`${projectRoot}dist/simulators/main.js`, { stdio: ["ignore", "pipe", "pipe", "ipc"] });
  child.stdout!.setEncoding("utf8").on("data", io.out);
  child.stderr!.setEncoding("utf8").on("data", io.err);
  let complaint: SimComplaint | undefined;
  child.on("message", (message: SimComplaint) => {
    complaint = message;
  });
  // An interrupt reaches both processes; the simulators then account for what they sent.
  const wait = (): void => {};
  process.on("SIGINT", wait);
  child.send({ ...request, json: options.json === true, root: projectRoot });
  const [code] = await once(child, "close");
  process.off("SIGINT", wait);
  if (complaint?.isMisuse) throw new UsageError(complaint.message);
  if (complaint) throw new GatewayError("SIMULATION_FAILED", complaint.message);
  return code === 0 ? 0 : 1;
}
