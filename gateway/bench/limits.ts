/** The raw limits of this machine at this moment, beside which the gateway's figures mean something. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import pino from "pino";
import { leafHash } from "../../src/ledger/merkle.ts";
import { projectRoot } from "../project-root.ts";
import { benchCopy } from "../store/bench-copy.ts";
import { EmbeddedPostgres } from "../store/embedded-postgres.ts";
import { workerUrl } from "../worker-url.ts";
import type { LoadGenerator, LoadResult } from "./load-generator.ts";

/** Ed25519 verifications per second by libsodium on `cores` threads at once. */
export async function verifyLimit(cores: number, milliseconds = 2_000): Promise<number> {
  const rates = await Promise.all(
    Array.from({ length: cores }, async () => {
      const worker = new Worker(workerUrl(import.meta.url, "./verify-limit-worker"), { workerData: { milliseconds } });
      const [rate] = (await once(worker, "message")) as [number];
      return rate;
    }),
  );
  return rates.reduce((sum, rate) => sum + rate, 0);
}

/** What the same load makes of aedes alone: the most that an MQTT front in Node acknowledges here, and how soon. */
export async function bareBroker(
  generator: LoadGenerator,
  load: { messages: number; perSecond: number; window: number },
): Promise<LoadResult> {
  const child: ChildProcess = fork(`${projectRoot}dist/gateway/bench/bare-broker.js`);
  const [port] = (await once(child, "message")) as [number];
  try {
    return await generator.run({ port, ...load });
  } finally {
    child.kill();
  }
}

/** Envelopes of six readings per second that an idle embedded PostgreSQL takes by COPY. */
export async function copyLimit(): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), "mycogate-copy-"));
  chmodSync(dataDir, 0o755);
  const postgres = new EmbeddedPostgres({ dataDir }, pino({ level: "silent" }));
  try {
    return (await benchCopy(await postgres.open())).wide.entriesPerSecond;
  } finally {
    await postgres.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** SHA-256 leaf hashes per second of these entries, on one core. */
export function hashLimit(entries: readonly Uint8Array[], milliseconds = 1_000): number {
  const until = performance.now() + milliseconds;
  const started = performance.now();
  let hashed = 0;
  while (performance.now() < until) {
    for (const entry of entries) leafHash(entry);
    hashed += entries.length;
  }
  return (hashed * 1000) / (performance.now() - started);
}

/** Bytes per second that the disk takes in one file, made durable after each chunk. */
export async function writeLimit(dir: string, chunkBytes: number, milliseconds = 1_000): Promise<number> {
  const chunk = randomBytes(chunkBytes);
  const file = await open(join(dir, "write-limit"), "w");
  try {
    const started = performance.now();
    let written = 0;
    for (; performance.now() < started + milliseconds; written += chunkBytes) {
      await file.write(chunk);
      await file.datasync();
    }
    return (written * 1000) / (performance.now() - started);
  } finally {
    await file.close();
  }
}

/** Bytes per second that the files of a directory are read with, one after the other, from wherever the system has them. */
export async function readLimit(dir: string): Promise<number> {
  const chunk = Buffer.allocUnsafe(512 * 1024);
  const started = performance.now();
  let read = 0;
  for (const name of await readdir(dir)) {
    const file = await open(join(dir, name), "r");
    try {
      for (let more = 1; more > 0; read += more) more = (await file.read(chunk)).bytesRead;
    } finally {
      await file.close();
    }
  }
  return (read * 1000) / (performance.now() - started);
}

export const cores = availableParallelism();
