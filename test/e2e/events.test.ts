/** What the built gateway tells of itself in its own ledger, over its API and from its files, running and stopped. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import type { EventView } from "../../src/ledger/event-view.ts";
import { runCli } from "../support/captured-cli.ts";
import { signedEnvelope, testDevice } from "../support/envelopes.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const dir = scratchDir("events");
const data = join(dir, "data");
const oak = testDevice("oak");
let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start(data);
});
afterAll(() => gateway?.stop());

async function logged(...more: string[]): Promise<EventView[]> {
  const { code, out } = await runCli(["ledger", "log", "--data", data, "--json", ...more], dir);
  expect(code).toBe(0);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

const listed = async (query = ""): Promise<readonly EventView[]> =>
  (await gateway.request<{ data: EventView[] }>("GET", `/api/v1/events?order=asc${query}`)).data;
const told = (events: readonly EventView[]) => events.map(({ type, by, text }) => `${type}, ${by}: ${text}`);

test("whatever an operator decides is in the log, with who and what, and what a device sends is not", async () => {
  // Who follows from the start sees all of it in its order.
  const command = [`${projectRoot}bin/mycogate.mjs`, "ledger", "log", "--data", data, "--follow"];
  const follower = spawn(process.execPath, command);
  onTestFinished(() => void follower.kill());
  const followed = createInterface({ input: follower.stdout })[Symbol.asyncIterator]();

  await gateway.enrol([{ id: oak.id, publicKey: oak.publicKey.toString("hex") }]);
  const client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
    username: "admin",
    password: gateway.env.MYCOGATE_ADMIN_TOKEN!,
  });
  onTestFinished(() => client.endAsync());
  const relay = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => relay.endAsync());
  const forged = Buffer.from(signedEnvelope(oak, { seq: 1 }));
  forged[forged.length - 1]! ^= 1;
  await relay.publishAsync(`mycobrain/${oak.id}/envelope`, forged, { qos: 1 });
  await relay.publishAsync(`mycobrain/${oak.id}/envelope`, Buffer.from(signedEnvelope(oak, { seq: 2 })), { qos: 1 });
  const { data: items } = await gateway.request<{ data: { id: number }[] }>("GET", "/api/v1/quarantine");
  expect(items).toHaveLength(1);
  await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/quarantine/${items[0]!.id}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${gateway.env.MYCOGATE_ADMIN_TOKEN}` },
  });
  await gateway.request("POST", `/api/v1/devices/${oak.id}/revoke`, { reason: "lost in a storm" });
  for (let attempt = 0; attempt < 20; attempt++) {
    const headers = { authorization: `Bearer guess-number-${attempt}` };
    expect((await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/stats`, { headers })).status).toBe(401);
  }
  const other = { username: "admin", password: "a wrong password", reconnectPeriod: 0 };
  await expect(connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, other, false)).rejects.toThrow("Bad username");

  const expected = [
    expect.stringMatching(/^keys.introduced, null: the ledger's keys are seal /),
    expect.stringMatching(/^settings.changed, null: the gateway started with other settings: adminToken, mqtt.port, /),
    "operator.signed_in, admin: signed in over http",
    expect.stringMatching(/^device.enrolled, admin: enrolled oak with key 1 [0-9a-f]{16}…$/),
    "operator.signed_in, admin: signed in over mqtt",
    expect.stringMatching(/^quarantine.removed, admin: message \d+ of oak removed from quarantine: /),
    "device.revoked, admin: revoked oak: lost in a storm",
    "operator.sign_in_refused, null: 1 attempt to sign in over http refused",
    "operator.sign_in_refused, null: 1 attempt to sign in over mqtt refused",
  ];
  // Who is refused does not wait for the entry that says so.
  const events = await vi.waitFor(async () => {
    const found = await listed();
    expect(found).toHaveLength(expected.length);
    return found;
  });
  expect(told(events)).toEqual(expect.arrayContaining(expected));
  expect(told(await listed("&type=device"))).toEqual([expected[3], expected[6]]);
  for (const { time, text } of events) {
    const { value } = await followed.next();
    expect(value).toContain(time);
    expect(value).toContain(text);
  }
});

test("the stopped gateway's log goes on with what the last start changed and the stop completed", async () => {
  const before = await listed();
  await gateway.stop();
  const stopped = await logged();
  // 19 of the 20 guesses were not told yet.
  expect(stopped.slice(0, before.length)).toEqual(before);
  expect(told(stopped.slice(before.length))).toEqual([
    "operator.sign_in_refused, null: 19 attempts to sign in over http refused",
  ]);
  expect(told(await logged("--type", "device.revoked", "--device", oak.id, "--since", "1d"))).toEqual([
    "device.revoked, admin: revoked oak: lost in a storm",
  ]);
  expect(await logged("--since", "2999-01-01")).toEqual([]);

  gateway = await GatewayProcess.start(data, { ...gateway.env, MYCOGATE_LEDGER_BLOCK_LEAVES: "50" });
  const after = await vi.waitFor(async () => {
    const found = await listed();
    expect(found).toHaveLength(stopped.length + 2);
    return found;
  });
  expect(after.slice(0, stopped.length)).toEqual(stopped);
  expect(told(after.slice(stopped.length))).toEqual([
    "settings.changed, null: the gateway started with other settings: ledger.blockLeaves",
    "operator.signed_in, admin: signed in over http",
  ]);
}, 240_000);

test("nothing in the public log gives away a token or an address", async () => {
  const { out } = await runCli(["ledger", "log", "--data", data, "--json"], dir);
  for (const secret of [gateway.env.MYCOGATE_ADMIN_TOKEN!, "guess-number", "a wrong password", "127.0.0.1"])
    expect(out).not.toContain(secret);
});

test("a time that is none is misuse", async () => {
  expect((await runCli(["ledger", "log", "--data", data, "--since", "yesterday"], dir)).code).toBe(2);
});

test("rotated keys are announced by the next start, and the whole log verifies", async () => {
  const key = (...words: string[]) => runCli(["key", ...words, "--data", data, "--yes"], dir);
  const roles = ["checkpoint-ed25519", "checkpoint-mldsa44", "seal", "receipt"];
  for (const role of roles) expect(await key("rotate", role)).toMatchObject({ code: 0 });
  await gateway.stop();
  gateway = await GatewayProcess.start(data, gateway.env);
  await gateway.enrol([{ id: "elm", publicKey: testDevice("elm").publicKey.toString("hex") }]);
  const rotations = (await listed("&type=key.rotated")).map(({ details }) => details.role);
  expect([...rotations].sort()).toEqual([...roles].sort());
  await gateway.stop();
  const { code, out } = await runCli(["ledger", "verify", "--data", data], dir);
  expect([code, out]).toEqual([0, expect.stringContaining("every entry is in its place")]);
  for (const role of ["checkpoint-ed25519", "checkpoint-mldsa44", "receipt"])
    expect(await key("retire", role)).toMatchObject({ code: 0, err: "" });
  gateway = await GatewayProcess.start(data, gateway.env);
  expect((await listed("&type=key.retired")).map(({ details }) => details.role).sort()).toEqual([
    "checkpoint-ed25519",
    "checkpoint-mldsa44",
    "receipt",
  ]);
}, 240_000);
