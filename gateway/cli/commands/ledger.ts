/** `mycogate ledger verify`: read the whole log, believe nothing, name the first bad place. */
import { createSecretKey, type KeyObject } from "node:crypto";
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
import { SegmentThreads } from "../../journal/segment-threads.ts";
import { allPublicKeys } from "../../journal/signing-keys.ts";
import { type VerifyProblem, type VerifyReport, verifyLog } from "../../journal/verify-log.ts";
import { type FoundMark, marksDir, VerifyMark } from "../../journal/verify-mark.ts";
import { type CommandContext, type CommandHandler, print, UsageError } from "../context.ts";
import { InterruptibleRun } from "../interruptible-run.ts";

export interface VerifyOptions {
  readonly origin?: string;
  readonly vkey?: readonly string[];
  readonly resume?: boolean;
}

export const verifyLedger: CommandHandler<VerifyOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const ledger = findLedger(config, context.options.origin);
  const history = await announcedKeysIn(ledger.dir);
  const vkeys = context.options.vkey ?? (await ownVkeys(config, ledger.origin));
  const { origin, verifiers, seals, sealVkeys, hmacKey } = await logKeys(vkeys, history, ledger.dir, config);
  const mark = await markOf(context, ledger.dir, [...vkeys, config.ledger.hmacKey ?? ""]);
  const earlier = context.options.resume ? await earlierRun(context, mark) : undefined;
  const run = new InterruptibleRun(context, mark, earlier?.part.state.leaf ?? 0);
  const report = await verifyLog({
    dir: ledger.dir,
    verifiers,
    seals,
    ahead: new SegmentThreads({ vkeys: seals === undefined ? [] : sealVkeys, hmacKey }),
    from: earlier?.part,
    onProgress: (entries, of) => run.show(entries, of),
    onPart: (part) => run.keep(part),
  }).finally(() => run.close());
  await run.completed();
  const before = earlier && { resumedAt: earlier.part.state.leaf, earlierRun: earlier.time };
  print(context, { origin, ...report, ...before }, describe(origin, report, earlier));
  return report.ok ? 0 : 1;
};

type EarlierRun = Exclude<FoundMark, { unusable: string }>;

async function markOf(
  { io }: CommandContext<VerifyOptions>,
  ledgerDir: string,
  keys: readonly string[],
): Promise<VerifyMark | undefined> {
  const dir = marksDir(io.env);
  return dir === undefined ? undefined : VerifyMark.open(dir, ledgerDir, keys);
}

/** @returns undefined where it begins with the first entry, having said why */
async function earlierRun(
  { io }: CommandContext<VerifyOptions>,
  mark: VerifyMark | undefined,
): Promise<EarlierRun | undefined> {
  const found = (await mark?.read()) ?? { unusable: "without HOME or XDG_STATE_HOME nothing is kept of a run" };
  if (!("unusable" in found)) return found;
  io.err(`beginning with the first entry: ${found.unusable}\n`);
  return undefined;
}

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
  /** All that the seals' key has been, as far as is known. */
  readonly sealVkeys: readonly string[];
  readonly hmacKey: KeyObject | undefined;
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
    sealVkeys: [...new Set([...seals, ...history.chain("seal")])],
    hmacKey: hmac,
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
  earlier: EarlierRun | undefined,
): string {
  const { tornBytes, root, problem } = report;
  const lines = [
    ["log", origin],
    ["entries", String(entries)],
    ...(earlier ? [["of these", `${earlier.part.state.leaf} by the run that had come there at ${earlier.time}`]] : []),
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
