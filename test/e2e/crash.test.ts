/** What users are promised, under the worst treatment: processes killed while they work. */
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GatewayProcess } from "../../gateway/bench/gateway-process.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import { JournalReader } from "../../gateway/journal/journal-reader.ts";
import { parseEnvelope } from "../../src/codec/envelope.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { signedEnvelope, testDevice } from "../support/envelopes.ts";
import { scratchDir } from "../support/scratch-dir.ts";

const devices = Array.from({ length: 4 }, (_, index) => testDevice(`crash-${index}`));
let dir: string;
let gateway: GatewayProcess;

beforeEach(() => {
  dir = scratchDir("crash");
});
afterEach(async () => {
  await gateway.stop();
});

/** A device that sends one message after the other, again where it saw no PUBACK, until it is told to stop. */
class PersistentDevice {
  readonly acked: number[] = [];
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  #seq = 1;

  constructor(readonly device: (typeof devices)[number]) {}

  start(port: number): void {
    this.#stopped = false;
    this.#running = this.#run(port);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(port: number): Promise<void> {
    let client: MqttClient | undefined;
    try {
      client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, clientId: this.device.id });
      const lost = new Promise<never>((_, reject) => client!.once("close", () => reject(new Error("connection lost"))));
      lost.catch(() => undefined);
      while (!this.#stopped) {
        // Several in flight, so that a crash finds messages at every stage.
        const batch = Array.from({ length: 20 }, (_, offset) => this.#seq + offset);
        const published = batch.map(async (seq) => {
          await client!.publishAsync(
            `mycobrain/${this.device.id}/envelope`,
            Buffer.from(signedEnvelope(this.device, { seq })),
            { qos: 1 },
          );
          this.acked.push(seq);
        });
        await Promise.race([Promise.all(published), lost]);
        this.#seq += batch.length;
      }
    } catch {
      // The gateway was killed; what was not acknowledged is sent again after the next start.
    } finally {
      client?.removeAllListeners("close");
      client?.end(true);
    }
  }
}

async function seqsInLedger(): Promise<Map<string, number[]>> {
  const seqs = new Map<string, number[]>(devices.map(({ id }) => [id, []]));
  const reader = new JournalReader(join(dir, "ledger", "journal"));
  const { durableSize } = await gateway.stats();
  for await (const { bundle } of reader.frames(0, durableSize)) {
    forEachEntry(bundle, (bytes) => {
      const entry = decodeEntry(bytes);
      if (!entry.ok || entry.value.kind !== "reading") return;
      const envelope = parseEnvelope(entry.value.payload);
      if (envelope.ok) seqs.get(envelope.value.deviceId)!.push(Number(envelope.value.seq));
    });
  }
  await reader.close();
  return seqs;
}

async function seqsInDatabase(deviceId: string): Promise<number[]> {
  const seqs: number[] = [];
  for (let cursor = ""; ; ) {
    const path = `/api/v1/readings?device=${deviceId}&limit=1000&order=asc${cursor}`;
    const { data, next } = await gateway.request<{ data: { seq: number }[]; next: string | null }>("GET", path);
    seqs.push(...data.map(({ seq }) => seq));
    if (next === null) return seqs;
    cursor = `&cursor=${next}`;
  }
}

const ascending = (a: number, b: number): number => a - b;

test("kill -9 under load, again and again: every acknowledged message is in the ledger exactly once, and so in the database", async () => {
  const fleet = devices.map((device) => new PersistentDevice(device));
  for (let round = 0; round < 5; round++) {
    gateway = await GatewayProcess.start(dir);
    if (round === 0)
      await gateway.enrol(devices.map(({ id, publicKey }) => ({ id, publicKey: publicKey.toString("hex") })));
    const { stored } = await gateway.stats();
    for (const device of fleet) device.start(gateway.mqttPort);
    await expect
      .poll(async () => (await gateway.stats()).stored - stored, { timeout: 20_000, interval: 5 })
      .toBeGreaterThan(100 + round * 150);
    await gateway.kill();
    await Promise.all(fleet.map((device) => device.stop()));
  }
  gateway = await GatewayProcess.start(dir);
  for (const device of fleet) device.start(gateway.mqttPort);
  await expect.poll(async () => (await gateway.stats()).stored, { timeout: 20_000 }).toBeGreaterThan(100);
  await Promise.all(fleet.map((device) => device.stop()));
  await gateway.databaseCaughtUp();

  const inLedger = await seqsInLedger();
  for (const { device, acked } of fleet) {
    const seqs = inLedger.get(device.id)!;
    expect(seqs.length, `${device.id}: nothing twice`).toBe(new Set(seqs).size);
    const missing = acked.filter((seq) => !seqs.includes(seq));
    expect(missing, `${device.id}: acknowledged and lost`).toEqual([]);
    expect((await seqsInDatabase(device.id)).sort(ascending)).toEqual(seqs.sort(ascending));
  }
}, 120_000);

test("the database killed under load delays nobody and has everything afterwards", async () => {
  gateway = await GatewayProcess.start(dir);
  await gateway.enrol(devices.map(({ id, publicKey }) => ({ id, publicKey: publicKey.toString("hex") })));
  const fleet = devices.map((device) => new PersistentDevice(device));
  for (const device of fleet) device.start(gateway.mqttPort);
  await expect.poll(async () => (await gateway.stats()).databaseCursor ?? 0, { timeout: 20_000 }).toBeGreaterThan(200);

  process.kill(gateway.databasePid()!, "SIGKILL");
  const { stored } = await gateway.stats();
  await expect.poll(async () => (await gateway.stats()).stored, { timeout: 20_000 }).toBeGreaterThan(stored + 500);
  await Promise.all(fleet.map((device) => device.stop()));
  await gateway.databaseCaughtUp();
  const inLedger = await seqsInLedger();
  for (const { device, acked } of fleet) {
    const seqs = inLedger.get(device.id)!;
    expect(acked.filter((seq) => !seqs.includes(seq))).toEqual([]);
    expect((await seqsInDatabase(device.id)).sort(ascending)).toEqual(seqs.sort(ascending));
  }
}, 120_000);

test("a gateway whose database cannot be reached starts, acknowledges, and says so", async () => {
  gateway = await GatewayProcess.start(dir, { MYCOGATE_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" });
  const [device] = devices;
  await gateway.enrol([{ id: device!.id, publicKey: device!.publicKey.toString("hex") }]);
  const client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  await client.publishAsync(`mycobrain/${device!.id}/envelope`, Buffer.from(signedEnvelope(device!)), { qos: 1 });
  await client.endAsync();
  expect((await gateway.stats()).stored).toBe(1);
  expect(await gateway.text("/readyz")).toContain('"database":{"status":"down"');
  await expect(gateway.request("GET", "/api/v1/readings")).rejects.toThrow("DATABASE_UNAVAILABLE");
});
