/** What the ledger costs by itself: appending with and without blocks, the time until durable, verifying, starting. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";
import type { EntryBatch } from "../../src/ledger/types.ts";
import { journalDir, type Ledger } from "../journal/ledger.ts";
import { SealKeyChain } from "../journal/seal-key-chain.ts";
import { SegmentThreads } from "../journal/segment-threads.ts";
import { verifyLog } from "../journal/verify-log.ts";
import type { BenchFigure } from "./ingest.ts";
import { cores, hashLimit, readLimit, writeLimit } from "./limits.ts";
import { openLedger } from "./open-ledger.ts";
import { sealingCost } from "./sealing-cost.ts";

const origin = "bench.invalid/ledger/1";
/** As ingest makes them under load. */
const batchCount = 256;
const payloadBytes = 250;
const pendingLimitBytes = 8 * 2 ** 20;
const pacedPerSecond = 50_000;
const pacedSeconds = 5;
const tickMs = 2;
/** The log that is verified has so many times the entries that are appended at full speed. */
const verifiedFor = 4;

export interface LedgerBenchOptions {
  readonly entries: number;
  /** Envelopes through a whole gateway, with and without blocks; 0 leaves that out. */
  readonly messages: number;
  readonly onFigure: (figure: BenchFigure) => void;
}

export async function benchLedger({ entries, messages, onFigure }: LedgerBenchOptions): Promise<void> {
  const batches = Array.from({ length: 64 }, (_, index) => batchOf(batchCount, index));
  const chunkBytes = bytesOf(batches[0]!);
  const hashed = hashLimit(Array.from({ length: batchCount }, (_, index) => entryOf(index)));
  onFigure({ name: "limit: SHA-256 of such entries, one core", value: Math.round(hashed), unit: "entries/s" });
  const written = (await withDir((dir) => writeLimit(dir, chunkBytes))) / (chunkBytes / batchCount);
  onFigure({
    name: "limit: such batches written and synced one by one",
    value: Math.round(written),
    unit: "entries/s",
  });
  const rates = { plain: [] as number[], sealed: [] as number[] };
  // In turns, because the disk is not as fast in every minute.
  for (let round = 0; round < 3; round++) {
    const rate = (blockLeaves: number) =>
      withDir((dir) => using(dir, blockLeaves, (ledger) => appendRate(ledger, batches, entries)));
    rates.plain.push(await rate(Number.MAX_SAFE_INTEGER));
    rates.sealed.push(await rate(100));
  }
  const [plain, sealed] = [Math.max(...rates.plain), Math.max(...rates.sealed)];
  onFigure({ name: "append without blocks, batches of 256", value: Math.round(plain), unit: "entries/s" });
  onFigure({ name: "append with blocks and both checkpoint lines", value: Math.round(sealed), unit: "entries/s" });
  await withDir(async (dir) => {
    await using(dir, 100, async (ledger) => {
      const { p50, p99, stallMs } = await paced(ledger, batches);
      onFigure({ name: `durable at ${pacedPerSecond} entries/s, p50`, value: p50, unit: "ms" });
      onFigure({ name: `durable at ${pacedPerSecond} entries/s, p99`, value: p99, unit: "ms" });
      onFigure({ name: "longest event-loop stall meanwhile", value: stallMs, unit: "ms" });
    });
    // Enough segments for every core to have some.
    await using(dir, 100, (ledger) => appendRate(ledger, batches, verifiedFor * entries));
    await verifyAndStart(dir, chunkBytes / batchCount, onFigure);
  });
  if (messages > 0) await sealingCost(messages, onFigure);
}

async function withDir<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "mycogate-ledger-bench-"));
  try {
    return await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function using<T>(dir: string, blockLeaves: number, run: (ledger: Ledger) => Promise<T>): Promise<T> {
  const { ledger, close } = await openLedger(dir, origin, blockLeaves);
  try {
    return await run(ledger);
  } finally {
    await close();
  }
}

async function appendRate(ledger: Ledger, batches: readonly EntryBatch[], entries: number): Promise<number> {
  const started = performance.now();
  let durable: Promise<void> = Promise.resolve();
  for (let index = 0; index * batchCount < entries; index++) {
    durable = append(ledger, batches[index % batches.length]!);
    if (ledger.pendingBytes > pendingLimitBytes) await durable;
  }
  await durable;
  return ledger.durableSize / ((performance.now() - started) / 1000);
}

async function paced(
  ledger: Ledger,
  batches: readonly EntryBatch[],
): Promise<{ p50: number; p99: number; stallMs: number }> {
  const times: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  for (let sent = 0; sent < pacedPerSecond * pacedSeconds; ) {
    const due = ((performance.now() - started) / 1000) * pacedPerSecond;
    for (; sent < due; sent += batchCount) {
      const at = performance.now();
      void append(ledger, batches[(sent / batchCount) % batches.length]!).then(() =>
        times.push(performance.now() - at),
      );
    }
    await sleep(tickMs);
  }
  delay.disable();
  times.sort((a, b) => a - b);
  const at = (share: number) => rounded(times[Math.floor(times.length * share)]!);
  return { p50: at(0.5), p99: at(0.99), stallMs: rounded(delay.max / 1e6) };
}

async function verifyAndStart(
  dir: string,
  entryBytes: number,
  onFigure: LedgerBenchOptions["onFigure"],
): Promise<void> {
  const startedAt = performance.now();
  const { ledger, keys, close } = await openLedger(dir, origin);
  onFigure({
    name: `start on ${ledger.durableSize} entries`,
    value: rounded((performance.now() - startedAt) / 1000),
    unit: "s",
  });
  await close();
  const read = (await readLimit(journalDir(join(dir, "ledger")))) / entryBytes;
  onFigure({ name: "limit: such a log read, one core", value: Math.round(read), unit: "entries/s" });
  const { checkpointSigners: verifiers, roles } = keys;
  const vkeys = [roles.seal.current.vkey];
  const rateWith = async (ahead: SegmentThreads | undefined) => {
    const from = performance.now();
    const seals = new SealKeyChain(vkeys);
    const { entries, ok } = await verifyLog({ dir: join(dir, "ledger"), verifiers, seals, ahead });
    if (!ok) throw new Error("the log that was just written does not verify");
    return Math.round(entries / ((performance.now() - from) / 1000));
  };
  const one = await rateWith(undefined);
  onFigure({ name: "verify the whole log, seals included, one core", value: one, unit: "entries/s" });
  const all = await rateWith(new SegmentThreads({ vkeys }));
  onFigure({ name: `verify the whole log, seals included, ${cores} cores`, value: all, unit: "entries/s" });
}

function append(ledger: Ledger, batch: EntryBatch): Promise<void> {
  return new Promise((resolve, reject) => {
    ledger.append(batch, (error) => (error ? reject(error) : resolve()));
  });
}

function batchOf(count: number, number: number): EntryBatch {
  const entries = Array.from({ length: count }, (_, index) => entryOf(number * count + index));
  const { bundle, ...batch } = entryBatch(entries, false);
  // One piece, as a verify worker hands it over.
  return { ...batch, bundle: [Buffer.concat(bundle)] };
}

function entryOf(index: number): Uint8Array {
  return encodeEntry({
    kind: "reading",
    payload: randomBytes(payloadBytes),
    receivedUs: 1_790_000_000_000_000 + index,
    keyEpoch: 1,
    deviceId: `bench-${index % 16}`,
    format: "envelope",
    source: "mqtt",
    firmware: "",
  });
}

function bytesOf({ bundle }: EntryBatch): number {
  return bundle.reduce((sum, { length }) => sum + length, 0);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
