import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { ClientConfig } from "pg";
import { afterEach, expect, test } from "vitest";
import { JournalReader } from "../../gateway/journal/journal-reader.ts";
import { Ledger } from "../../gateway/journal/ledger.ts";
import { openSigningKeys } from "../../gateway/journal/signing-keys.ts";
import { projectRoot } from "../../gateway/project-root.ts";
import { Database } from "../../gateway/store/database.ts";
import { EmbeddedPostgres } from "../../gateway/store/embedded-postgres.ts";
import { Tailer } from "../../gateway/store/tailer.ts";
import type { TailerReport } from "../../gateway/store/tailer-loop.ts";
import type { TailerCommand, TailerWorkerData } from "../../gateway/store/tailer-worker.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";
import { eventually, log } from "../contract/store/support.ts";
import { noBlocks } from "../support/ledger-workload.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const origin = "gw.example/1";
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function entry(number: number): Uint8Array {
  const payload = Buffer.from(JSON.stringify({ pack: [{ id: "t", v: number }], seq: number }));
  return encodeEntry({
    kind: "reading",
    payload,
    receivedUs: 1_790_000_000_000_000 + number,
    keyEpoch: 0,
    deviceId: `dev-${number % 5}`,
    format: "telemetry-json",
    source: "mqtt",
    firmware: "",
  });
}

async function openLedger(dataDir: string): Promise<Ledger> {
  const onFatal = (error: Error): never => {
    throw error;
  };
  const dir = join(dataDir, "ledger");
  const nowUs = () => Date.now() * 1000;
  const keys = await openSigningKeys({ keysDir: join(dataDir, "keys"), ledgerDir: dir, origin, nowUs });
  cleanups.push(() => keys.close());
  const { checkpointSigners: signers, seals } = keys;
  const ledger = await Ledger.open({ dir, origin, signers, seals, block: noBlocks, nowUs, log, onFatal });
  cleanups.push(() => ledger.close());
  return ledger;
}

function append(ledger: Ledger, from: number, to: number): Promise<void> {
  const entries = Array.from({ length: to - from }, (_, index) => entry(from + index));
  return new Promise((resolve, reject) => {
    ledger.append(entryBatch(entries, false), (error) => (error ? reject(error) : resolve()));
  });
}

function startStore(dataDir: string, ledger: Ledger): { database: Database; tailer: Tailer } {
  const database = new Database({ source: new EmbeddedPostgres({ dataDir }, log), ledgerOrigin: origin, log });
  const tailer = new Tailer({ database, journalDir: join(dataDir, "ledger/journal"), log });
  cleanups.push(() => database.stop());
  cleanups.push(() => tailer.stop());
  tailer.start(ledger.durableSize);
  ledger.onDurable((size) => tailer.advance(size));
  return { database, tailer };
}

test("what became durable before, while and after the database was away is in it, byte for byte", async () => {
  const dataDir = scratchDir("tailer");
  const ledger = await openLedger(dataDir);
  await append(ledger, 0, 100);
  const { database, tailer } = startStore(dataDir, ledger);
  expect(tailer.cursor).toBeNull();
  expect(tailer.state().status).toBe("degraded");
  await append(ledger, 100, 300);
  database.start();
  await eventually(() => tailer.cursor).toBe(300);

  const pid = await database.query<{ pid: number }>(
    "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid",
  );
  let announced = 0;
  database.onReady(() => announced++);
  process.kill(pid[0]!.pid, "SIGKILL");
  await append(ledger, 300, 400);
  await eventually(() => announced).toBe(2);
  await append(ledger, 400, 2000);
  await eventually(() => tailer.cursor).toBe(2000);
  expect(tailer.state()).toEqual({ status: "ok", detail: "0 entries behind" });

  const copied = await database.query<{ entry: Buffer }>("SELECT entry FROM entries ORDER BY leaf_index");
  expect(copied.map((row) => row.entry.toString("hex"))).toEqual(
    Array.from({ length: 2000 }, (_, number) => Buffer.from(entry(number)).toString("hex")),
  );
});

test("a database that is ahead of the ledger is reported, not written to", async () => {
  const dataDir = scratchDir("tailer");
  const ledger = await openLedger(dataDir);
  const { database, tailer } = startStore(dataDir, ledger);
  database.start();
  await new Promise((resolve) => database.onReady(resolve));
  await tailer.stop();
  await database.query("UPDATE tailer_cursors SET leaf_index = 1000 WHERE name = 'entries'");
  await append(ledger, 0, 10);
  const again = new Tailer({ database, journalDir: join(dataDir, "ledger/journal"), log });
  cleanups.push(() => again.stop());
  again.start(ledger.durableSize);
  await eventually(() => again.cursor).toBe(1000);
  expect(again.state()).toMatchObject({
    status: "degraded",
    detail: expect.stringContaining("has 1000 entries, the ledger only 10"),
  });
  expect(await database.query("SELECT leaf_index FROM entries")).toEqual([]);
});

