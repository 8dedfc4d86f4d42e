/** The ingest path with a real journal and real worker threads, for tests of what becomes of uploads. */
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import pino from "pino";
import { ChainDesk } from "../../gateway/ingest/chain-desk.ts";
import { Counters } from "../../gateway/ingest/counters.ts";
import { Ingest } from "../../gateway/ingest/ingest.ts";
import { QuarantineLog } from "../../gateway/ingest/quarantine-log.ts";
import { rememberFrame } from "../../gateway/ingest/rebuild-dedupe.ts";
import { diskFiles } from "../../gateway/journal/disk-files.ts";
import type { FilePort } from "../../gateway/journal/file-port.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import { Ledger } from "../../gateway/journal/ledger.ts";
import { sealSigner } from "../../gateway/journal/seal-key.ts";
import { SegmentedLog } from "../../gateway/journal/segmented-log.ts";
import { EventLog } from "../../gateway/registry/event-log.ts";
import { Registry } from "../../gateway/registry/registry.ts";
import { replayEvents } from "../../gateway/registry/replay-events.ts";
import { QuarantineDesk } from "../../gateway/services/quarantine-service.ts";
import { DedupeWindow } from "../../src/ingest/dedupe-window.ts";
import type { Outcome, Upload } from "../../src/ingest/upload.ts";
import { ed25519Signer } from "../../src/ledger/ed25519-line.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { looksLikeSeal } from "../../src/ledger/seal.ts";

const log = pino({ level: "silent" });
const { privateKey } = generateKeyPairSync("ed25519");
/** Payload bytes that ingest has room for. */
export const maxPendingBytes = 200_000;
export const signatureWaitUs = 3_600_000_000;

export class IngestBench {
  private constructor(
    readonly ledger: Ledger,
    readonly ingest: Ingest,
    readonly quarantine: QuarantineLog,
    readonly counters: Counters,
    readonly registry: Registry,
    readonly desk: QuarantineDesk,
    readonly chains: ChainDesk,
  ) {}

  static async open(dir: string, files: FilePort = diskFiles, nowUs = () => Date.now() * 1000): Promise<IngestBench> {
    const onFatal = (error: Error): never => {
      throw error;
    };
    const signers = [ed25519Signer("test.invalid/ledger", privateKey)];
    const ledger = await Ledger.open({
      dir: join(dir, "ledger"),
      origin: "test.invalid/ledger",
      signers,
      seals: sealSigner(privateKey),
      nowUs,
      files,
      log,
      onFatal,
      probeIntervalMs: 20,
    });
    const chains = new ChainDesk(signatureWaitUs);
    const quarantine = await QuarantineLog.open(
      await SegmentedLog.open({ dir: join(dir, "quarantine"), log, onFatal }),
      { maxItems: 10_000, maxBytes: 2 ** 26, maxAgeDays: 1 },
      chains,
    );
    const events = new EventLog(ledger);
    const registry = new Registry({ events, nowUs, onChange: (devices) => ingest.updateDevices(devices) });
    await replayEvents(ledger, registry);
    const dedupe = new DedupeWindow(10_000);
    for await (const frame of ledger.frames(0, ledger.durableSize)) rememberFrame(dedupe, chains, frame);
    const counters = new Counters();
    const trustedTransports = new Set(["serial"] as const);
    const ingest = new Ingest({
      ledger,
      quarantine,
      chains,
      dedupe,
      counters,
      workers: 2,
      maxPendingBytes,
      trustedTransports,
      nowUs,
      onAccepted: () => {},
      onFatal,
    });
    ingest.updateDevices(registry.list());
    ingest.start();
    return new IngestBench(
      ledger,
      ingest,
      quarantine,
      counters,
      registry,
      new QuarantineDesk({ log: quarantine, ingest, events, nowUs }),
      chains,
    );
  }

  async close(): Promise<void> {
    await this.ingest.stop();
    await this.quarantine.close();
    await this.ledger.close();
  }

  send(payload: Uint8Array, more: Partial<Upload> = {}): Promise<Outcome> {
    const upload: Upload = {
      transport: "mqtt",
      format: "envelope",
      payload,
      deviceId: "alice",
      source: "mqtt",
      ...more,
    };
    return new Promise((resolve, reject) => {
      this.ingest.submit(upload, (error, outcome) => (error ? reject(error) : resolve(outcome!)));
    });
  }

  /** Leaf indexes of the blocks' seals. */
  async seals(): Promise<number[]> {
    const seals: number[] = [];
    for await (const { firstLeaf, bundle } of this.ledger.frames(0, this.ledger.durableSize)) {
      forEachEntry(bundle, (entry, index) => {
        if (looksLikeSeal(entry)) seals.push(firstLeaf + index);
      });
    }
    return seals;
  }

  async payloadAt(leafIndex: number): Promise<Buffer> {
    const entry = decodeEntry((await this.ledger.readEntry(leafIndex))!);
    if (!entry.ok || entry.value.kind !== "reading") throw new Error("not a reading");
    return Buffer.from(entry.value.payload);
  }
}
