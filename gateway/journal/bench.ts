/** What the journal alone can take, beside what the disk under it can: no device, no signature check, no database. */
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { ed25519Signer } from "../../src/ledger/ed25519-line.ts";
import { hashBytes, leafHashInto } from "../../src/ledger/merkle.ts";
import type { EntryBatch } from "../../src/ledger/types.ts";
import { diskFiles } from "./disk-files.ts";
import { Ledger } from "./ledger.ts";

export interface JournalFigures {
  /** Appending and syncing 16 KiB by itself. */
  readonly fdatasyncMs: { readonly p50: number; readonly p99: number };
  /** As fast as it goes. */
  readonly entriesPerSecond: number;
  /** From append to durable, at the given rate. */
  readonly durableMs: { readonly p50: number; readonly p99: number };
  /** Of one core at that rate: hashing of leaves and tree, framing, CRC, checkpoints, and this bench itself. */
  readonly cpuShare: number;
}

const batchCount = 256;
const entryBytes = 240;
const pendingLimitBytes = 8 * 2 ** 20;
const origin = "bench.invalid/ledger/1";

/**
 * @param dir an empty directory; left behind with what was written, about 270 bytes an entry
 * @param rate entries per second of the paced run
 */
export async function benchJournal(dir: string, rate: number, seconds: number): Promise<JournalFigures> {
  const fdatasyncMs = await syncTimes(join(dir, "raw"), 500);
  const ledger = await Ledger.open({
    dir: join(dir, "ledger"),
    origin,
    signers: [ed25519Signer(origin, generateKeyPairSync("ed25519").privateKey)],
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onFatal: (error) => {
      throw error;
    },
  });
  const entries = rate * seconds;
  const started = performance.now();
  await append(ledger, entries, () => 0);
  const entriesPerSecond = entries / ((performance.now() - started) / 1000);
  const cpu = process.cpuUsage();
  const pacedFrom = performance.now();
  const durableMs = await append(ledger, entries, (appended) => pacedFrom + (appended / rate) * 1000);
  const { user, system } = process.cpuUsage(cpu);
  const cpuShare = (user + system) / 1000 / (performance.now() - pacedFrom);
  await ledger.close();
  return { fdatasyncMs, entriesPerSecond, durableMs, cpuShare };
}

/** @param due when, on performance.now()'s clock, the batch after so many entries may go */
async function append(
  ledger: Ledger,
  entries: number,
  due: (appended: number) => number,
): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  let durable = Promise.resolve();
  for (let appended = 0; appended < entries; appended += batchCount) {
    while (performance.now() < due(appended) || ledger.pendingBytes > pendingLimitBytes) await turn();
    const appendedAt = performance.now();
    durable = new Promise((resolve, reject) => {
      ledger.append(batch(appended), (error) => {
        times.push(performance.now() - appendedAt);
        if (error) reject(error);
        else resolve();
      });
    });
  }
  await durable;
  return quantiles(times);
}

function batch(first: number): EntryBatch {
  const bundle = Buffer.alloc(batchCount * (2 + entryBytes));
  const leafHashes = Buffer.alloc(batchCount * hashBytes);
  for (let index = 0; index < batchCount; index++) {
    const start = index * (2 + entryBytes);
    bundle.writeUInt16BE(entryBytes, start);
    bundle.writeUInt32BE(first + index, start + 2);
    leafHashInto(bundle.subarray(start + 2, start + 2 + entryBytes), leafHashes, index * hashBytes);
  }
  return { count: batchCount, bundle: [bundle], leafHashes, control: false };
}

async function syncTimes(path: string, count: number): Promise<{ p50: number; p99: number }> {
  await diskFiles.makeDirectory(join(path, ".."));
  const file = await diskFiles.open(path, "replace");
  const bytes = Buffer.alloc(16 * 1024);
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = performance.now();
    await file.write([bytes], index * bytes.length);
    await file.datasync();
    times.push(performance.now() - started);
  }
  await file.close();
  return quantiles(times);
}

function quantiles(times: number[]): { p50: number; p99: number } {
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
