/** docs/guides/firmware.md, followed: its code as a program, its commands, and a gateway at the end of the line. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { receiptKeyOf } from "../support/device-books.ts";
import { buildGuide } from "../support/firmware-guide.ts";
import { needs } from "../support/needs.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const patience = { timeout: 30_000, interval: 20 };

needs("gcc", "sodium.h")("the guide for firmware", () => {
  let gateway: GatewayProcess | undefined;
  let device: ChildProcessWithoutNullStreams | undefined;
  let network: MqttClient | undefined;

  afterEach(async () => {
    device?.kill();
    await network?.endAsync(true);
    await gateway?.stop();
  });

  test("leads from an empty sketch to verified readings, receipts that free the flash, and a command obeyed", async () => {
    const dir = scratchDir("firmware-guide");
    gateway = await GatewayProcess.start(join(dir, "data"));
    device = spawn(buildGuide(dir, await receiptKeyOf(gateway)));
    const tell = (line: string): boolean => device!.stdin.write(`${line}\n`);
    const said: string[] = [];
    let rest = "";
    device.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      said.push(...lines);
      for (const line of lines) {
        const [, topic, hex] = /^publish (\S+) (\S+)$/.exec(line) ?? [];
        if (topic !== undefined) network!.publish(topic, Buffer.from(hex!, "hex"), { qos: 1 });
      }
    });
    const results: unknown[] = [];
    network = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
    network.on("message", (topic, payload) => {
      if (topic.endsWith("/ack")) tell(`answer ${payload.toString("hex")}`);
      else if (topic.endsWith("/cmd")) tell(`command ${payload}`);
    });
    await network.subscribeAsync(["mycobrain/greenhouse-7/ack", "mycobrain/greenhouse-7/cmd"], { qos: 1 });

    await expect.poll(() => said[0], patience).toMatch(/^key /);
    const add = ["device", "add", "greenhouse-7", "--key", said[0]!.slice(4)];
    await promisify(execFile)(process.execPath, [`${projectRoot}bin/mycogate.mjs`, ...add], {
      env: { ...process.env, ...gateway.env },
    });

    const readings = async (): Promise<string[]> => {
      const path = "/api/v1/readings?device=greenhouse-7&order=asc";
      const { data } = await gateway!.request<{ data: Record<string, unknown>[] }>("GET", path);
      return data.map(({ sensor, value, unit, verification }) => [sensor, value, unit, verification].join(" "));
    };
    tell("sign");
    await expect.poll(readings, patience).toEqual(["temp 21.7 C verified"]);
    tell("measure");
    tell("measure");
    await expect.poll(readings, patience).toHaveLength(3);
    expect((await readings()).every((reading) => reading.endsWith(" verified"))).toBe(true);
    await expect.poll(() => said.at(-1), patience).toBe("pending 0");
    expect(said).toContain("pending 2");

    const operator = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
      username: "admin",
      password: gateway.env.MYCOGATE_ADMIN_TOKEN!,
    });
    operator.on("message", (_topic, payload) => results.push(JSON.parse(payload.toString())));
    await operator.subscribeAsync("mycobrain/greenhouse-7/cmd/result", { qos: 1 });
    await operator.publishAsync("mycobrain/greenhouse-7/cmd", '{"id":1,"cmd":"water"}', { qos: 1 });
    await expect.poll(() => results, patience).toEqual([{ id: "1", success: true, message: "done" }]);
    await operator.endAsync();
    expect(said.filter((line) => line.startsWith("fault"))).toEqual([]);
  }, 240_000);
});
