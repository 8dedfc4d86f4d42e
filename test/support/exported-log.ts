/** Small logs as `ledger export --tiles` writes them, held in memory, to be looked at or to be damaged. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportTiles } from "../../gateway/journal/export-tiles.ts";
import { PayloadRemoval } from "../../gateway/journal/payload-removal.ts";
import { PublishedLog } from "../../gateway/journal/published-log.ts";
import { Turns } from "../../gateway/journal/turns.ts";
import { formatCheckpoint } from "../../src/ledger/checkpoint.ts";
import { encodeEntry } from "../../src/ledger/entry.ts";
import { type Policy, parsePolicy } from "../../src/ledger/policy.ts";
import type { LineKey } from "../../src/ledger/portable-lines.ts";
import type { LogDirectory } from "../../src/ledger/verify-directory.ts";
import { FaultyFiles } from "./faulty-files.ts";
import { ledgerDir, openLedger, origin, silent } from "./ledger-workload.ts";
import { readingLeaf, record } from "./removal-support.ts";
import { logKeys, policyOf } from "./signed-log.ts";

export const keys = logKeys(origin);
export const policyText = policyOf(keys);
/** Signed by both keys, and closed into small blocks. */
export const signedByBoth = { signers: keys.signers, block: { leaves: 7, ms: 86_400_000 } };

/** The policy of these logs. What was verified once is remembered: nothing but the same bytes gets the same answer. */
export function rememberingPolicy(): Policy {
  const policy = parsePolicy(policyText);
  if (!policy.ok) throw new Error(policy.detail);
  const logs = new Map([...policy.value.logs].map(([name, lines]) => [name, lines.map(remembering)]));
  return { ...policy.value, logs };
}

function remembering({ verifier, ...key }: LineKey): LineKey {
  const answers = new Map<string, boolean>();
  const verify: typeof verifier.verify = (checkpoint, signature) => {
    const question = `${formatCheckpoint(checkpoint)}${Buffer.from(signature).toString("hex")}`;
    const answer = answers.get(question) ?? verifier.verify(checkpoint, signature);
    answers.set(question, answer);
    return answer;
  };
  return { ...key, verifier: { ...verifier, verify } };
}

export class ExportedLog implements LogDirectory {
  readonly files: ReadonlyMap<string, Buffer>;

  constructor(files: ReadonlyMap<string, Buffer>) {
    this.files = files;
  }

  get paths(): string[] {
    return [...this.files.keys()].sort();
  }

  async read(path: string): Promise<Buffer> {
    return this.files.get(path)!;
  }

  bytes(path: string): Buffer {
    return this.files.get(path)!;
  }

  /** The same with one file changed, or without it. */
  with(path: string, bytes: Uint8Array | undefined): ExportedLog {
    const files = new Map(this.files);
    if (bytes === undefined) files.delete(path);
    else files.set(path, Buffer.from(bytes));
    return new ExportedLog(files);
  }
}

/** What `ledger export --tiles` writes of a ledger on these files. @param dir to go on in */
export async function exportOf(files: FaultyFiles, dir?: string): Promise<ExportedLog> {
  const target = dir ?? mkdtempSync(join(tmpdir(), "mycogate-exported-"));
  const log = new PublishedLog({ dir: ledgerDir, files });
  try {
    await exportTiles(log, target);
    const names = readdirSync(target, { recursive: true, encoding: "utf8" });
    const paths = names.filter((name) => statSync(join(target, name)).isFile());
    return new ExportedLog(new Map(paths.map((path) => [path, readFileSync(join(target, path))])));
  } finally {
    await log.close();
    if (dir === undefined) rmSync(target, { recursive: true });
  }
}

interface Upkeep {
  /** Every third reading is taken out. */
  readonly erase?: boolean;
  /** Readings before this one are taken out, in whole bundles. */
  readonly pruneBefore?: number;
}

/** A closed ledger of readings of three devices in turn, in blocks of seven. */
export async function ledgerOfReadings(count: number, upkeep: Upkeep = {}): Promise<FaultyFiles> {
  const files = new FaultyFiles();
  await growLedger(files, count, upkeep);
  return files;
}

/** Adds readings, then takes some out. */
export async function growLedger(
  files: FaultyFiles,
  count: number,
  { erase, pruneBefore }: Upkeep = {},
): Promise<void> {
  const ledger = await openLedger(files, signedByBoth);
  const leaves = Array.from({ length: count }, (_, seq) =>
    readingLeaf(`dev-${seq % 3}`, seq, Buffer.from(`value ${seq}`)),
  );
  for (let at = 0; at < count; at += 3) await record(ledger, leaves.slice(at, at + 3), false);
  const removal = await PayloadRemoval.open({
    ledger,
    record: (event) => record(ledger, [encodeEntry(event)], true),
    nowUs: () => 9e15,
    turns: new Turns(),
    log: silent,
  });
  if (erase) await (await removal.erase("dev-1")).done;
  if (pruneBefore !== undefined) await removal.prune(1_760_000_000_000_000 + pruneBefore * 1000, 10_000);
  await ledger.close();
}
