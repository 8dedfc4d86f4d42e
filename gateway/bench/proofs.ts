/** `mycogate bench proofs`: how long proofs take on a ledger of a given size, one after the other, from its files. */
import { closeSync, createReadStream, mkdtempSync, openSync, read, rmSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { hashBytes, parentHashes, tileWidth } from "../../src/ledger/merkle.ts";
import { inclusionProof, ProofCache } from "../../src/ledger/prove.ts";
import { loadConfig } from "../config/config.ts";
import { ensureIdentity } from "../config/identity.ts";
import { checkpointPath } from "../journal/checkpoint-file.ts";
import { hashFilePath } from "../journal/hash-files.ts";
import { PublishedLog } from "../journal/published-log.ts";
import { buildJournal } from "./build-journal.ts";
import type { BenchFigure } from "./ingest.ts";
import { openLedger } from "./open-ledger.ts";

const readTo = promisify(read);

export interface BenchProofsOptions {
  /** Readings in the ledger; seals come on top. */
  readonly entries: number;
  /** Proofs of each kind. */
  readonly proofs: number;
  readonly onFigure: (figure: BenchFigure) => void;
  readonly onProgress: (line: string) => void;
}

export async function benchProofs({ entries, proofs, onFigure, onProgress }: BenchProofsOptions): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "mycogate-bench-"));
  try {
    onProgress(`building a ledger of ${entries} entries`);
    await buildJournal(dir, entries);
    const { ledgerOrigin } = ensureIdentity(loadConfig({ flags: { data: dir }, env: {}, cwd: dir }));
    const started = performance.now();
    const opened = await openLedger(dir, ledgerOrigin);
    const seconds = (performance.now() - started) / 1000;
    onFigure({ name: `start on ${opened.ledger.durableSize} leaves`, value: Number(seconds.toFixed(2)), unit: "s" });
    await opened.close();
    const text = (await readFile(checkpointPath(join(dir, "ledger")))).toString();
    // As in a gateway, which knows its checkpoints.
    const log = new PublishedLog({ dir: join(dir, "ledger"), newest: () => text, witnessed: () => undefined });
    await readThrough(join(dir, "ledger"));
    const { size } = (await log.checkpoint())!.checkpoint;
    const cache = new ProofCache();
    const somewhere = () => Math.floor(Math.random() * size);
    const readTile = async (level: number, index: number, width: number) =>
      (await log.tile({ level, index, width })) ?? new Uint8Array();
    const tiles = openSync(hashFilePath(join(dir, "ledger"), 0), "r");
    const kinds: readonly (readonly [name: string, prove: () => Promise<unknown>])[] = [
      ["limit: a tile read and hashed, nothing else", () => readAndHash(tiles, Math.floor(somewhere() / tileWidth))],
      ["path from tiles", () => inclusionProof(somewhere(), size, readTile, cache)],
      ["proof with its leaf, checked", () => log.inclusion(somewhere())],
      ["consistency proof", () => log.consistency(1 + somewhere())],
    ];
    for (const [name, prove] of kinds) {
      const times = await timesOf(prove, proofs);
      for (const percent of [50, 99]) {
        const value = times[Math.floor(((times.length - 1) * percent) / 100)]!;
        onFigure({ name: `${size} leaves, ${name}, p${percent}`, value: Number(value.toFixed(3)), unit: "ms" });
      }
    }
    closeSync(tiles);
    await log.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Puts the ledger into the system's memory, as far as it fits: what the disk takes for a cold read is not measured. */
async function readThrough(ledgerDir: string): Promise<void> {
  for (const name of await readdir(ledgerDir, { recursive: true })) {
    const path = join(ledgerDir, name);
    if ((await stat(path)).isFile()) for await (const _bytes of createReadStream(path));
  }
}

/** What every proof out of many leaves waits for: one tile from its file, and the 255 node hashes of it. */
async function readAndHash(file: number, tile: number): Promise<void> {
  const hashes = Buffer.alloc(tileWidth * hashBytes);
  await readTo(file, hashes, 0, hashes.length, tile * hashes.length);
  for (let level: Buffer = hashes; level.length > hashBytes; ) level = parentHashes(level);
}

/** Milliseconds, ascending. */
async function timesOf(work: () => Promise<unknown>, count: number): Promise<number[]> {
  const times: number[] = [];
  // The first tenth warms up.
  for (let round = -Math.ceil(count / 10); round < count; round++) {
    const started = performance.now();
    await work();
    if (round >= 0) times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b);
}
