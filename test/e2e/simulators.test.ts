/** Simulated devices against a real gateway: faults in, exact accounts out; and a gateway that miscounts is found out. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { projectRoot } from "../../gateway/project-root.ts";
import type { GatewayApi } from "../../simulators/run/gateway-api.ts";
import { PrivateGateway } from "../../simulators/run/private-gateway.ts";
import { type RunOptions, runScenario } from "../../simulators/run/run-scenario.ts";
import { findScenario, parseScenario } from "../../simulators/scenario/read-scenario.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const text = `
name: small
summary: a little of everything that can go wrong
duration: 10m
speed: 300
groups:
  - name: tcp
    family: bme688
    count: 3
    every: 20s
    faults: { loss: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1, replay: 0.1, wrongKey: 0.05, conflict: 0.05 }
  - name: web
    family: sporebase
    transport: ws
    count: 2
    every: 20s
    faults: { flap: { at: [3m, 6m], for: 1m }, brownOut: { at: [8m], for: 30s }, slowConsumer: { at: [1m], for: 30s } }
  - name: stranger
    family: spectrometer
    enrolled: false
commands:
  - { at: 2m, group: tcp, cmd: measure }
  - { at: 3m, group: web, cmd: dance, state: failed }
assertions:
  - { what: stored, min: 80 }
  - { what: quarantined, reason: UNKNOWN_DEVICE, min: 15 }
`;
const scenario = parseScenario(text, "small.yaml");
const dir = scratchDir("simulators");
let gateway: PrivateGateway;

beforeAll(async () => {
  gateway = await PrivateGateway.start(projectRoot, scenario);
}, 60_000);
afterAll(() => gateway.stop());

const options = (api: GatewayApi, seed: string): RunOptions => ({
  scenario: { ...scenario, seed },
  api,
  offer: gateway.offer,
  keySecret: "test",
  isPrivate: true,
  onProgress: () => {},
  signal: new AbortController().signal,
});

test("every message of a bad day is accounted for", async () => {
  const report = await runScenario(options(gateway.api, "one"));
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(report).toMatchObject({ passed: true, devices: 6, skipped: [] });
  expect(report.lost).toBeGreaterThan(0);
}, 60_000);

test("a gateway that counts one message too few is found out", async () => {
  let answers = 0;
  const { api } = gateway;
  const lying: GatewayApi = {
    listeners: () => api.listeners(),
    mavlinkFrames: () => api.mavlinkFrames(),
    enrol: (devices) => api.enrol(devices),
    revoke: (id) => api.revoke(id),
    devices: () => api.devices(),
    command: (deviceId, instruction) => api.command(deviceId, instruction),
    entry: (leafIndex) => api.entry(leafIndex),
    hasReadings: (deviceId) => api.hasReadings(deviceId),
    async stats() {
      const stats = await api.stats();
      // Honest before the run.
      if (answers++ === 0) return stats;
      const { mqtt } = stats.byTransport;
      return {
        ...stats,
        received: stats.received - 1,
        stored: stats.stored - 1,
        byTransport: { ...stats.byTransport, mqtt: { ...mqtt, received: mqtt.received - 1, stored: mqtt.stored - 1 } },
      };
    },
  };
  // Three seconds are enough for the books, and not for a command that meets a cut link.
  const asked = options(lying, "two");
  const report = await runScenario({ ...asked, scenario: { ...asked.scenario, commands: [] }, patienceMs: 3_000 });
  expect(report.passed).toBe(false);
  expect(report.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["mqtt as sent"]);
}, 60_000);

test("a short field day: all families at once, and every message accounted for", async () => {
  const { text: fieldDay, file } = findScenario("field-day", `${projectRoot}simulators/scenarios`, "/");
  // Shorter than what its own assertions are made for.
  const short = { ...parseScenario(fieldDay, file, { duration: "2m", speed: 12 }), assertions: [] };
  const own = await PrivateGateway.start(projectRoot, short);
  try {
    const report = await runScenario({ ...options(own.api, "day"), offer: own.offer, scenario: short });
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    const devices = short.groups.reduce((sum, { count }) => sum + count, 0);
    expect(report).toMatchObject({ passed: true, devices, skipped: [] });
  } finally {
    await own.stop();
  }
}, 90_000);

test("a fleet says how fast it was and ends by itself", async () => {
  const args = ["sim", "fleet", "--devices", "40", "--every", "1s", "--duration", "3s", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, [`${projectRoot}bin/mycogate.mjs`, ...args]);
  expect(JSON.parse(stdout)).toMatchObject({
    devices: 40,
    messages: 120,
    passed: true,
    perSecond: expect.any(Number),
    ackMs: { p50: expect.any(Number), p99: expect.any(Number) },
  });
}, 60_000);

test("the command says where a scenario file is wrong and exits with 2", async () => {
  const file = join(dir, "wrong.yaml");
  writeFileSync(file, text.replace("every: 20s", "evrey: 20s"));
  const run = promisify(execFile)(process.execPath, [`${projectRoot}bin/mycogate.mjs`, "sim", "run", file, "--start"]);
  await expect(run).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`${file}:10:5 groups.0.evrey is unknown (did you mean "every"?)`),
  });
});
