/** `mycogate ledger verify`: read the whole log, believe nothing, name the first bad place. */
import { join } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import type { CheckpointVerifier } from "../../../src/ledger/checkpoint.ts";
import { checkpointVerifier } from "../../../src/ledger/checkpoint-verifier.ts";
import { type Config, loadConfig } from "../../config/config.ts";
import { findIdentity } from "../../config/identity.ts";
import { checkpointVkey } from "../../journal/checkpoint-key.ts";
import { type VerifyProblem, type VerifyReport, verifyLog } from "../../journal/verify-log.ts";
import { type CommandHandler, print, UsageError } from "../context.ts";
import { ProgressBar } from "../progress-bar.ts";

export interface VerifyOptions {
  readonly vkey?: string;
}

export const verifyLedger: CommandHandler<VerifyOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const verifier = await verifierOf(config, context.options.vkey);
  const progress = new ProgressBar(context.io, "entries");
  const report = await verifyLog({
    dir: join(config.data, "ledger"),
    verifiers: [verifier],
    onProgress: (entries, of) => progress.show(entries, of),
  });
  progress.clear();
  print(context, { origin: verifier.name, ...report }, describe(verifier.name, report));
  return report.ok ? 0 : 1;
};

async function verifierOf(config: Config, given: string | undefined): Promise<CheckpointVerifier> {
  const identity = findIdentity(config);
  const vkey = given ?? (identity && (await checkpointVkey(join(config.data, "keys"), identity.ledgerOrigin)));
  if (vkey === undefined) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  }
  const verifier = checkpointVerifier(vkey);
  if (!verifier.ok) throw new UsageError(`this vkey cannot be used: ${verifier.detail}`);
  return verifier.value;
}

function describe(
  origin: string,
  { entries, checkpointed, notYetCheckpointed, tornBytes, root, problem }: VerifyReport,
): string {
  const lines = [
    ["log", origin],
    ["entries", String(entries)],
    ["checkpointed", notYetCheckpointed > 0 ? `${checkpointed}, ${notYetCheckpointed} not yet` : String(checkpointed)],
    ["root", root ?? "none yet"],
  ];
  if (tornBytes > 0) lines.push(["unfinished", `${tornBytes} bytes at the end, a commit under way or cut short`]);
  lines.push(["result", problem ? `FAILED: ${place(problem)}` : "every entry is in its place"]);
  return lines.map(([name, value]) => `${name!.padEnd(12)} ${value}`).join("\n");
}

function place({ what, file, offset, leafIndex }: VerifyProblem): string {
  const where = [
    file,
    offset === undefined ? undefined : `byte ${offset}`,
    leafIndex === undefined ? undefined : `leaf ${leafIndex}`,
  ].filter((part) => part !== undefined);
  return where.length > 0 ? `${what} (${where.join(", ")})` : what;
}
