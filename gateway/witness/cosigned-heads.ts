/**
 * What a witness must never forget: the newest checkpoint it has cosigned of each log, one file each. A file that cannot be
 * read is not the same as none: its log gets no cosignature until an operator has looked.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Checkpoint, checkLine, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { parseNote } from "../../src/ledger/note.ts";
import type { LineKey } from "../../src/ledger/portable-lines.ts";
import { readCheckpointFile, storeCheckpoint } from "../journal/checkpoint-file.ts";
import type { FilePort } from "../journal/file-port.ts";

export interface CosignedHead {
  readonly checkpoint: Checkpoint;
  /** POSIX seconds, as cosigned. */
  readonly time: bigint;
  /** With the log's signatures that were checked, and our cosignatures. */
  readonly note: string;
}

/** @returns lower-case hex: how the C2SP witness API names a log in paths */
export function originHash(origin: string): string {
  return createHash("sha256").update(origin).digest("hex");
}

export class CosignedHeads {
  readonly #files: FilePort;
  readonly #dir: string;
  readonly #heads = new Map<string, CosignedHead>();
  /** Why a log's file cannot be used, by origin. */
  readonly #unusable = new Map<string, string>();

  private constructor(files: FilePort, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** @param dir `<data>/witness`, made when missing @param ownKeys the witness's: one of them has to have cosigned */
  static async open(
    files: FilePort,
    dir: string,
    origins: Iterable<string>,
    ownKeys: readonly LineKey[],
  ): Promise<CosignedHeads> {
    const heads = new CosignedHeads(files, dir);
    await files.makeDirectory(dir);
    // A file may have got its name just before the process before this one was killed.
    await files.syncDirectory(dir);
    for (const origin of origins) await heads.#load(origin, ownKeys);
    return heads;
  }

  /** Logs whose file cannot be used, with the reason. */
  get unusable(): ReadonlyMap<string, string> {
    return this.#unusable;
  }

  latest(origin: string): CosignedHead | undefined {
    return this.#heads.get(origin);
  }

  /** By `originHash`. */
  byHash(hash: string): CosignedHead | undefined {
    return [...this.#heads].find(([origin]) => originHash(origin) === hash)?.[1];
  }

  /** Resolves once the head is durable; until then, and if it fails, the one before it stands. */
  async keep(head: CosignedHead): Promise<void> {
    const { origin } = head.checkpoint;
    await storeCheckpoint(this.#files, this.#path(origin), head.note);
    this.#heads.set(origin, head);
  }

  async #load(origin: string, ownKeys: readonly LineKey[]): Promise<void> {
    const note = await readCheckpointFile(this.#files, this.#path(origin));
    if (note === undefined) return;
    const head = headIn(note, origin, ownKeys);
    if (head !== undefined) this.#heads.set(origin, head);
    else this.#unusable.set(origin, `${this.#path(origin)} is not a checkpoint of ${origin} that was cosigned here`);
  }

  #path(origin: string): string {
    return join(this.#dir, originHash(origin));
  }
}

function headIn(note: string, origin: string, ownKeys: readonly LineKey[]): CosignedHead | undefined {
  const parsed = parseNote(note);
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  if (!parsed.ok || !checkpoint.ok || checkpoint.value.origin !== origin) return undefined;
  const { signatures } = parsed.value;
  const own = ownKeys.filter(({ verifier }) => checkLine(checkpoint.value, signatures, verifier) === "holds");
  // Both lines have one time.
  const line = signatures.find(({ name, keyId }) =>
    own.some(({ verifier }) => verifier.name === name && verifier.keyId === keyId),
  );
  if (line === undefined) return undefined;
  return { checkpoint: checkpoint.value, time: Buffer.from(line.signature).readBigUInt64BE(), note };
}
