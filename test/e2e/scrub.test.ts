/** The scrub of a built gateway: its thread, its real files, a real PostgreSQL, while devices send. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import type { ClientConfig } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import type { ScrubView } from "../../gateway/http/services.ts";
import { startServer, type TestServer, withClient } from "../contract/store/support.ts";
import { runCli } from "../support/captured-cli.ts";
import { signedEnvelope, testDevice } from "../support/envelopes.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const devices = Array.from({ length: 4 }, (_, index) => testDevice(`scrub-${index}`));
const dir = scratchDir("scrub-e2e");
let server: TestServer;
let config: ClientConfig;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startServer();
  config = await server.freshSchema();
  gateway = await GatewayProcess.start(dir, {
    MYCOGATE_DATABASE_URL: urlOf(config),
    MYCOGATE_LEDGER_SCRUB_INTERVAL_MINUTES: "0",
    MYCOGATE_LEDGER_SEGMENT_BYTES: "1048576",
  });
  await gateway.enrol(devices.map(({ id, publicKey }) => ({ id, publicKey: Buffer.from(publicKey).toString("hex") })));
});
afterAll(async () => {
  await gateway?.stop();
  await server?.stop();
});

function urlOf({ host, port, user, password, database, options }: ClientConfig): string {
  const query = new URLSearchParams({ host: host!, options: options! });
  return `postgres://${user}:${password as string}@localhost:${port}/${database}?${query}`;
}

/** Messages of one device, all acknowledged. */
async function send(device: (typeof devices)[number], from: number, count: number): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { clientId: device.id });
  const publish = (seq: number) =>
    client.publishAsync(`mycobrain/${device.id}/envelope`, Buffer.from(signedEnvelope(device, { seq })), { qos: 1 });
  for (let seq = from; seq < from + count; seq += 50)
    await Promise.all(Array.from({ length: 50 }, (_, index) => publish(seq + index)));
  await client.endAsync();
}

const scrub = () => runCli(["ledger", "scrub", "--json"], dir, gateway.env);
const view = () => gateway.request<ScrubView>("GET", "/api/v1/scrub");

test("passes while devices send: the books balance, every row is compared, and nothing is found", async () => {
  await Promise.all(devices.map((device) => send(device, 1, 250)));
  let sending = true;
  const sent = Promise.all(devices.map((device) => send(device, 251, 1500))).finally(() => {
    sending = false;
  });
  let passes = 0;
  for (; sending || passes === 0; passes++) {
    const { code, out, err } = await scrub();
    expect(JSON.parse(out || "{}"), err).toMatchObject({ findings: [], open: [], missedRows: 0, error: null });
    expect(code).toBe(0);
  }
  await sent;
  const { received, stored, duplicate, quarantined, rejected, inFlight } = await gateway.stats();
  expect({ received, stored, duplicate, quarantined, rejected, inFlight }).toEqual({
    received: 7000,
    stored: 7000,
    duplicate: 0,
    quarantined: 0,
    rejected: 0,
    inFlight: 0,
  });
  await gateway.databaseCaughtUp();
  const { out } = await scrub();
  const { size, entries, rows } = JSON.parse(out);
  expect({ entries, rows }).toEqual({ entries: size, rows: size });
});

test("a row that a superuser changed, and a flipped byte of a hash file: repaired, told, and gone", async () => {
  const before = await rowOf(1000);
  await withClient(config, async (client) => {
    await client.query("SET session_replication_role = replica");
    await client.query("UPDATE entries SET values = ARRAY[1], entry = '\\x00' WHERE leaf_index = 1000");
  });
  const hashes = join(dir, "ledger/hash.0");
  const bytes = readFileSync(hashes);
  bytes[2000 * 32]! ^= 1;
  // As a whole, and in place: the gateway goes on with the file.
  writeFileSync(hashes, bytes, { flag: "r+" });
  const { code, out } = await scrub();
  expect(JSON.parse(out).findings).toMatchObject([
    { part: "hashes", leafIndex: 2000, repaired: true },
    { part: "database", leafIndex: 1000, repaired: true },
  ]);
  expect(code).toBe(0);
  expect(await rowOf(1000)).toEqual(before);
  expect(readFileSync(hashes)[2000 * 32]).toBe(bytes[2000 * 32]! ^ 1);
  const metrics = await gateway.text("/metrics");
  expect(metrics).toContain('mycogate_scrub_repaired_total{part="database"} 1');
  expect(metrics).toContain("mycogate_scrub_open_findings 0");
  expect(JSON.parse((await scrub()).out).findings).toEqual([]);
});

test("a flipped byte of a closed segment: told, never repaired, and the gateway says so from then on", async () => {
  const [oldest] = readdirSync(join(dir, "ledger/journal"))
    .filter((name) => name.endsWith(".wal"))
    .sort();
  const path = join(dir, "ledger/journal", oldest!);
  const bytes = readFileSync(path);
  bytes[200_000]! ^= 1;
  writeFileSync(path, bytes, { flag: "r+" });
  const { code, out } = await scrub();
  expect(code).toBe(1);
  expect(JSON.parse(out).findings).toMatchObject([
    { part: "journal", what: expect.stringContaining(oldest!), repaired: false },
  ]);
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect((await view()).open).toMatchObject([{ part: "journal", repaired: false }]);
  const { dependencies } = JSON.parse(await gateway.text("/readyz"));
  expect(dependencies.scrub.status).toBe("degraded");
});

async function rowOf(leaf: number): Promise<object[]> {
  const text = `SELECT entries::text FROM entries WHERE leaf_index = ${leaf}`;
  return withClient(config, async (client) => (await client.query(text)).rows);
}
