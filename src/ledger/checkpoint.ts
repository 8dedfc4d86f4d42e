/**
 * C2SP checkpoints (tlog-checkpoint v1.0.0): the size and root hash of a log, as a signed note. Without extension lines,
 * which not every signature type covers.
 */
import { accept, type Result, refuse } from "../result.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { hashBytes } from "./hash.ts";
import { formatNote, type NoteSignature, parseNote } from "./note.ts";

export interface Checkpoint {
  /** The log's name for ever, a URL without its scheme. */
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** One line's key. Types differ in what they sign, so each gets the checkpoint rather than the text. */
export interface CheckpointVerifier {
  readonly name: string;
  readonly keyId: number;
  verify(checkpoint: Checkpoint, signature: Uint8Array): boolean;
}

export interface CheckpointSigner extends CheckpointVerifier {
  sign(checkpoint: Checkpoint): Uint8Array | Promise<Uint8Array>;
}

export type CheckpointReject =
  | "NOTE_MALFORMED"
  | "CHECKPOINT_MALFORMED"
  | "ORIGIN_MISMATCH"
  | "SIGNATURE_MISSING"
  | "SIGNATURE_INVALID";

/** The text of the note. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/** Of the text of a note. Sizes from 2^53 on are refused. */
export function parseCheckpoint(text: string): Result<Checkpoint, "CHECKPOINT_MALFORMED"> {
  const [, origin = "", digits = "", encoded = ""] = /^([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n$/.exec(text) ?? [];
  const size = Number(digits);
  const root = decodeBase64(encoded);
  if (origin === "" || !Number.isSafeInteger(size) || root?.length !== hashBytes) {
    return refuse("CHECKPOINT_MALFORMED", "not an origin, a size and a root hash");
  }
  return accept({ origin, size, root });
}

/** The signed note, one line per signer in their order. */
export async function signCheckpoint(checkpoint: Checkpoint, signers: readonly CheckpointSigner[]): Promise<string> {
  const sign = async (signer: CheckpointSigner): Promise<NoteSignature> => {
    return { name: signer.name, keyId: signer.keyId, signature: await signer.sign(checkpoint) };
  };
  return formatNote({ text: formatCheckpoint(checkpoint), signatures: await Promise.all(signers.map(sign)) });
}

/**
 * Reads a signed checkpoint that every one of `verifiers` must have signed: a missing line is a failure, or a stronger
 * signature could simply be left out. Lines of unknown keys are ignored.
 */
export function openCheckpoint(
  note: string,
  origin: string,
  verifiers: readonly CheckpointVerifier[],
): Result<Checkpoint, CheckpointReject> {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return checkpoint;
  if (checkpoint.value.origin !== origin) return refuse("ORIGIN_MISMATCH", `signed for ${checkpoint.value.origin}`);
  for (const verifier of verifiers) {
    const line = checkLine(checkpoint.value, parsed.value.signatures, verifier);
    const key = `${verifier.name}+${verifier.keyId.toString(16).padStart(8, "0")}`;
    if (line === "absent") return refuse("SIGNATURE_MISSING", `not signed by ${key}`);
    if (line === "bad") return refuse("SIGNATURE_INVALID", `the signature of ${key} does not verify`);
  }
  return checkpoint;
}

/** Of a note's signatures, those of one key. A key id is only a hint: a line with the key's name and id has to verify. */
export function checkLine(
  checkpoint: Checkpoint,
  signatures: readonly NoteSignature[],
  { name, keyId, verify }: CheckpointVerifier,
): "holds" | "absent" | "bad" {
  const lines = signatures.filter((line) => line.name === name && line.keyId === keyId);
  if (lines.length === 0) return "absent";
  return lines.every(({ signature }) => verify(checkpoint, signature)) ? "holds" : "bad";
}
