/**
 * `mycogate bench ingest`: a whole gateway with its embedded database, a load generator in another process, and the
 * limits of the machine measured in the same run. Every figure is printed as soon as it is known.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildJournal } from "./build-journal.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { bareBroker, copyLimit, cores, verifyLimit } from "./limits.ts";
import { LoadGenerator, type LoadResult } from "./load-generator.ts";

export interface BenchIngestOptions {
  readonly connections: number;
  /** Envelopes sent at full speed. */
  readonly messages: number;
  /** Go on at full speed for so long and watch the memory; 0 leaves that out. */
  readonly minutes: number;
  /** Entries of the journal whose recovery is timed; 0 leaves that out. */
  readonly recoveryEntries: number;
  readonly onFigure: (figure: BenchFigure) => void;
  readonly onProgress: (line: string) => void;
}

export interface BenchFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const readings = 6;
/** Unacknowledged messages per connection: enough to keep every stage busy, and few enough to see queueing as latency. */
const fullWindow = 64;
/** At a given rate the window is no limit. */
const pacedWindow = 2_000;
const pacedSeconds = 10;
const slowRate = 500;
const slowMessages = slowRate * pacedSeconds;
/** After so many messages the compiler of JavaScript has done its work. */
const warmingRate = 3_000;
/** Short enough to end close to the minute. */
const soakChunk = 50_000;

export async function benchIngest(options: BenchIngestOptions): Promise<void> {
  const { connections } = options;
  const dir = mkdtempSync(join(tmpdir(), "mycogate-bench-"));
  chmodSync(dir, 0o755);
  const { generator, devices } = await LoadGenerator.prepare({ connections, readings, prefix: "mycobrain" });
  try {
    const bench = new IngestBench(options, generator);
    await bench.limits();
    await bench.gateway(join(dir, "data"), devices);
    if (options.recoveryEntries > 0) await bench.recovery(join(dir, "recovery"));
  } finally {
    generator.end();
    rmSync(dir, { recursive: true, force: true });
  }
}

class IngestBench {
  readonly #options: BenchIngestOptions;
  readonly #generator: LoadGenerator;

  constructor(options: BenchIngestOptions, generator: LoadGenerator) {
    this.#options = options;
    this.#generator = generator;
  }

  async limits(): Promise<void> {
    const { messages } = this.#options;
    this.#figure("limit: libsodium verify, one core", await verifyLimit(1), "signatures/s");
    this.#figure(`limit: libsodium verify, ${cores} cores`, await verifyLimit(cores), "signatures/s");
    await this.#sign(messages);
    const fast = await bareBroker(this.#generator, { messages, perSecond: 0, window: fullWindow });
    this.#figure("limit: bare aedes", fast.acked / fast.seconds, "messages/s");
    await this.#sign(slowMessages);
    const slow = await bareBroker(this.#generator, {
      messages: slowMessages,
      perSecond: slowRate,
      window: pacedWindow,
    });
    this.#figure(`limit: bare aedes at ${slowRate}/s, PUBACK p50`, slow.p50, "ms");
    this.#figure(`limit: bare aedes at ${slowRate}/s, PUBACK p99`, slow.p99, "ms");
    this.#figure("limit: COPY of this schema", await copyLimit(), "envelopes/s");
  }

  async gateway(dataDir: string, devices: readonly { id: string; publicKey: string }[]): Promise<void> {
    const first = await GatewayProcess.start(dataDir);
    this.#figure("first start to ready", first.secondsToReady, "s");
    await first.databaseCaughtUp();
    await first.stop();
    const gateway = await GatewayProcess.start(dataDir);
    try {
      this.#figure("later start to ready", gateway.secondsToReady, "s");
      await gateway.databaseCaughtUp();
      await gateway.enrol(devices);
      await this.#latency(gateway, "just started, ", slowRate, slowMessages);
      await this.#latency(gateway, "", warmingRate, warmingRate * pacedSeconds);
      await this.#latency(gateway, "", slowRate, slowMessages);
      const { messages, minutes } = this.#options;
      await this.#fullSpeed(gateway, "just started, ", messages);
      const rate = await this.#fullSpeed(gateway, "", messages);
      const paced = Math.round(rate * 0.8);
      await this.#latency(gateway, "", paced, Math.min(messages, paced * pacedSeconds));
      // The disk still has what came before to write.
      await this.#latency(gateway, "after full speed, ", slowRate, slowMessages);
      if (minutes > 0) await this.#soak(gateway, minutes, rate);
    } finally {
      await gateway.stop();
    }
  }

