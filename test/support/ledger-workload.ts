/** A ledger on files that fail, the entries it is given, and what must hold of it afterwards. */
import { generateKeyPairSync, hash } from "node:crypto";
import { expect } from "vitest";
import type { FilePort } from "../../gateway/journal/file-port.ts";
import { forEachEntry } from "../../gateway/journal/frame.ts";
import { Ledger, type LedgerOptions } from "../../gateway/journal/ledger.ts";
import type { JournalLogger } from "../../gateway/journal/logger.ts";
import { type SealSigner, sealSigner } from "../../gateway/journal/seal-key.ts";
import { verifyLog } from "../../gateway/journal/verify-log.ts";
import type { GatewayError } from "../../src/errors.ts";
import { entryBatch } from "../../src/ledger/bundle.ts";
import { type Checkpoint, type CheckpointSigner, formatCheckpoint } from "../../src/ledger/checkpoint.ts";
import { ed25519Signer, ed25519Vkey } from "../../src/ledger/ed25519-line.ts";
import { leafHash, MerkleTree } from "../../src/ledger/merkle.ts";
import { encodeSeal, looksLikeSeal } from "../../src/ledger/seal.ts";

export const origin = "gw.test/ledger/1";
export const signer = ed25519Signer(origin, generateKeyPairSync("ed25519").privateKey);
const sealKey = generateKeyPairSync("ed25519").privateKey;
export const seals = sealSigner(sealKey);
export const sealVkey = ed25519Vkey(`${origin}#seals`, sealKey);
export interface WorkloadKeys {
  readonly signers: readonly CheckpointSigner[];
  readonly seals: SealSigner;
}
const realKeys: WorkloadKeys = { signers: [signer], seals };

/** A digest in place of a signature: for simulations that ask what is signed when, thousands of times, and not by whom. */
export const digestKeys: WorkloadKeys = { signers: [digestSigner()], seals: digestSeals() };

function digestSigner(): CheckpointSigner {
  const sign = (checkpoint: Checkpoint) => hash("sha512", `checkpoint ${formatCheckpoint(checkpoint)}`, "buffer");
  return { name: origin, keyId: 7, sign, verify: (checkpoint, signature) => sign(checkpoint).equals(signature) };
}

function digestSeals(): SealSigner {
  const digest = (bytes: Uint8Array) => hash("sha512", bytes, "buffer");
  const flawOf: SealSigner["flawOf"] = ({ signedBytes, signature }) =>
    digest(signedBytes).equals(signature) ? undefined : "has a digest that is another";
  return { flawOf, flawSoon: async (signed) => flawOf(signed), sign: (seal) => encodeSeal(seal, digest) };
}

/** For tests that count entries. */
export const noBlocks = { leaves: 1_000_000, ms: 86_400_000 };
export const silent: JournalLogger = { info: () => {}, warn: () => {}, error: () => {} };
export const ledgerDir = "/data/ledger";

/** Segments of a few frames, no waiting: everything that happens, happens often. */
export function openLedger(files: FilePort, options: Partial<LedgerOptions> = {}): Promise<Ledger> {
  return Ledger.open({
    dir: ledgerDir,
    origin,
    signers: [signer],
    seals,
    block: noBlocks,
    nowUs: () => Date.now() * 1000,
    files,
    log: silent,
    onFatal: () => {},
    segmentBytes: 1200,
    checkpointIntervalMs: 0,
    probeIntervalMs: 1,
    ...options,
  });
}

/** Closed every few frames, so that crashes find seals at every stage. */
const smallBlocks = { leaves: 6, ms: 86_400_000 };

/** Appends in rounds of several batches, as devices would: what is not acknowledged is sent again. */
export class Workload {
  /** By leaf index, as acknowledged. */
  readonly acked = new Map<number, string>();
  readonly published: Checkpoint[] = [];
  fatal: GatewayError | undefined;
  readonly keys: WorkloadKeys;
  readonly #random: () => number;
  #made = 0;
  #nextIndex = 0;
  #files: FilePort | undefined;

  constructor(random: () => number, keys = realKeys) {
    this.#random = random;
    this.keys = keys;
  }

  /** @returns when all rounds are acknowledged, or the ledger has failed. @throws what opening throws */
  async run(files: FilePort, rounds: number): Promise<void> {
    this.fatal = undefined;
    this.#files = files;
    const onFatal = (error: GatewayError) => {
      // A gateway whose power is off may still stumble over that while the next one is running.
      if (this.#files === files) this.fatal = error;
    };
    const ledger = await openLedger(files, { ...this.keys, onFatal, block: smallBlocks });
    this.#nextIndex = ledger.size;
    // What a start finds or signs is there for everyone to read.
    if (ledger.latest !== undefined) this.published.push(ledger.latest.checkpoint);
    ledger.onCheckpoint(({ checkpoint }) => this.published.push(checkpoint));
    for (let round = 0; round < rounds && ledger.state !== "failed"; round++) {
      const batches = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => this.#batch());
      await Promise.all(batches.map((entries) => this.#send(ledger, entries)));
      // Checkpoints are signed between rounds, when timers get their turn.
      if (this.#random() < 0.4) await new Promise((resolve) => setTimeout(resolve, 2));
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
    // Not by `expect`, which would take longer than the ledger.
    if (this.fatal !== undefined) throw new Error("an acknowledgement after a failure", { cause: this.fatal });
    if (index < this.#nextIndex) throw new Error(`leaf ${index} acknowledged after ${this.#nextIndex - 1}`);
    this.#nextIndex = index + 1;
    this.acked.set(index, text);
  }
}

/**
 * Reads every entry back and checks them against what was acknowledged and published before, and the seals against them.
 * @returns the entries that are no seals
 */
export async function expectNothingLost(files: FilePort, { acked, published, keys }: Workload): Promise<string[]> {
  const ledger = await openLedger(files, { ...keys, block: smallBlocks });
  const entries: string[] = [];
  for await (const { bundle } of ledger.frames(0, ledger.durableSize)) {
    forEachEntry(bundle, (entry) => entries.push(Buffer.from(entry).toString("latin1")));
  }
  expect(entries.length).toBe(ledger.durableSize);
  for (const [index, text] of acked) if (entries[index] !== text) expect(entries[index], `leaf ${index}`).toBe(text);
  expect(new Set(entries).size, "no entry twice").toBe(entries.length);
  const tree = new MerkleTree();
  const roots = [tree.root()];
  for (const text of entries) {
    tree.append(leafHash(Buffer.from(text, "latin1")));
    roots.push(tree.root());
  }
  for (const { size, root } of published) {
    const now = roots[size];
    if (now === undefined || Buffer.compare(root, now) !== 0)
      expect(now, "a published checkpoint still holds").toEqual(root);
  }
  for (let index = 0; index < entries.length; index += 7) {
    const read = Buffer.from((await ledger.readEntry(index))!).toString("latin1");
    if (read !== entries[index]) expect(read).toBe(entries[index]);
  }
  await ledger.close();
  const own = entries.filter((text) => !looksLikeSeal(Buffer.from(text, "latin1")));
  expect(await verifyLog({ dir: ledgerDir, verifiers: keys.signers, seals: keys.seals, files })).toMatchObject({
    ok: true,
    checkpointed: entries.length,
    blocks: entries.length - own.length,
  });
  return own;
}
