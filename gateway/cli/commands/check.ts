/** `mycogate check`: look for whatever would keep the gateway from running well, before it runs or while it does. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { createServer, isIPv6 } from "node:net";
import { dirname, join } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { keyRoles } from "../../../src/ledger/key-events.ts";
import { readConfig } from "../../config/config.ts";
import { findEndpoint } from "../../config/endpoint.ts";
import { adminTokenFile, findIdentity } from "../../config/identity.ts";
import { keyPlace } from "../../config/key-place.ts";
import { problemLine } from "../../config/problem.ts";
import type { Config } from "../../config/schema.ts";
import { announcedKeysIn } from "../../journal/key-history.ts";
import { openSigningKeys } from "../../journal/signing-keys.ts";
import { isLoopback, listenAddresses } from "../../transports/mqtt/config.ts";
import { portAddress } from "../../transports/serial/config.ts";
import { type CommandHandler, type CommonOptions, print } from "../context.ts";
import { table } from "../table.ts";

interface Finding {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
}

const leastFreeBytes = 256 * 1_048_576;
const fewFreeBytes = 2_048 * 1_048_576;
const certificateWarningDays = 30;

export const check: CommandHandler<CommonOptions> = async (context) => {
  const { config, problems, file } = readConfig(context.sources);
  const findings = config
    ? [ok("configuration", file ?? "defaults and environment"), ...(await lookAt(config))]
    : problems.map((problem) => fail("configuration", problemLine(problem)));
  const rows = findings.map(({ check, status, detail }) => [status.toUpperCase(), check, detail]);
  print(context, findings, table(["STATUS", "CHECK", "DETAIL"], rows));
  return findings.some(({ status }) => status === "fail") ? 1 : 0;
};

async function lookAt(config: Config): Promise<Finding[]> {
  const isRunning = await gatewayAnswers(config);
  return [
    dataDirectory(config.data),
    diskSpace(config.data),
    ...(await ports(config, isRunning)),
    ...adminToken(config),
    ...(await signingKeys(config)),
    ...tlsKeys(config),
    ...serialPorts(config),
    ...trust(config),
  ];
}

/** As the start will find them. */
async function signingKeys(config: Config): Promise<Finding[]> {
  const identity = findIdentity(config);
  if (identity === undefined || !existsSync(join(config.data, "keys"))) return [];
  const ledgerDir = join(config.data, "ledger");
  const place = keyPlace(config, identity.ledgerOrigin);
  try {
    const history = await announcedKeysIn(ledgerDir);
    const keys = await openSigningKeys({ ...place, history, ledgerDir, nowUs: () => 0, make: false });
    await keys.close();
    const replaced = keyRoles.filter((role) => keys.roles[role].old !== undefined);
    if (replaced.length === 0) return [ok("signing keys", "all there, and nobody else's to read")];
    return [warn("signing keys", `${replaced.join(", ")} replaced, the key before is not retired yet`)];
  } catch (error) {
    if (error instanceof GatewayError) return [fail("signing keys", `${error.message}; ${error.hint}`)];
    throw error;
  }
}

function dataDirectory(folder: string): Finding {
  const existing = nearestExisting(folder);
  try {
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return fail("data directory", `${existing} is not writable`);
  }
  return ok("data directory", existing === folder ? folder : `${folder} will be made at the first start`);
}

function diskSpace(folder: string): Finding {
  const { bavail, bsize } = statfsSync(nearestExisting(folder));
  const freeBytes = bavail * bsize;
  const detail = `${(freeBytes / 1e9).toFixed(1)} GB free`;
  if (freeBytes < leastFreeBytes) return fail("disk space", detail);
  return freeBytes < fewFreeBytes ? warn("disk space", detail) : ok("disk space", detail);
}