test("threads killed while they copy leave each entry in the database once", async () => {
  const dataDir = scratchDir("tailer");
  const ledger = await openLedger(dataDir);
  for (let number = 0; number < 20_000; number += 500) await append(ledger, number, number + 500);
  const postgres = new EmbeddedPostgres({ dataDir }, log);
  const database = new Database({ source: postgres, ledgerOrigin: origin, log });
  cleanups.push(() => database.stop());
  database.start();
  const config = await new Promise<ClientConfig>((resolve) => database.onReady(resolve));
  const workerData: TailerWorkerData = { journalDir: join(dataDir, "ledger/journal") };
  let cursor = 0;
  for (const stopAt of [1, 5_000, 10_000]) {
    const worker = new Worker(join(projectRoot, "dist/gateway/store/tailer-worker.js"), { workerData });
    const copied = new Promise<void>((resolve) => {
      worker.on("message", (report: TailerReport) => {
        if (report.kind === "copied") cursor = report.cursor;
        if (cursor >= stopAt) resolve();
      });
    });
    const commands: TailerCommand[] = [
      { kind: "database", config },
      { kind: "durable", size: 20_000 },
    ];
    for (const command of commands) worker.postMessage(command);
    await copied;
    await worker.terminate();
  }
  const tailer = new Tailer({ database, journalDir: join(dataDir, "ledger/journal"), log });
  cleanups.push(() => tailer.stop());
  tailer.start(ledger.durableSize);
  await eventually(() => tailer.cursor).toBe(20_000);
  const right = "SELECT count(*)::int AS n, count(*) FILTER (WHERE values[1] = leaf_index)::int AS right FROM entries";
  expect(await database.query(right)).toEqual([{ n: 20_000, right: 20_000 }]);
});

/** A gateway without its transports: appends as fast as it is durable, and copies. */
const gateway = `
const [, , root, dataDir, origin] = process.argv;
const at = (path) => import(root + path);
const { Ledger } = await at("gateway/journal/ledger.js");
const { Database } = await at("gateway/store/database.js");
const { EmbeddedPostgres } = await at("gateway/store/embedded-postgres.js");
const { Tailer } = await at("gateway/store/tailer.js");
const { entryBatch } = await at("src/ledger/bundle.js");
const { encodeEntry } = await at("src/ledger/entry.js");
const { openSigningKeys } = await at("gateway/journal/signing-keys.js");
const log = { debug() {}, info() {}, warn() {}, error() {} };
const dir = dataDir + "/ledger";
const nowUs = () => Date.now() * 1000;
const { checkpointSigners, seals } = await openSigningKeys({ keysDir: dataDir + "/keys", ledgerDir: dir, origin, nowUs });
const ledger = await Ledger.open({ dir, origin, signers: checkpointSigners, seals, nowUs, log, onFatal: (error) => { throw error; } });
const database = new Database({ source: new EmbeddedPostgres({ dataDir }, log), ledgerOrigin: origin, log });
const tailer = new Tailer({ database, journalDir: dataDir + "/ledger/journal", log });
tailer.start(ledger.durableSize);
ledger.onDurable((size) => tailer.advance(size));
database.start();
let told = 0;
const more = () => {
  const number = ledger.size;
  const entries = Array.from({ length: 40 }, (_, index) => encodeEntry({
    kind: "reading", payload: Buffer.from(JSON.stringify({ pack: [{ id: "t", v: number + index }] })), receivedUs: 1790000000000000,
    keyEpoch: 0, deviceId: "dev", format: "telemetry-json", source: "mqtt", firmware: "" }));
  ledger.append(entryBatch(entries, false), (error) => { if (error) throw error; setTimeout(more, 2); });
  if ((tailer.cursor ?? 0) > told + 1000) console.log(told = tailer.cursor);
};
more();
`;

async function runUntilKilled(dataDir: string, progressLines: number): Promise<void> {
  const root = pathToFileURL(join(projectRoot, "dist/")).href;
  // A file, because a worker thread inherits the arguments that make a script of -e a module.
  const script = join(dataDir, "gateway.mjs");
  writeFileSync(script, gateway);
  const child: ChildProcess = spawn(process.execPath, [script, root, dataDir, origin], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the gateway ended by itself")));
  for (let line = 0; line < progressLines; line++) await Promise.race([once(child.stdout!, "data"), ended]);
  ended.catch(() => undefined);
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("gateways killed again and again while they copy leave each entry in the database once", async () => {
  const dataDir = scratchDir("tailer");
  for (const progressLines of [1, 2, 1, 3]) await runUntilKilled(dataDir, progressLines);

  const ledger = await openLedger(dataDir);
  const { database, tailer } = startStore(dataDir, ledger);
  database.start();
  await eventually(() => tailer.cursor).toBe(ledger.durableSize);

  const rows = await database.query<{ leaf_index: string; entry: Buffer }>(
    "SELECT leaf_index, entry FROM entries ORDER BY leaf_index",
  );
  expect(rows).toHaveLength(ledger.durableSize);
  const reader = new JournalReader(join(dataDir, "ledger/journal"));
  const different: number[] = [];
  let leaf = 0;
  for await (const { firstLeaf, count, bundle } of reader.frames(0, ledger.durableSize)) {
    for (let offset = 0, index = 0; index < count; index++, leaf++) {
      const length = (bundle[offset]! << 8) | bundle[offset + 1]!;
      const same = Buffer.compare(rows[leaf]!.entry, bundle.subarray(offset + 2, offset + 2 + length)) === 0;
      if (!same || Number(rows[leaf]!.leaf_index) !== firstLeaf + index) different.push(leaf);
      offset += 2 + length;
    }
  }
  await reader.close();
  expect(leaf).toBe(ledger.durableSize);
  expect(different).toEqual([]);
});
