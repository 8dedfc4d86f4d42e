/**
 * What a witness decides about a checkpoint that it is asked to cosign: whether a log it knows signed it, and whether it
 * extends the one that was cosigned last. The answers are those of C2SP tlog-witness, by their HTTP status.
 */
import { type Checkpoint, checkLine, parseCheckpoint } from "./checkpoint.ts";
import { sha256 } from "./hash.ts";
import { type NoteSignature, parseNote } from "./note.ts";
import type { LineKey } from "./portable-lines.ts";
import { sameHash, verifyConsistency } from "./proof.ts";
import type { AddCheckpoint } from "./witness-request.ts";

/** Keys of the logs that are witnessed, by origin. Of every type among a log's keys, one must have signed. */
export type KnownLogs = ReadonlyMap<string, readonly LineKey[]>;

export type WitnessVerdict =
  /** To be cosigned, once nothing can be cosigned any more that contradicts it. @see signatures the log's own, checked */
  | { readonly status: 200; readonly checkpoint: Checkpoint; readonly signatures: readonly NoteSignature[] }
  /** @see size of the checkpoint that was cosigned last */
  | { readonly status: 409; readonly size: number }
  | { readonly status: 400 | 403 | 404; readonly detail: string }
  /** @see isFork it has the size of what was cosigned last and another root: two histories, both signed by the log */
  | { readonly status: 422; readonly detail: string; readonly isFork: boolean };

/** Total. @param latest what was cosigned last for a log, undefined before the first */
export function judgeCheckpoint(
  { oldSize, proof, note }: AddCheckpoint,
  logs: KnownLogs,
  latest: (origin: string) => Checkpoint | undefined,
): WitnessVerdict {
  const parsed = parseNote(note);
  if (!parsed.ok) return { status: 400, detail: parsed.detail };
  // Extension lines are refused here: the ML-DSA-44 cosignature would not cover them.
  const read = parseCheckpoint(parsed.value.text);
  if (!read.ok) return { status: 400, detail: read.detail };
  const checkpoint = read.value;
  const { origin, size, root } = checkpoint;
  const keys = logs.get(origin);
  if (keys === undefined) return { status: 404, detail: "no such log is witnessed here" };
  const signatures = logSignatures(checkpoint, parsed.value.signatures, keys);
  if (typeof signatures === "string") return { status: 403, detail: signatures };
  if (oldSize > size) return { status: 400, detail: `an old size of ${oldSize} for a checkpoint of ${size}` };
  const last = latest(origin);
  if (oldSize !== (last?.size ?? 0)) return { status: 409, size: last?.size ?? 0 };
  if (size === 0 && !sameHash(root, sha256(new Uint8Array(0))))
    return { status: 422, detail: "not the root of the empty tree", isFork: false };
  const extendsLast =
    last === undefined || last.size === 0
      ? proof.length === 0
      : verifyConsistency(last.size, size, last.root, root, proof);
  const isFork = size > 0 && size === last?.size && !sameHash(root, last.root);
  if (!extendsLast) return { status: 422, detail: `not shown to extend the checkpoint of ${oldSize}`, isFork };
  return { status: 200, checkpoint, signatures };
}

/** The lines of the log's keys, all of which hold, or what is wrong with them. */
function logSignatures(
  checkpoint: Checkpoint,
  signatures: readonly NoteSignature[],
  keys: readonly LineKey[],
): readonly NoteSignature[] | string {
  const lines = keys.map((key) => ({ ...key, state: checkLine(checkpoint, signatures, key.verifier) }));
  if (lines.some(({ state }) => state === "bad")) return "a signature of a known key does not verify";
  const holding = lines.filter(({ state }) => state === "holds");
  const missing = keys.find(({ type }) => !holding.some((line) => line.type === type));
  if (missing !== undefined) return `not signed with an ${missing.type} key of the log`;
  return signatures.filter(({ name, keyId }) =>
    holding.some(({ verifier }) => verifier.name === name && verifier.keyId === keyId),
  );
}
