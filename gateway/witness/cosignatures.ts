/**
 * The cosignatures that this gateway's checkpoints have got. All witnesses are asked about one checkpoint at a time, the
 * target: were each asked about the newest, a growing log could have many half cosigned and never one by a quorum.
 */
import { type Checkpoint, checkLine, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { formatNote, type NoteSignature, parseNote } from "../../src/ledger/note.ts";
import type { LineKey } from "../../src/ledger/portable-lines.ts";
import { isMet, type Quorum } from "../../src/ledger/quorum.ts";
import { readCheckpointFile, type StoredCheckpoint, storeCheckpoint } from "../journal/checkpoint-file.ts";
import type { FilePort } from "../journal/file-port.ts";
import type { JournalLogger } from "../journal/logger.ts";
import { witnessedPath } from "../journal/published-log.ts";

export interface CosignaturesOptions {
  readonly files: FilePort;
  readonly ledgerDir: string;
  /** Names and keys of the witnesses that the quorum speaks of. */
  readonly witnesses: ReadonlyMap<string, LineKey>;
  readonly quorum: Quorum;
  /** Told when there is another target to ask about. */
  readonly onTarget: () => void;
  readonly log: JournalLogger;
}

/** A target that gets no quorum is given up for the newest checkpoint after this time. */
const roundMs = 3_000;
/** The newest checkpoint is published without a quorum when the last one with it is older than this. */
const publishPatienceMs = 10_000;

export class Cosignatures {
  readonly #options: CosignaturesOptions;
  #newest: StoredCheckpoint | undefined;
  #target: StoredCheckpoint | undefined;
  #signatures: readonly NoteSignature[] = [];
  #witnessed: StoredCheckpoint | undefined;
  /** Since when the newest checkpoint is larger than the witnessed one. */
  #behindSinceMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #storing: Promise<void> = Promise.resolve();
  #stopped = false;

  private constructor(options: CosignaturesOptions) {
    this.#options = options;
  }

  /** With what was witnessed before, as far as it still meets the policy. */
  static async open(options: CosignaturesOptions): Promise<Cosignatures> {
    const cosignatures = new Cosignatures(options);
    const text = await readCheckpointFile(options.files, witnessedPath(options.ledgerDir));
    const note = parseNote(text ?? "");
    const checkpoint = note.ok ? parseCheckpoint(note.value.text) : note;
    if (text !== undefined && note.ok && checkpoint.ok) {
      if (cosignatures.#suffices(checkpoint.value, note.value.signatures))
        cosignatures.#witnessed = { text, checkpoint: checkpoint.value };
    }
    return cosignatures;
  }

  /** What the witnesses are to be asked about. */
  get target(): StoredCheckpoint | undefined {
    return this.#target;
  }

  /** The largest checkpoint for which the quorum holds. */
  get witnessed(): StoredCheckpoint | undefined {
    return this.#witnessed;
  }

  /** For those who read the log: the newest, or the newest with a quorum where that is only a little older. */
  get published(): string | undefined {
    const isRecent = performance.now() - this.#behindSinceMs < publishPatienceMs;
    if (this.#witnessed !== undefined && (this.#isAhead() === false || isRecent)) return this.#witnessed.text;
    return this.#newest && this.#withSignatures(this.#newest);
  }

  /** The newest, with what it has. */
  get newest(): string | undefined {
    if (this.#newest !== undefined && this.#newest.checkpoint.size === this.#witnessed?.checkpoint.size)
      return this.#witnessed.text;
    return this.#newest && this.#withSignatures(this.#newest);
  }

  /** This gateway has signed another checkpoint. */
  signed(stored: StoredCheckpoint): void {
    if (!this.#isAhead()) this.#behindSinceMs = performance.now();
    this.#newest = stored;
    if (this.#target === undefined || this.#target.checkpoint.size === this.#witnessed?.checkpoint.size)
      this.#nextTarget();
  }

  /** Lines that hold, of one witness on the checkpoint with this size. */
  add(size: number, signatures: readonly NoteSignature[]): void {
    const target = this.#target;
    if (target === undefined || target.checkpoint.size !== size) return;
    const isNew = ({ name, keyId }: NoteSignature) =>
      !signatures.some((line) => line.name === name && line.keyId === keyId);
    this.#signatures = [...this.#signatures.filter(isNew), ...signatures];
    if (!this.#suffices(target.checkpoint, this.#signatures)) return;
    this.#witnessed = { text: this.#withSignatures(target), checkpoint: target.checkpoint };
    if (this.#isAhead()) this.#behindSinceMs = performance.now();
    this.#store(this.#witnessed.text);
    if (this.#isAhead()) this.#nextTarget();
  }

  /** Resolves when what is witnessed is on the disk. */
  async close(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#storing;
  }

  #isAhead(): boolean {
    return (this.#newest?.checkpoint.size ?? 0) > (this.#witnessed?.checkpoint.size ?? -1);
  }

  #nextTarget(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#target = this.#newest;
    this.#signatures = [];
    this.#timer = setTimeout(() => this.#giveUp(), roundMs).unref();
    this.#options.onTarget();
  }

  #giveUp(): void {
    if (this.#newest !== this.#target) this.#nextTarget();
    else this.#timer = setTimeout(() => this.#giveUp(), roundMs).unref();
  }

  #suffices(checkpoint: Checkpoint, signatures: readonly NoteSignature[]): boolean {
    const { witnesses, quorum } = this.#options;
    if (quorum.kind === "none" || witnesses.size === 0) return false;
    const holding = [...witnesses].filter(
      ([, { verifier }]) => checkLine(checkpoint, signatures, verifier) === "holds",
    );
    return isMet(quorum, new Set(holding.map(([name]) => name)));
  }

  #withSignatures(stored: StoredCheckpoint): string {
    const note = parseNote(stored.text);
    if (stored !== this.#target || !note.ok) return stored.text;
    return formatNote({ text: note.value.text, signatures: [...note.value.signatures, ...this.#signatures] });
  }

  /** The newest only, one after the other; what a full disk refuses is asked for again after a restart. */
  #store(text: string): void {
    const { files, ledgerDir, log } = this.#options;
    this.#storing = this.#storing.then(async () => {
      if (this.#witnessed?.text !== text) return;
      await storeCheckpoint(files, witnessedPath(ledgerDir), text).catch((error) =>
        log.warn({ err: error }, "a witnessed checkpoint could not be stored"),
      );
    });
  }
}