  async recovery(dataDir: string): Promise<void> {
    const { recoveryEntries, onProgress } = this.#options;
    onProgress(`building a journal of ${recoveryEntries} entries`);
    await buildJournal(dataDir, recoveryEntries);
    const gateway = await GatewayProcess.start(dataDir);
    this.#figure(`start to ready on ${recoveryEntries} entries`, gateway.secondsToReady, "s");
    await gateway.stop();
  }

  /** Envelopes per second from the first PUBLISH until the database has the last one. @returns the rate */
  async #fullSpeed(gateway: GatewayProcess, when: string, messages: number): Promise<number> {
    await this.#sign(messages);
    const before = await gateway.stats();
    const memory = new MemoryWatch(gateway);
    const started = performance.now();
    const result = await this.#run(gateway, 0, messages);
    await gateway.databaseCaughtUp();
    const seconds = (performance.now() - started) / 1000;
    memory.stop();
    const after = await gateway.stats();
    const stored = after.stored - before.stored;
    if (stored !== result.acked || after.inFlight !== 0) {
      throw new Error(
        `${result.acked} envelopes were acknowledged, ${stored} stored, ${after.inFlight} still in flight`,
      );
    }
    this.#figure(`${when}full speed, acknowledged`, result.acked / result.seconds, "envelopes/s");
    this.#figure(`${when}full speed, sustained with the database`, stored / seconds, "envelopes/s");
    this.#figure(`${when}full speed, PUBACK p50`, result.p50, "ms");
    this.#figure(`${when}full speed, PUBACK p99`, result.p99, "ms");
    this.#figure(`${when}full speed, gateway RSS at most`, memory.gateway, "MiB");
    this.#figure(`${when}full speed, database memory at most`, memory.database, "MiB");
    return stored / seconds;
  }

  async #latency(gateway: GatewayProcess, when: string, perSecond: number, messages: number): Promise<void> {
    await this.#sign(messages);
    const { p50, p99 } = await this.#run(gateway, perSecond, messages);
    this.#figure(`${when}at ${perSecond}/s, PUBACK p50`, p50, "ms");
    this.#figure(`${when}at ${perSecond}/s, PUBACK p99`, p99, "ms");
    await gateway.databaseCaughtUp();
  }

  /** Full speed for minutes on end: does memory stay where it is? Each minute's messages are signed before it. */
  async #soak(gateway: GatewayProcess, minutes: number, rate: number): Promise<void> {
    const perMinute = Math.ceil((rate * 60 * 1.2) / soakChunk) * soakChunk;
    let ahead = 0;
    for (let minute = 1; minute <= minutes; minute++) {
      await this.#sign(perMinute - ahead);
      ahead = perMinute;
      const memory = new MemoryWatch(gateway);
      const started = performance.now();
      let acked = 0;
      while (ahead > 0 && performance.now() < started + 60_000) {
        const result = await this.#run(gateway, 0, soakChunk);
        acked += result.acked;
        ahead -= soakChunk;
      }
      memory.stop();
      this.#figure(`minute ${minute}, acknowledged`, (acked * 1000) / (performance.now() - started), "envelopes/s");
      this.#figure(`minute ${minute}, gateway RSS at most`, memory.gateway, "MiB");
    }
    await gateway.databaseCaughtUp();
  }

  #run({ mqttPort: port }: GatewayProcess, perSecond: number, messages: number): Promise<LoadResult> {
    return this.#generator.run({ port, messages, perSecond, window: perSecond === 0 ? fullWindow : pacedWindow });
  }

  #sign(messages: number): Promise<void> {
    this.#options.onProgress(`signing ${messages} envelopes of ${readings} readings`);
    return this.#generator.sign(messages);
  }

  #figure(name: string, value: number, unit: string): void {
    this.#options.onFigure({ name, value, unit });
  }
}

/** The most that was seen, looking every quarter of a second. */
class MemoryWatch {
  gateway = 0;
  database = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(process: GatewayProcess) {
    this.#timer = setInterval(() => {
      const now = process.memory();
      this.gateway = Math.max(this.gateway, now.gateway);
      this.database = Math.max(this.database, now.database);
    }, 250);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
