/**
 * The built gateway on a data directory from before a key rotation: who remembers the log has it under keys that are not
 * here, which proves nothing, and nothing is signed all the same. docs/adr/0067
 */
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freePort, GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { runCli } from "../support/captured-cli.ts";
import { scratchDir } from "../support/scratch-dir.ts";
import { configure, makeKeys, noDatabase } from "../support/witnessing-gateways.ts";

const dir = scratchDir("rotated-rollback");
const [logDir, witnessDir, older] = [join(dir, "log"), join(dir, "witness"), join(dir, "older")];
const patience = { timeout: 60_000 };
const running = new Set<GatewayProcess>();
afterAll(() => Promise.all([...running].map((gateway) => gateway.stop())));

async function start(dataDir: string, settings: Record<string, string> = {}): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start(dataDir, { ...noDatabase, ...settings });
  running.add(gateway);
  return gateway;
}

async function stop(gateway: GatewayProcess): Promise<void> {
  running.delete(gateway);
  await gateway.stop();
}

const checkpointIn = (dataDir: string) => readFileSync(join(dataDir, "ledger", "checkpoint"), "utf8");
const history = async (gateway: GatewayProcess) =>
  (await gateway.request<{ dependencies: Record<string, { status: string; detail: string }> }>("GET", "/readyz"))
    .dependencies.history!;

beforeAll(async () => {
  const [before, witnessKeys] = await Promise.all([makeKeys(logDir), makeKeys(witnessDir)]);
  const first = await start(logDir);
  await first.request("POST", "/api/v1/devices", { id: "board-1" });
  await vi.waitUntil(async () => (await first.stats()).checkpointSize > 1, patience);
  await stop(first);
  cpSync(logDir, older, { recursive: true });

  const rotated = await runCli(["key", "rotate", "checkpoint-ed25519", "--yes", "--json"], logDir, {
    MYCOGATE_DATA: logDir,
  });
  const { vkey } = JSON.parse(rotated.out);
  const port = await freePort();
  // The witness knows the key after the rotation alone, as when the one before was retired.
  configure(witnessDir, { ...before, log: [vkey, before.log[1]!] }, 1);
  for (const each of [logDir, older]) configure(each, witnessKeys, port);
  await start(witnessDir, { MYCOGATE_HTTP_PORT: String(port) });
  const second = await start(logDir);
  await second.request("POST", "/api/v1/devices", { id: "board-2" });
  await vi.waitUntil(async () => {
    const { witnessedSize, treeSize } = await second.stats();
    return treeSize === witnessedSize;
  }, patience);
  await stop(second);
}, 240_000);

test("threat: the disk was put back to before a key rotation, with a witness. Nothing is signed, and the reason is in /readyz", async () => {
  const signed = checkpointIn(older);
  const gateway = await start(older);
  const who = /witness \S+ has \d+ entries of this log under keys that are not here, and this ledger has \d+/;
  await expect.poll(async () => (await history(gateway)).detail, patience).toMatch(who);
  expect(await history(gateway)).toMatchObject({
    status: "down",
    detail: expect.stringMatching(/before a key was rotated; no checkpoint is signed before that is resolved/),
  });
  expect((await gateway.stats()).alarms.join()).toMatch(who);
  expect(await gateway.text("/metrics")).toMatch(/^mycogate_ledger_alarms 1$/m);
  await gateway.request("POST", "/api/v1/devices", { id: "board-3" });
  // By then the second has passed for which it waits for those who do not answer.
  await expect.poll(async () => (await gateway.stats()).uptimeSeconds, patience).toBeGreaterThan(2);
  await stop(gateway);
  expect(checkpointIn(older), "nothing was signed").toBe(signed);
}, 240_000);
