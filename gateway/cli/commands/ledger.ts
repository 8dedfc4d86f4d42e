/** `mycogate ledger verify`: read the whole log, believe nothing, name the first bad place. */
import { createSecretKey } from "node:crypto";
import { join } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import type { CheckpointVerifier } from "../../../src/ledger/checkpoint.ts";
import { checkpointVerifier } from "../../../src/ledger/checkpoint-verifier.ts";
import { ed25519Verifier } from "../../../src/ledger/ed25519-line.ts";
import { mldsa44Verifier } from "../../../src/ledger/mldsa44-line.ts";
import { type NoteKey, parseVkey, signatureTypes } from "../../../src/ledger/note.ts";
import { type Config, loadConfig } from "../../config/config.ts";
import { findIdentity } from "../../config/identity.ts";
import { type SealVerifier, sealVerifier } from "../../journal/seal-key.ts";
import { ed25519PublicKey, publicKeys, sealKeyName } from "../../journal/signing-keys.ts";
import { type VerifyProblem, type VerifyReport, verifyLog } from "../../journal/verify-log.ts";
import { type CommandHandler, print, UsageError } from "../context.ts";
import { ProgressBar } from "../progress-bar.ts";

export interface VerifyOptions {
  readonly vkey?: readonly string[];
}

export const verifyLedger: CommandHandler<VerifyOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const { origin, verifiers, seals } = logKeys(context.options.vkey ?? (await ownVkeys(config)), config);
  const progress = new ProgressBar(context.io, "entries");
  const report = await verifyLog({
    dir: join(config.data, "ledger"),
    verifiers,
    seals,
    onProgress: (entries, of) => progress.show(entries, of),
  });
  progress.clear();
  print(context, { origin, ...report }, describe(origin, report));
  return report.ok ? 0 : 1;
};

async function ownVkeys(config: Config): Promise<string[]> {
  const identity = findIdentity(config);
  if (identity === undefined) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  }
  return (await publicKeys(join(config.data, "keys"), identity.ledgerOrigin)).map(({ vkey }) => vkey);
}

interface LogKeys {
  readonly origin: string;
  /** Both of the checkpoint: one of them alone would let the other's line be stripped. */
  readonly verifiers: readonly CheckpointVerifier[];
  readonly seals: SealVerifier | undefined;
}

/** @param vkeys in any order; the seals' own key may be missing */
function logKeys(vkeys: readonly string[], { ledger: { hmacKey } }: Config): LogKeys {
  const keys = vkeys.map(noteKeyOf);
  const postQuantum = keys.find(({ type }) => type === signatureTypes.mldsa44);
  const named = (name: string | undefined) =>
    keys.find((key) => key.type === signatureTypes.ed25519 && key.name === name);
  const classical = named(postQuantum?.name);
  if (classical === undefined || postQuantum === undefined) {
    throw new UsageError("both vkeys of the log, Ed25519 and ML-DSA-44, are needed; `mycogate key show` prints them");
  }
  const origin = classical.name;
  const seal = named(sealKeyName(origin));
  const hmac = hmacKey === undefined ? undefined : createSecretKey(hmacKey, "hex");
  return {
    origin,
    verifiers: [ed25519Verifier(origin, classical.publicKey), mldsa44Verifier(origin, postQuantum.publicKey)],
    seals: seal && sealVerifier(ed25519PublicKey(seal.publicKey), hmac),
  };
}

function noteKeyOf(vkey: string): NoteKey {
  const key = parseVkey(vkey);
  const verifier = checkpointVerifier(vkey);
  if (key.ok && verifier.ok) return key.value;
  throw new UsageError(`this vkey cannot be used: ${verifier.ok ? vkey : verifier.detail}`);
}

function describe(
  origin: string,
  { entries, checkpointed, notYetCheckpointed, blocks, sealSignatures, pruned, erased, ...report }: VerifyReport,
): string {
  const { tornBytes, root, problem } = report;
  const lines = [
    ["log", origin],
    ["entries", String(entries)],
    ["checkpointed", notYetCheckpointed > 0 ? `${checkpointed}, ${notYetCheckpointed} not yet` : String(checkpointed)],
    ["blocks", sealSignatures ? String(blocks) : `${blocks}, their signatures unchecked for want of the seals' vkey`],
    ["root", root ?? "none yet"],
  ];
  if (pruned + erased > 0) {
    lines.push([
      "taken out",
      `${pruned} by retention, ${erased} of erased devices: hash, place and order checked; their content cannot be`,
    ]);
  }
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
