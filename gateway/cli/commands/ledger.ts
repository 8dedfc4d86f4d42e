/** `mycogate ledger verify`: read the whole log, believe nothing, name the first bad place. */
import { createSecretKey } from "node:crypto";
import { GatewayError } from "../../../src/errors.ts";
import type { CheckpointVerifier } from "../../../src/ledger/checkpoint.ts";
import { checkpointVerifier } from "../../../src/ledger/checkpoint-verifier.ts";
import type { KeyHistory } from "../../../src/ledger/key-events.ts";
import { type NoteKey, parseNote, parseVkey, signatureTypes } from "../../../src/ledger/note.ts";
import { type Config, loadConfig } from "../../config/config.ts";
import { keyPlace } from "../../config/key-place.ts";
import { findLedger } from "../../config/ledgers.ts";
import { checkpointPath, readCheckpointFile } from "../../journal/checkpoint-file.ts";
import { diskFiles } from "../../journal/disk-files.ts";
import { announcedKeysIn } from "../../journal/key-history.ts";
import { keyNameOf } from "../../journal/role-key.ts";
import type { SealFollower } from "../../journal/seal-key.ts";
import { SealKeyChain } from "../../journal/seal-key-chain.ts";
import { allPublicKeys } from "../../journal/signing-keys.ts";
import { type VerifyProblem, type VerifyReport, verifyLog } from "../../journal/verify-log.ts";
import { type CommandHandler, print, UsageError } from "../context.ts";
import { ProgressBar } from "../progress-bar.ts";

export interface VerifyOptions {
  readonly origin?: string;
  readonly vkey?: readonly string[];
}

export const verifyLedger: CommandHandler<VerifyOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const ledger = findLedger(config, context.options.origin);
  const history = await announcedKeysIn(ledger.dir);
  const vkeys = context.options.vkey ?? (await ownVkeys(config, ledger.origin));
  const { origin, verifiers, seals } = await logKeys(vkeys, history, ledger.dir, config);
  const progress = new ProgressBar(context.io, "entries");
  const report = await verifyLog({
    dir: ledger.dir,
    verifiers,
    seals,
    onProgress: (entries, of) => progress.show(entries, of),
  });
  progress.clear();
  print(context, { origin, ...report }, describe(origin, report));
  return report.ok ? 0 : 1;
};

async function ownVkeys(config: Config, origin: string | undefined): Promise<string[]> {
  if (origin === undefined) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  }
  // With one that the next start announces, the key before it is still the log's.
  const keys = await allPublicKeys(keyPlace(config, origin));
  return keys.filter(({ state }) => state !== "next").map(({ vkey }) => vkey);
}

interface LogKeys {
  readonly origin: string;
  /** Both of the checkpoint: one of them alone would let the other's line be stripped. */
  readonly verifiers: readonly CheckpointVerifier[];
  readonly seals: SealFollower | undefined;
}

/**
 * @param vkeys in any order; the seals' own key may be missing. Each stands for its successors too, which it has signed.
 */
async function logKeys(
  vkeys: readonly string[],
  history: KeyHistory,
  ledgerDir: string,
  config: Config,
): Promise<LogKeys> {
  const keys = vkeys.map(noteKeyOf);
  const origin = keys.find(({ type }) => type === signatureTypes.mldsa44)?.name;
  const ofType = (type: number, name: string | undefined) =>
    vkeys.filter((_, index) => keys[index]!.type === type && keys[index]!.name === name);
  const classical = ofType(signatureTypes.ed25519, origin);
  if (origin === undefined || classical.length === 0) {
    throw new UsageError("both vkeys of the log, Ed25519 and ML-DSA-44, are needed; `mycogate key show` prints them");
  }
  const text = (await readCheckpointFile(diskFiles, checkpointPath(ledgerDir))) ?? "";
  const note = parseNote(text);
  const signedBy = new Set(note.ok ? note.value.signatures.map(({ keyId }) => keyId) : []);
  /** Of one type any will do: the one that was given, or a successor. */
  const verifierOf = (given: readonly string[]): CheckpointVerifier => {
    const verifiers = given.flatMap((vkey) => history.successors(vkey)).map(verifierIn);
    return verifiers.find(({ keyId }) => signedBy.has(keyId)) ?? verifiers[0]!;
  };
  const seals = ofType(signatureTypes.ed25519, keyNameOf("seal", origin));
  const { hmacKey } = config.ledger;
  const hmac = hmacKey === undefined ? undefined : createSecretKey(hmacKey, "hex");
  return {
    origin,
    verifiers: [verifierOf(classical), verifierOf(ofType(signatureTypes.mldsa44, origin))],
    seals: seals.length === 0 ? undefined : new SealKeyChain(seals, history.chain("seal")[0], hmac),
  };
}

function verifierIn(vkey: string): CheckpointVerifier {
  const verifier = checkpointVerifier(vkey);
  if (verifier.ok) return verifier.value;
  throw new UsageError(`this vkey cannot be used: ${verifier.detail}`);
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
