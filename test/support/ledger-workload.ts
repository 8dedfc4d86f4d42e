/** A ledger on files that fail, the entries it is given, and what must hold of it afterwards. */
import { generateKeyPairSync } from "node:crypto";
import { expect } from "vitest";
import type { FilePort } from "../../gateway/journal/file-port.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import { Ledger, type LedgerOptions } from "../../gateway/journal/ledger.ts";
import type { JournalLogger } from "../../gateway/journal/logger.ts";
import { verifyLog } from "../../gateway/journal/verify-log.ts";
import type { GatewayError } from "../../src/errors.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import { ed25519Signer } from "../../src/ledger/ed25519-line.ts";
import { leafHash, MerkleTree } from "../../src/ledger/merkle.ts";

export const origin = "gw.test/ledger/1";
export const signer = ed25519Signer(origin, generateKeyPairSync("ed25519").privateKey);
export const silent: JournalLogger = { info: () => {}, warn: () => {}, error: () => {} };
export const ledgerDir = "/data/ledger";

/** Segments of a few frames, no waiting: everything that happens, happens often. */
export function openLedger(files: FilePort, options: Partial<LedgerOptions> = {}): Promise<Ledger> {
  return Ledger.open({
    dir: ledgerDir,
    origin,
    signers: [signer],
    files,
    log: silent,
    onFatal: () => {},
    segmentBytes: 1200,
    checkpointIntervalMs: 0,
    probeIntervalMs: 1,
    ...options,
  });
}

/** Appends in rounds of several batches, as devices would: what is not acknowledged is sent again. */
export class Workload {
  /** By leaf index, as acknowledged. */
  readonly acked = new Map<number, string>();
  readonly published: Checkpoint[] = [];
  fatal: GatewayError | undefined;
  readonly #random: () => number;
  #made = 0;
  #nextIndex = 0;
  #files: FilePort | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** @returns when all rounds are acknowledged, or the ledger has failed. @throws what opening throws */
  async run(files: FilePort, rounds: number): Promise<void> {
    this.fatal = undefined;
    this.#files = files;
    const onFatal = (error: GatewayError) => {
      // A gateway whose power is off may still stumble over that while the next one is running.
      if (this.#files === files) this.fatal = error;
    };
    const ledger = await openLedger(files, { onFatal });
    this.#nextIndex = ledger.size;
    ledger.onCheckpoint(({ checkpoint }) => this.published.push(checkpoint));
    for (let round = 0; round < rounds && ledger.state !== "failed"; round++) {
      const batches = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => this.#batch());
      await Promise.all(batches.map((entries) => this.#send(ledger, entries)));
    }
    await ledger.close();
  }

  #batch(): string[] {
    const count = 1 + Math.floor(this.#random() * 4);
    return Array.from({ length: count }, () => `entry ${this.#made++} ${"x".repeat(Math.floor(this.#random() * 150))}`);
  }

  /** Until it is acknowledged or the ledger fails. */
  async #send(ledger: Ledger, entries: string[]): Promise<void> {
    const control = this.#random() < 0.3;
    const batch = entryBatch(
      entries.map((text) => Buffer.from(text)),
      control,
    );
    for (;;) {
      while (ledger.state === "full") await new Promise((resolve) => setTimeout(resolve, 1));
      if (ledger.state !== "open") return;
      const done = await new Promise<boolean>((resolve) => {
        const first = ledger.append(batch, (error) => {
          if (error === undefined) {
            for (const [index, text] of entries.entries()) this.#acknowledge(first + index, text);
          }
          resolve(error === undefined);
        });
      });
      if (done) return;
    }
  }

  #acknowledge(index: number, text: string): void {
    expect(this.fatal, "no acknowledgement after a failure").toBeUndefined();
    expect(index, "in order, and no index twice").toBe(this.#nextIndex++);
    this.acked.set(index, text);
  }
}

/** Reads every entry back and checks them against what was acknowledged and published before. */
export async function expectNothingLost(files: FilePort, { acked, published }: Workload): Promise<string[]> {
  const ledger = await openLedger(files);
  const entries: string[] = [];
  for await (const { bundle } of ledger.frames(0, ledger.durableSize)) {
    forEachEntry(bundle, (entry) => entries.push(Buffer.from(entry).toString()));
  }
  expect(entries.length).toBe(ledger.durableSize);
  for (const [index, text] of acked) expect(entries[index]).toBe(text);
  expect(new Set(entries).size, "no entry twice").toBe(entries.length);
  const tree = new MerkleTree();
  const roots = [tree.root()];
  for (const text of entries) {
    tree.append(leafHash(Buffer.from(text)));
    roots.push(tree.root());
  }
  for (const { size, root } of published) expect(root, "a published checkpoint still holds").toEqual(roots[size]);
  for (let index = 0; index < entries.length; index += 7) {
    expect(Buffer.from((await ledger.readEntry(index))!).toString()).toBe(entries[index]);
  }
  await ledger.close();
  expect(await verifyLog({ dir: ledgerDir, verifiers: [signer], files })).toMatchObject({
    ok: true,
    checkpointed: entries.length,
  });
  return entries;
}
