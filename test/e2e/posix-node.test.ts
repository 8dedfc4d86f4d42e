/**
 * The POSIX example against the built gateway, one node over MQTT and one over a pseudo-terminal: enrolled, measuring, killed,
 * its gateway killed, commanded, and all it ever kept receipted in the end.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectAsync } from "mqtt";
import { afterEach, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { leavesOf, receiptKeyOf, seqsOf } from "../support/device-books.ts";
import { compile, filesIn, librarySources, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const patience = { timeout: 60_000, interval: 20 };
const run = promisify(execFile);

class Node {
  readonly log: string[] = [];
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(program: string, args: readonly string[]) {
    this.#program = program;
    this.#args = args;
  }

  /** @param last it ends by itself once its envelope of this number, and all before it, have their receipts */
  start(last?: number): void {
    this.#child = spawn(this.#program, [...this.#args, ...(last === undefined ? [] : ["-n", String(last)])]);
    let rest = "";
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.log.push(...lines);
    });
  }

  async kill(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null) return;
    const gone = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await gone;
    this.#child = undefined;
  }

  async end(): Promise<number | null> {
    if (this.#child!.exitCode === null) await once(this.#child!, "close");
    return this.#child!.exitCode;
  }

  said(what: string): number[] {
    return this.log.filter((line) => line.startsWith(`${what} `)).map((line) => Number(line.split(" ")[1]));
  }

  async saysMore(what: string, more: number): Promise<void> {
    const before = this.said(what).length;
    await expect.poll(() => this.said(what).length, patience).toBeGreaterThan(before + more);
  }
}

needs(
  "gcc",
  "sodium.h",
  "mosquitto.h",
  "socat",
)("the POSIX example", () => {
  let gateway: GatewayProcess | undefined;
  let cable: ChildProcess | undefined;
  let nodes: Node[] = [];

  afterEach(async () => {
    for (const node of nodes) await node.kill();
    await gateway?.stop();
    cable?.kill();
  });

  test("loses nothing over MQTT or a serial port when it or the gateway is killed, and obeys", async () => {
    const dir = scratchDir("posix-node");
    const [gatewayEnd, nodeEnd] = [join(dir, "gateway-end"), join(dir, "node-end")];
    const ends = [gatewayEnd, nodeEnd].map((end) => `pty,raw,echo=0,link=${end}`);
    cable = spawn("socat", ends, { stdio: "ignore" });
    await expect.poll(() => [gatewayEnd, nodeEnd].every(existsSync), patience).toBe(true);
    const env: Record<string, string> = {
      MYCOGATE_SERIAL_PORTS: gatewayEnd,
      MYCOGATE_SERIAL_RECONNECT_MIN_MS: "20",
      MYCOGATE_SERIAL_RECONNECT_MAX_MS: "50",
    };
    const starting = GatewayProcess.start(join(dir, "data"), env); // Meanwhile:
    const program = join(dir, "node");
    const sources = [...librarySources, ...filesIn("examples/posix", ".c")];
    compile("gcc", [...strictFlags, "-O1", "-g", ...sources, "-lsodium", "-lmosquitto", "-o", program]);
    gateway = await starting;
    env.MYCOGATE_MQTT_PORT = String(gateway.mqttPort); // Where the node will look for it.

    const receiptKey = (await receiptKeyOf(gateway)).toString("hex");
    const ways = { "posix-mqtt": ["-m", `127.0.0.1:${gateway.mqttPort}`], "posix-serial": ["-p", nodeEnd] };
    nodes = await Promise.all(
      Object.entries(ways).map(async ([id, way]) => {
        const seed = join(dir, `${id}.seed`);
        const publicKey = (await run(program, ["keygen", seed])).stdout.trim();
        const add = [`${projectRoot}bin/mycogate.mjs`, "device", "add", id, "--key", publicKey];
        await run(process.execPath, add, { env: { ...process.env, ...gateway!.env } });
        return new Node(program, [
          ...["-i", id, "-s", seed, "-r", receiptKey, "-f", join(dir, `${id}.flash`), "-t", "40"],
          ...way,
        ]);
      }),
    );
    const [overMqtt, overSerial] = nodes as [Node, Node];
    for (const node of nodes) node.start();
    await Promise.all(nodes.map((node) => node.saysMore("freed", 5)));

    const operator = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
      username: "admin",
      password: gateway.env.MYCOGATE_ADMIN_TOKEN!,
    });
    const results: { id: string }[] = [];
    operator.on("message", (_topic, payload) => results.push(JSON.parse(payload.toString())));
    await operator.subscribeAsync("mycobrain/posix-mqtt/cmd/result", { qos: 1 });
    const command = JSON.stringify({ id: "c-1", cmd: "set_interval", params: { ms: 30 } });
    // The gateway sends a command once, however often it is told to, and none that is too late.
    for (const each of [command, command, JSON.stringify({ id: "c-2", cmd: "self_destruct", expires: 1 })])
      await operator.publishAsync("mycobrain/posix-mqtt/cmd", each, { qos: 1 });
    await expect
      .poll(() => results.toSorted((a, b) => a.id.localeCompare(b.id)), patience)
      .toEqual([
        { id: "c-1", success: true, message: "done" },
        expect.objectContaining({ id: "c-2", success: false, code: "COMMAND_EXPIRED" }),
      ]);
    await operator.endAsync();
    expect(overMqtt.log.filter((line) => line.startsWith("done"))).toEqual(['done "set_interval"']);
    // A port is a device of its own, whoever's envelopes come by it.
    const { data: devices } = await gateway.request<{ data: { id: string }[] }>("GET", "/api/v1/devices");
    const onPort = `/api/v1/devices/${devices.find(({ id }) => id.startsWith("serial-"))!.id}/commands`;
    const slower = { cmd: "set_interval", params: { ms: 30 }, timeoutMs: 30_000 };
    expect(await gateway.request("POST", onPort, slower)).toMatchObject({ state: "succeeded", message: "done" });

    await gateway.kill();
    gateway = undefined;
    await Promise.all(nodes.map((node) => node.saysMore("kept", 10)));
    for (const node of nodes) {
      await node.kill();
      node.start(node.said("kept").at(-1)! + 30);
      await node.saysMore("kept", 5);
    }
    gateway = await GatewayProcess.start(join(dir, "data"), env);
    expect(await Promise.all(nodes.map((node) => node.end()))).toEqual([0, 0]);

    await gateway.databaseCaughtUp();
    for (const [at, id] of Object.keys(ways).entries()) {
      const node = nodes[at]!;
      expect(node.log.filter((line) => /^(fault|refused|full)/.test(line))).toEqual([]);
      const seqs = await seqsOf(gateway, id);
      const leaves = await leavesOf(gateway, id);
      expect(leaves.filter(({ verification }) => verification !== "verified")).toEqual([]);
      // Each once, and none left out; it ended because its flash was free again.
      expect(new Set(seqs).size).toBe(seqs.length);
      expect(leaves).toHaveLength(seqs.length);
      expect(node.said("kept").filter((seq) => !seqs.includes(seq))).toEqual([]);
    }
    const { quarantined, rejected } = await gateway.stats();
    expect({ quarantined, rejected }).toEqual({ quarantined: 0, rejected: 0 });
    expect(overSerial.said("up")).toHaveLength(2);
  }, 240_000);
});
