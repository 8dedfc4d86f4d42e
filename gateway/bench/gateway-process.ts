/** A whole gateway in a process of its own, with its embedded database, as `mycogate run` starts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stats } from "../http/services.ts";
import { projectRoot } from "../project-root.ts";

const token = "bench-token-bench-token";

export class GatewayProcess {
  readonly mqttPort: number;
  readonly httpPort: number;
  /** Its settings, for commands that are to find it. */
  readonly env: Record<string, string>;
  readonly pid: number;
  /** From spawn until /readyz said so. */
  readonly secondsToReady: number;
  readonly #child: ChildProcess;
  readonly #stderr: () => string;
  readonly #api: string;

  private constructor(child: ChildProcess, stderr: () => string, env: Record<string, string>, secondsToReady: number) {
    this.#child = child;
    this.#stderr = stderr;
    this.env = env;
    this.mqttPort = Number(env.MYCOGATE_MQTT_PORT);
    this.httpPort = Number(env.MYCOGATE_HTTP_PORT);
    this.pid = child.pid!;
    this.#api = `http://127.0.0.1:${this.httpPort}`;
    this.secondsToReady = secondsToReady;
  }

  /** @param env settings besides the data directory and free ports @throws Error with its stderr when it ends before it is ready */
  static async start(dataDir: string, env: Record<string, string> = {}): Promise<GatewayProcess> {
    const [mqttPort, httpPort] = await Promise.all([freePort(), freePort()]);
    mkdirSync(dataDir, { recursive: true });
    const started = performance.now();
    const settings = {
      MYCOGATE_DATA: dataDir,
      MYCOGATE_ADMIN_TOKEN: token,
      MYCOGATE_MQTT_PORT: String(mqttPort),
      MYCOGATE_MQTT_WS_PORT: "off",
      MYCOGATE_HTTP_PORT: String(httpPort),
      MYCOGATE_LOG_LEVEL: "silent",
      ...env,
    };
    const child = spawn(process.execPath, [`${projectRoot}bin/mycogate.mjs`, "run"], {
      stdio: ["ignore", "ignore", "pipe"],
      cwd: dataDir,
      env: { ...process.env, ...settings },
    });
    let stderr = "";
    child.stderr!.setEncoding("utf8").on("data", (text) => (stderr += text));
    const url = `http://127.0.0.1:${settings.MYCOGATE_HTTP_PORT}/readyz`;
    while (
      !(await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (child.exitCode !== null) throw new Error(`the gateway ended with code ${child.exitCode}: ${stderr}`);
      await sleep(20);
    }
    return new GatewayProcess(child, () => stderr, settings, (performance.now() - started) / 1000);
  }

  async enrol(devices: readonly { id: string; publicKey: string }[]): Promise<void> {
    for (const device of devices) await this.request("POST", "/api/v1/devices", device);
  }

  stats(): Promise<Stats> {
    return this.request("GET", "/api/v1/stats");
  }

  /** Wait until the database has every entry of the ledger. */
  async databaseCaughtUp(): Promise<void> {
    for (;;) {
      const { databaseCursor, treeSize } = await this.stats();
      if (databaseCursor === treeSize) return;
      await sleep(20);
    }
  }

  /** Resident memory in MiB: of the gateway's process, and of its database's processes (shared pages counted once). */
  memory(): { gateway: number; database: number } {
    const database = descendants(this.#child.pid!).reduce((sum, pid) => sum + kilobytes(pid, "smaps_rollup", "Pss"), 0);
    return { gateway: kilobytes(this.#child.pid!, "status", "VmRSS") / 1024, database: database / 1024 };
  }

  /** The embedded server's first process, where there is one and a /proc to find it in. */
  databasePid(): number | undefined {
    return [...parents()].find(([, parent]) => parent === this.pid)?.[0];
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }

  /** Waits until it has given up by itself. @throws Error with its code and its stderr */
  async ended(): Promise<never> {
    if (this.#child.exitCode === null) await once(this.#child, "exit");
    throw new Error(`the gateway ended with code ${this.#child.exitCode}: ${this.#stderr()}`);
  }

  /** The process gone without a chance to do anything about it, and its database with it as far as the gateway cares. */
  async kill(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  /** JSON of an API call. @throws Error with status and problem where it is refused */
  async request<Reply>(method: string, path: string, body?: unknown): Promise<Reply> {
    const response = await fetch(this.#api + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Reply;
  }

  /** An API answer verbatim, for numbers that JSON.parse would round. */
  async text(path: string): Promise<string> {
    const response = await fetch(this.#api + path, { headers: { authorization: `Bearer ${token}` } });
    return response.text();
  }
}

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** All processes below one. */
function descendants(root: number): number[] {
  const parentOf = parents();
  const below = (pid: number): boolean => {
    const parent = parentOf.get(pid);
    return parent !== undefined && (parent === root || below(parent));
  };
  return [...parentOf.keys()].filter(below);
}

/** Parent of every process, by /proc; empty where there is none. */
function parents(): Map<number, number> {
  const parentOf = new Map<number, number>();
  if (!existsSync("/proc/self/stat")) return parentOf;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parentOf.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  return parentOf;
}

function kilobytes(pid: number, file: string, key: string): number {
  try {
    const match = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"));
    return Number(match?.[1] ?? 0);
  } catch {
    return 0;
  }
}
