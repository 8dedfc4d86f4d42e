/** The raw limits of this machine at this moment, beside which the gateway's figures mean something. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import pino from "pino";
import { projectRoot } from "../project-root.ts";
import { benchCopy } from "../store/bench-copy.ts";
import { EmbeddedPostgres } from "../store/embedded-postgres.ts";
import { workerUrl } from "../worker-url.ts";
import type { LoadGenerator } from "./load-generator.ts";

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

/** QoS 1 messages per second that aedes alone acknowledges, from the same generator with the same messages. */
export async function bareBrokerLimit(generator: LoadGenerator, messages: number, window: number): Promise<number> {
  const child: ChildProcess = fork(`${projectRoot}dist/gateway/bench/bare-broker.js`);
  const [port] = (await once(child, "message")) as [number];
  try {
    const { acked, seconds } = await generator.run({ port, messages, perSecond: 0, window });
    return acked / seconds;
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

export const cores = availableParallelism();
