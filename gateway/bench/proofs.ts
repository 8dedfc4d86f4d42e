/** `mycogate bench proofs`: how long proofs take on a ledger of a given size, one after the other, from its files. */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inclusionProof, ProofCache } from "../../src/ledger/prove.ts";
import { loadConfig } from "../config/config.ts";
import { ensureIdentity } from "../config/identity.ts";
import { checkpointPath } from "../journal/checkpoint-file.ts";
import { PublishedLog } from "../journal/published-log.ts";
import { buildJournal } from "./build-journal.ts";
import type { BenchFigure } from "./ingest.ts";
import { openLedger } from "./open-ledger.ts";

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
    const log = new PublishedLog({ dir: join(dir, "ledger"), newest: () => text });
    const { size } = (await log.checkpoint())!.checkpoint;
    const cache = new ProofCache();
    const somewhere = () => Math.floor(Math.random() * size);
    const readTile = async (level: number, index: number, width: number) =>
      (await log.tile({ level, index, width })) ?? new Uint8Array();
    const kinds: readonly (readonly [name: string, prove: () => Promise<unknown>])[] = [
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
    await log.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
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
