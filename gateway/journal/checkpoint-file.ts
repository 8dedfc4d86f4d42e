import { dirname, join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { type Checkpoint, type CheckpointVerifier, openCheckpoint } from "../../src/ledger/checkpoint.ts";
import { cosignedTime } from "../../src/ledger/mldsa44-line.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { diskFiles } from "./disk-files.ts";
import { type FilePort, isMissing } from "./file-port.ts";

/** A note with a hundred ML-DSA-44 lines, as a great many witnesses make them, is shorter. */
const maxBytes = 400_000;

export interface StoredCheckpoint {
  /** The signed note. */
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

export function checkpointPath(ledgerDir: string): string {
  return join(ledgerDir, "checkpoint");
}

/** The signed note as stored, or undefined before the first. It may be anything: it is still to be verified. */
export async function readCheckpointFile(files: FilePort, path: string): Promise<string | undefined> {
  try {
    const file = await files.open(path, "read");
    try {
      const bytes = Buffer.alloc(Math.min(await file.size(), maxBytes));
      return bytes.subarray(0, await file.read(bytes, 0)).toString("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** @throws GatewayError CHECKPOINT_INVALID: it was written whole or not at all, so no power cut explains it */
export async function loadCheckpoint(
  files: FilePort,
  path: string,
  origin: string,
  verifiers: readonly CheckpointVerifier[],
): Promise<StoredCheckpoint | undefined> {
  const text = await readCheckpointFile(files, path);
  if (text === undefined) return undefined;
  const opened = openCheckpoint(text, origin, verifiers);
  if (opened.ok) return { text, checkpoint: opened.value };
  throw new GatewayError("CHECKPOINT_INVALID", `${path}: ${opened.detail}`, {
    details: { path, reject: opened.reject, origin },
  });
}

/**
 * POSIX seconds that `signer` signed into the stored checkpoint; 0 without one. Not verified: opening the ledger does that.
 * @param ledgerDir `<data>/ledger`
 */
export async function lastCosignedTime(ledgerDir: string, { name, keyId }: CheckpointVerifier): Promise<bigint> {
  const note = parseNote((await readCheckpointFile(diskFiles, checkpointPath(ledgerDir))) ?? "");
  const lines = note.ok ? note.value.signatures : [];
  const own = lines.find((line) => line.name === name && line.keyId === keyId);
  return (own && cosignedTime(own.signature)) ?? 0n;
}

/** Replaces the checkpoint durably; a power cut leaves the old one or the new one. */
export async function storeCheckpoint(files: FilePort, path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await files.open(temporary, "replace");
  try {
    await file.write([Buffer.from(text)], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await files.rename(temporary, path);
  await files.syncDirectory(dirname(path));
}
