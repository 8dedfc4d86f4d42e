/** Commands through a whole gateway: HTTP, MQTT and the command line on one side, boards on the other, the ledger between. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectAsync, type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { commandEvent } from "../../src/commands/events.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { needs } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { TrapBoard } from "../support/serial-boards.ts";

interface CommandView {
  readonly id: string;
  readonly state: string;
  readonly message: string;
  readonly link: string | null;
}

const patience = { timeout: 30_000, interval: 20 };
const data = join(scratchDir("commands"), "data");

/** What the ledger itself says of a command: its leaves, read as anybody reads them. */
async function told(gateway: GatewayProcess, id: string): Promise<string[]> {
  const { treeSize } = await gateway.stats();
  const steps: string[] = [];
  for (let leaf = 0; leaf < treeSize; leaf++) {
    const { kind, payload } = await gateway.request<{ kind: string; payload: string }>(
      "GET",
      `/api/v1/entries/${leaf}`,
    );
    const entry = kind === "event" ? decodeEntry(Buffer.from(payload, "base64")) : undefined;
    if (!entry?.ok || entry.value.kind !== "event") continue;
    const event = commandEvent(entry.value);
    if (event?.id !== id) continue;
    steps.push(event.type === "command.result" ? event.outcome : event.type);
  }
  return steps;
}