async function ports(config: Config, isRunning: boolean): Promise<Finding[]> {
  const listeners: { name: string; host: string; port: number; isDatagram?: boolean }[] = [
    { name: "HTTP", host: config.http.host, port: config.http.port },
    ...(typeof config.fci.port === "number" ? [{ name: "FCI", host: config.fci.host, port: config.fci.port }] : []),
    ...listenAddresses(config.mqtt).map(({ name, host, port }) => ({ name: `MQTT ${name}`, host, port })),
    ...datagramPorts(config).flatMap(({ name, host, port }) =>
      typeof port === "number" ? [{ name, host, port, isDatagram: true }] : [],
    ),
  ];
  return Promise.all(
    listeners.map(async ({ name, host, port, isDatagram }) => {
      const error = await (isDatagram ? bindError(host, port) : listenError(host, port));
      const where = `${host}:${port}`;
      if (error === undefined) return ok(`port ${name}`, port === 0 ? `any free one of ${host}` : `${where} is free`);
      if (isRunning && error === "EADDRINUSE") return ok(`port ${name}`, `${where} is held by the running gateway`);
      return fail(`port ${name}`, `${where}: ${error}`);
    }),
  );
}

/** Listening is the one sure way to learn whether one can. */
function listenError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function bindError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

function datagramPorts({
  udp,
  mavlink,
}: Config): readonly { name: string; host: string; port: number | "off" | null }[] {
  return [
    { name: "UDP", ...udp },
    { name: "MAVLink", ...mavlink },
  ];
}

/** Whether it is our own gateway that holds the ports. */
async function gatewayAnswers(config: Config): Promise<boolean> {
  const url = findEndpoint(config);
  const identity = findIdentity(config);
  if (url === undefined || identity === undefined) return false;
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return ((await response.json()) as { gatewayId?: string }).gatewayId === identity.gatewayId;
  } catch {
    return false; // Nobody there, or somebody who is not a gateway.
  }
}

function adminToken(config: Config): Finding[] {
  const file = adminTokenFile(config);
  if (config.adminToken !== undefined) return [ok("admin token", "from the configuration")];
  if (!existsSync(file)) return [ok("admin token", "will be made at the first start")];
  const mode = statSync(file).mode & 0o777;
  const isPrivate = process.platform === "win32" || (mode & 0o077) === 0;
  return [isPrivate ? ok("admin token", file) : warn("admin token", `${file} is readable by others: chmod 600`)];
}

function tlsKeys({ mqtt: { tls } }: Config): Finding[] {
  if (tls.cert === undefined || tls.key === undefined) return [];
  try {
    const certificate = new X509Certificate(readFileSync(tls.cert));
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(tls.key)))) {
      return [fail("MQTT certificate", `${tls.key} is not the key of ${tls.cert}`)];
    }
    const daysLeft = Math.floor((Date.parse(certificate.validTo) - Date.now()) / 86_400_000);
    const detail = `${tls.cert} is valid until ${certificate.validTo}`;
    if (daysLeft < 0) return [fail("MQTT certificate", `${tls.cert} ran out on ${certificate.validTo}`)];
    return [daysLeft < certificateWarningDays ? warn("MQTT certificate", detail) : ok("MQTT certificate", detail)];
  } catch (error) {
    return [fail("MQTT certificate", (error as Error).message)];
  }
}

/** A missing board may be plugged in later; one that may not be opened stays unreadable. */
function serialPorts({ serial }: Config): Finding[] {
  return serial.ports.map((text) => {
    let path: string;
    try {
      ({ path } = portAddress(text, serial.baud));
    } catch (error) {
      return fail("serial port", (error as GatewayError).message);
    }
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return ok("serial port", path);
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      return isMissing
        ? warn("serial port", `${path} is not there`)
        : fail("serial port", `${path} may not be opened by this user`);
    }
  });
}

/** Datagrams say nothing of their sender that could not be made up. */
function trust({ ingest, udp }: Config): Finding[] {
  if (udp.port === "off" || !ingest.trust.includes("udp") || isLoopback(udp.host)) return [];
  return [warn("trust", `ingest.trust has udp, and anybody who reaches ${udp.host} can be any unsigned board there`)];
}

function nearestExisting(folder: string): string {
  return existsSync(folder) ? folder : nearestExisting(dirname(folder));
}

const ok = (check: string, detail: string): Finding => ({ check, status: "ok", detail });
const warn = (check: string, detail: string): Finding => ({ check, status: "warn", detail });
const fail = (check: string, detail: string): Finding => ({ check, status: "fail", detail });
