/** `sim run --start`: a gateway of our own, in a scratch folder and on free ports, for one run. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Transport } from "../../src/ingest/upload.ts";
import { NetworkServer } from "../links/network-server.ts";
import type { Scenario } from "../scenario/schema.ts";
import { GatewayRefusal, HttpGateway } from "./gateway-api.ts";
import { type Offer, offerOf } from "./offer.ts";
import { transportOf } from "./plan.ts";

const prefix = "mycobrain";
/** Wherever boards do not sign. */
const trusted = ["serial", "udp", "mavlink", "fci"];
const startPatienceMs = 60_000;

export class PrivateGateway {
  readonly api: HttpGateway;
  readonly offer: Offer;
  readonly #networkServer: NetworkServer;
  readonly #dir: string;
  readonly #child: ChildProcess;

  private constructor(
    api: HttpGateway,
    offer: Offer,
    { dir, child, networkServer }: { dir: string; child: ChildProcess; networkServer: NetworkServer },
  ) {
    this.api = api;
    this.offer = offer;
    this.#networkServer = networkServer;
    this.#dir = dir;
    this.#child = child;
  }

  /** With all that the scenario's devices need. @param root of the package @throws GatewayRefusal with its last words */
  static async start(root: string, scenario: Scenario): Promise<PrivateGateway> {
    const dir = mkdtempSync(join(tmpdir(), "mycogate-sim-"));
    const serialPorts = Array.from({ length: devicesOver(scenario, "serial") }, (_, index) =>
      join(dir, `port-${index + 1}`),
    );
    const networkServer = await NetworkServer.listen(0);
    const token = randomBytes(24).toString("hex");
    const data = join(dir, "data");
    const child = spawn(process.execPath, [join(root, "bin", "mycogate.mjs"), "run"], {
      cwd: dir,
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...process.env,
        MYCOGATE_DATA: data,
        MYCOGATE_ADMIN_TOKEN: token,
        MYCOGATE_HTTP_PORT: "0",
        MYCOGATE_MQTT_PORT: "0",
        MYCOGATE_MQTT_WS_PORT: "0",
        MYCOGATE_MQTT_PREFIX: prefix,
        MYCOGATE_SERIAL_PORTS: serialPorts.join(","),
        MYCOGATE_SERIAL_RECONNECT_MAX_MS: "250",
        MYCOGATE_UDP_PORT: "0",
        MYCOGATE_MAVLINK_PORT: "0",
        MYCOGATE_FCI_PORT: "0",
        MYCOGATE_LORAWAN_SERVERS: JSON.stringify([{ name: "sim", kind: "chirpstack", url: networkServer.url }]),
        MYCOGATE_LORAWAN_RECONNECT_MS: "250",
        MYCOGATE_MAVLINK_SNAPSHOT_MS: "100",
        MYCOGATE_INGEST_TRUST: trusted.join(","),
        MYCOGATE_LOG_LEVEL: "error",
        ...certificate(dir),
      },
    });
    let words = "";
    child.stderr!.setEncoding("utf8").on("data", (text) => (words += text));
    try {
      const api = new HttpGateway(await address(data, child, () => words), token);
      const offer = { ...offerOf(await api.listeners(), prefix), serialPorts, networkServer, trusted };
      return new PrivateGateway(api, offer, { dir, child, networkServer });
    } catch (error) {
      child.kill("SIGKILL");
      await networkServer.close();
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const gone = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await gone;
    }
    await this.#networkServer.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function devicesOver({ groups }: Scenario, transport: Transport): number {
  return groups.reduce((sum, group) => sum + (transportOf(group) === transport ? group.count : 0), 0);
}

/** Node can make no certificate, openssl can; without it there is no TLS listener. */
function certificate(dir: string): Record<string, string> {
  const [cert, key] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  const { status } = spawnSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"].concat([
      "-subj",
      "/CN=localhost",
      "-keyout",
      key,
      "-out",
      cert,
    ]),
    { stdio: "ignore" },
  );
  if (status !== 0) return {};
  return { MYCOGATE_MQTT_TLS_PORT: "0", MYCOGATE_MQTT_TLS_CERT: cert, MYCOGATE_MQTT_TLS_KEY: key };
}

/** The API's address, which the gateway leaves in its data directory once it takes uploads. */
async function address(data: string, child: ChildProcess, words: () => string): Promise<string> {
  const file = join(data, "http-url");
  for (const started = performance.now(); performance.now() - started < startPatienceMs; ) {
    if (child.exitCode !== null) throw new GatewayRefusal(`the gateway ended with ${child.exitCode}: ${words()}`);
    if (existsSync(file)) return readFileSync(file, "utf8").trim();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new GatewayRefusal("the gateway did not start within a minute");
}