needs("python3")("commands", () => {
  const boardId = "mycobrain-1";
  let gateway: GatewayProcess;
  let pty: Pty;
  let board: TrapBoard;
  let operator: MqttClient;
  const heard: { topic: string; body: Record<string, unknown> }[] = [];
  const command = (device: string, body: object): Promise<CommandView> =>
    gateway.request("POST", `/api/v1/devices/${device}/commands`, body);

  const start = async (): Promise<void> => {
    gateway = await GatewayProcess.start(data, { MYCOGATE_SERIAL_PORTS: pty.path });
    operator = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
      username: "admin",
      password: gateway.env.MYCOGATE_ADMIN_TOKEN!,
    });
    operator.on("message", (topic, payload) => heard.push({ topic, body: JSON.parse(payload.toString()) }));
    await operator.subscribeAsync(["mycobrain/+/cmd", "mycobrain/+/cmd/result"], { qos: 1 });
  };

  beforeAll(async () => {
    pty = await Pty.open();
    await start();
    board = new TrapBoard(pty);
    pty.write(board.hello());
    board.run();
    await vi.waitFor(async () => {
      expect(await gateway.request("GET", "/api/v1/devices")).toMatchObject({ data: [{ id: boardId }] });
    }, patience);
  });
  afterAll(async () => {
    board?.stop();
    await operator?.endAsync(true);
    await gateway?.stop();
    await pty?.close();
  });

  test("by HTTP: a board on a serial port does it, and the ledger has each step", async () => {
    const done = await command(boardId, { cmd: "read_sensors", id: "c-1" });
    expect(done).toMatchObject({ id: "c-1", state: "succeeded", message: "telemetry_sent", link: "serial" });
    expect(await command(boardId, { cmd: "dance" })).toMatchObject({ state: "failed", message: "unknown_command" });
    expect(await told(gateway, "c-1")).toEqual(["command.accepted", "command.sent", "succeeded"]);
    expect(await gateway.text("/metrics")).toContain('mycogate_commands_total{fate="succeeded"} 1');
  });

  test("by the command line", async () => {
    const mycogate = (...args: string[]) =>
      promisify(execFile)(process.execPath, [`${projectRoot}bin/mycogate.mjs`, ...args], {
        env: { ...process.env, ...gateway.env },
      });
    const { stdout } = await mycogate(
      "device",
      "command",
      boardId,
      "read_sensors",
      "--id",
      "c-cli",
      "--timeout",
      "20000",
    );
    expect(stdout).toBe("c-cli succeeded by serial: telemetry_sent\n");
    await expect(mycogate("device", "command", boardId, "dance")).rejects.toMatchObject({ code: 1 });
    await expect(mycogate("device", "command", boardId, "dance", "--params", "[]")).rejects.toMatchObject({ code: 2 });
    expect((await mycogate("device", "commands", boardId)).stdout).toMatch(/c-cli +read_sensors +succeeded +serial/);
  });

  test("to a device on MQTT: the same id by two ways is published once, and its answer is the result", async () => {
    await gateway.request("POST", "/api/v1/devices", { id: "dev-1" });
    await expect(command("dev-1", { cmd: "blink" })).rejects.toThrow("COMMAND_UNSUPPORTED");
    const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
    const got: Record<string, unknown>[] = [];
    device.on("message", (_topic, payload) => {
      const { id, cmd } = JSON.parse(payload.toString());
      got.push({ id, cmd });
      if (cmd === "blink")
        device.publish("mycobrain/dev-1/cmd/result", JSON.stringify({ id, success: true, message: "blinked" }));
    });
    await device.subscribeAsync("mycobrain/dev-1/cmd", { qos: 1 });
    const [byHttp] = await Promise.all([
      command("dev-1", { cmd: "blink", id: "m-1" }),
      operator.publishAsync("mycobrain/dev-1/cmd", '{"id":"m-1","cmd":"blink"}', { qos: 1 }),
    ]);
    expect(byHttp).toMatchObject({ state: "succeeded", message: "blinked", link: "mqtt" });
    // Whatever else was published before this one has come by then.
    expect(await command("dev-1", { cmd: "blink", id: "m-2" })).toMatchObject({ state: "succeeded" });
    expect(got).toEqual([
      { id: "m-1", cmd: "blink" },
      { id: "m-2", cmd: "blink" },
    ]);
    expect(await told(gateway, "m-1")).toEqual(["command.accepted", "command.sent", "succeeded"]);

    // No answer in time, and then one after all.
    expect(await command("dev-1", { cmd: "sleep", id: "m-3", timeoutMs: 100 })).toMatchObject({ state: "unanswered" });
    await device.publishAsync("mycobrain/dev-1/cmd/result", '{"id":"m-3","success":false,"message":"overslept"}', {
      qos: 1,
    });
    await expect
      .poll(() => gateway.request("GET", "/api/v1/commands/m-3"), patience)
      .toMatchObject({ state: "failed", message: "overslept" });
    await device.endAsync();
  });

  test("by MQTT: an operator hears what came of it, or why it was refused", async () => {
    const results = () => heard.filter(({ topic }) => topic.endsWith(`${boardId}/cmd/result`)).map(({ body }) => body);
    await operator.publishAsync(`mycobrain/${boardId}/cmd`, '{"id":"o-1","cmd":"read_sensors"}', { qos: 1 });
    await operator.publishAsync(`mycobrain/${boardId}/cmd`, '{"id":"no id","cmd":"read_sensors"}', { qos: 1 });
    await operator.publishAsync(`mycobrain/${boardId}/cmd`, "do it", { qos: 1 });
    await expect.poll(results, patience).toHaveLength(3);
    expect(results()).toEqual(
      expect.arrayContaining([
        { id: "o-1", success: true, message: "telemetry_sent", state: "succeeded" },
        expect.objectContaining({ id: "no id", success: false, code: "REQUEST_INVALID" }),
        expect.objectContaining({ success: false, code: "REQUEST_INVALID" }),
      ]),
    );
  });

  test("a gateway that is killed: what it had sent is unanswered afterwards and not sent again, what it had not is sent", async () => {
    board.isSilent = true;
    const sent = await command(boardId, { cmd: "estop", id: "k-1", timeoutMs: 60_000, waitMs: 0 });
    expect(sent.state).toMatch(/queued|sent/);
    await command(boardId, { cmd: "read_sensors", id: "k-2", expiresInMs: 600_000, waitMs: 0 });
    await expect.poll(() => gateway.request("GET", "/api/v1/commands/k-1"), patience).toMatchObject({ state: "sent" });
    await gateway.kill();
    await operator.endAsync(true);
    board.isSilent = false;
    await start();
    expect(await gateway.request("GET", "/api/v1/commands/k-1")).toMatchObject({
      ...{ state: "unanswered", code: "SHUTTING_DOWN" },
    });
    // How the board is spoken to is not known before it was heard.
    expect(await gateway.request("GET", "/api/v1/commands/k-2")).toMatchObject({ state: "queued" });
    pty.write(board.hello());
    expect(await gateway.request("GET", "/api/v1/commands/k-2?waitMs=30000")).toMatchObject({ state: "succeeded" });
    expect(await told(gateway, "k-1")).toEqual(["command.accepted", "command.sent", "unanswered"]);
    expect(await told(gateway, "k-2")).toEqual(["command.accepted", "command.sent", "succeeded"]);
    // The same request again is the same command, also after all this.
    expect(await command(boardId, { cmd: "estop", id: "k-1" })).toMatchObject({ state: "unanswered" });
    await expect(command(boardId, { cmd: "hello", id: "k-1" })).rejects.toThrow("COMMAND_CONFLICT");
  });
});
