/** `mycogate ledger policy | prove | export`: the log for those who do not trust the gateway. */
import { resolve } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { encodeBase64 } from "../../../src/ledger/base64.ts";
import { blockProofJson } from "../../../src/ledger/block-proof.ts";
import { type Checkpoint, openCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { formatProofFile } from "../../../src/ledger/proof-file.ts";
import { loadConfig } from "../../config/config.ts";
import { keyPlace } from "../../config/key-place.ts";
import { findLedger } from "../../config/ledgers.ts";
import { MasExport, type MasReport } from "../../journal/export-mas.ts";
import { type ExportReport, exportTiles } from "../../journal/export-tiles.ts";
import { PublishedLog } from "../../journal/published-log.ts";
import { allPublicKeys, openSigningKeys, type PublicKey } from "../../journal/signing-keys.ts";
import { CoseReceipts } from "../../services/cose-receipts.ts";
import { witnessPolicyLines } from "../../witness/config.ts";
import { type CommandContext, type CommandHandler, type CommonOptions, print, UsageError } from "../context.ts";
import { ProgressBar } from "../progress-bar.ts";

export interface LedgerOptions extends CommonOptions {
  readonly origin?: string;
}

/** Prints the policy that says: believe this log, and only with both of its signatures, and those of its witnesses. */
export const printPolicy: CommandHandler<LedgerOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const { origin } = findLedger(config, context.options.origin);
  const keys = origin === undefined ? [] : await allPublicKeys(keyPlace(config, origin));
  // A key that is prepared too: who learns of it now needs no new policy later.
  const vkeysOf = (kind: PublicKey["role"]) => keys.filter(({ role }) => role === kind).map(({ vkey }) => vkey);
  const vkeys = vkeysOf("checkpoint");
  if (vkeys.length === 0)
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  const witnesses = witnessPolicyLines(config.witness);
  const logLines = vkeys.map((vkey) => `log ${vkey}`);
  const sealLines = vkeysOf("seal").map((vkey) => `#seals ${vkey}`);
  const policy = [...logLines, ...sealLines, "require ed25519+mldsa44", ...witnesses].join("\n");
  print(context, { origin, policy: `${policy}\n` }, policy);
  return 0;
};

export interface ProveOptions extends LedgerOptions {
  /** True without a value. */
  readonly cose?: true | string;
  readonly block?: boolean;
  readonly leaf?: boolean;
}

/** Prints the proof of one leaf: as a proof file, or in one of the other forms. */
export const proveLeaf: CommandHandler<ProveOptions> = async (context) => {
  const text = context.args[0]!;
  const leafIndex = Number(text);
  if (!/^(0|[1-9]\d*)$/.test(text) || !Number.isSafeInteger(leafIndex))
    throw new UsageError(`${text} is no leaf index`);
  const file = await withLog(context, (log) => proofOf(leafIndex, log, context));
  const { json } = context.options;
  // A file is bytes: no newline is added to them.
  const inJson = typeof file === "string" ? file : encodeBase64(file);
  context.io.out(json ? `${JSON.stringify({ leafIndex, proof: inJson })}\n` : file);
  return 0;
};

async function proofOf(
  leafIndex: number,
  log: PublishedLog,
  { options, sources }: CommandContext<ProveOptions>,
): Promise<string | Uint8Array> {
  const { cose, block, leaf } = options;
  if ([cose, block, leaf].filter(Boolean).length > 1) throw new UsageError("one of --cose, --block and --leaf");
  const by = cose === true ? "ed25519" : cose;
  if (by !== undefined && by !== "ed25519" && by !== "mldsa44")
    throw new UsageError(`--cose ${by}: the keys are ed25519 and mldsa44`);
  const proof = await log.inclusion(leafIndex);
  if (proof === undefined)
    throw new GatewayError("ENTRY_NOT_FOUND", `no signed checkpoint covers an entry ${leafIndex} yet`);
  if (leaf) return proof.leaf!;
  if (block) {
    const inBlock = await log.blockProof(leafIndex);
    if (inBlock === undefined)
      throw new GatewayError("ENTRY_NOT_FOUND", `entry ${leafIndex} is in no block that is sealed and signed yet`);
    return `${JSON.stringify(blockProofJson(inBlock), undefined, 2)}\n`;
  }
  if (by === undefined) return formatProofFile(proof);
  const config = loadConfig(sources);
  const { origin, dir } = findLedger(config, options.origin);
  const keys = await openSigningKeys({ ...keyPlace(config, origin!), ledgerDir: dir, nowUs: () => 0, make: false });
  try {
    // Or a journal and a checkpoint that somebody has put there would get a signature of ours.
    const open = (note: string): Checkpoint => {
      const opened = openCheckpoint(note, origin!, keys.checkpointVerifiers);
      if (opened.ok) return opened.value;
      throw new GatewayError("CHECKPOINT_INVALID", `the stored checkpoint does not hold: ${opened.detail}`);
    };
    const receipt = await new CoseReceipts(log, keys.cose, open).inclusion(leafIndex, by);
    if (receipt === undefined) throw new GatewayError("ENTRY_NOT_FOUND", "a log of one entry has no receipts");
    return receipt;
  } finally {
    await keys.close();
  }
}

export interface ExportOptions extends LedgerOptions {
  readonly tiles?: string;
  readonly mas?: string;
  readonly masTables?: string;
}

/** Writes the static directory of C2SP tlog-tiles, and second copies for tools that read a MAS ledger. */
export const exportLedger: CommandHandler<ExportOptions> = async (context) => {
  const { tiles, mas, masTables } = context.options;
  if (tiles === undefined && mas === undefined && masTables === undefined)
    throw new UsageError("say where to: --tiles <dir>, --mas <file> or --mas-tables <dir>");
  const progress = new ProgressBar(context.io, "entries");
  const show = (done: number, of: number) => progress.show(done, of);
  const reports = await withLog(context, async (log) => {
    const ledgerDir = findLedger(loadConfig(context.sources), context.options.origin).dir;
    const masExport = new MasExport({ log, ledgerDir, onProgress: show });
    const path = (name: string) => resolve(context.io.cwd, name);
    return {
      tiles: tiles === undefined ? undefined : await exportTiles(log, path(tiles), show),
      mas: mas === undefined ? undefined : await masExport.jsonl(path(mas)),
      masTables: masTables === undefined ? undefined : await masExport.tables(path(masTables)),
    };
  });
  progress.clear();
  print(context, reports, reportLines(reports, context.options).join("\n"));
  return 0;
};

function reportLines(
  { tiles, mas, masTables }: { tiles?: ExportReport; mas?: MasReport; masTables?: MasReport },
  to: ExportOptions,
): string[] {
  const lines: string[] = [];
  if (tiles !== undefined) {
    const { origin, size, filesWritten, filesKept } = tiles;
    lines.push(`${origin}: ${size} entries in ${to.tiles} (${filesWritten} files written, ${filesKept} tiles kept)`);
  }
  const copies = [
    [mas, to.mas],
    [masTables, to.masTables],
  ] as const;
  for (const [report, where] of copies) {
    if (report !== undefined)
      lines.push(
        `${report.origin}: ${report.entries} entries of ${report.blocks} blocks in ${where}; their order, no proof`,
      );
  }
  return lines;
}

async function withLog<T>(
  { sources, options }: CommandContext<LedgerOptions>,
  use: (log: PublishedLog) => Promise<T>,
): Promise<T> {
  const log = new PublishedLog({ dir: findLedger(loadConfig(sources), options.origin).dir });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}
