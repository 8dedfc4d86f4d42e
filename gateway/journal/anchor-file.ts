/**
 * A copy of the newest checkpoint in a file that does not share the fate of the data directory: another disk, a mounted
 * share. It remembers what a disk that was put back has forgotten. docs/adr/0067
 */
import { GatewayError } from "../../src/errors.ts";
import { parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { parseNote } from "../../src/ledger/note.ts";
import type { DependencyState } from "../http/services.ts";
import { readCheckpointFile, storeCheckpoint } from "./checkpoint-file.ts";
import type { FilePort } from "./file-port.ts";
import { contradictionIn, differenceFrom, type HistoryGuard, type OwnLog } from "./history-guard.ts";
import type { JournalLogger } from "./logger.ts";

export interface AnchorFileOptions {
  readonly files: FilePort;
  readonly path: string;
  readonly own: OwnLog;
  /** Of ledgers that this gateway has ended: their checkpoints may be written over. */
  readonly endedOrigins: readonly string[];
  /** Whether the ledger has been signed before, so that a missing file is strange. */
  readonly isExpected: boolean;
  readonly guard: HistoryGuard;
  readonly log: JournalLogger;
}

/** A disk that is mounted late is looked for again after this time. */
const retryMs = 1_000;

/** Its name for the guard. */
export function anchorMemory(path: string): string {
  return `anchor ${path}`;
}

export class AnchorFile {
  readonly #options: AnchorFileOptions;
  /** What was found, and later written, there: anything else is somebody else's. */
  #known: string | undefined;
  #newest: string | undefined;
  #trouble: string | undefined;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AnchorFileOptions) {
    this.#options = options;
  }

  /** Compares what it holds with the ledger; again and again while it cannot be read. @throws GatewayError ANCHOR_MISMATCH */
  async start(): Promise<void> {
    const { guard, path, isExpected, log } = this.#options;
    this.#trouble = undefined;
    try {
      if (await this.#agrees()) return guard.heard(anchorMemory(path));
      if (this.#trouble === undefined && !isExpected) return guard.heard(anchorMemory(path));
      this.#trouble ??= "it is missing";
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      this.#trouble = messageOf(error);
    }
    if (this.#timer === undefined) log.warn({ path, reason: this.#trouble }, "the anchor cannot be read");
    guard.missed(anchorMemory(path));
    if (guard.waitingFor.includes(anchorMemory(path)))
      this.#timer = setTimeout(() => void this.start().catch(() => undefined), retryMs).unref();
  }

  /** Writes the newest checkpoint there, skipping those that came while another was being written. */
  keep(note: string): void {
    this.#newest = note;
    this.#writing = this.#writing.then(() => this.#write(note));
  }

  state(): DependencyState {
    const { path } = this.#options;
    return this.#trouble === undefined
      ? { status: "ok", detail: path }
      : { status: "degraded", detail: `${path}: ${this.#trouble}` };
  }

  /** Resolves when the newest is written, if it can be. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
  }

  async #write(note: string): Promise<void> {
    const { files, path, log } = this.#options;
    if (note !== this.#newest) return;
    const before = this.#trouble;
    this.#trouble = undefined;
    try {
      await this.#agrees();
      if (this.#trouble === undefined) {
        await storeCheckpoint(files, path, note);
        this.#known = note;
      }
    } catch (error) {
      this.#trouble = messageOf(error);
    }
    // The same reason again is no news.
    if (this.#trouble !== undefined && this.#trouble !== before)
      log.warn({ path, reason: this.#trouble }, "the anchor could not be written");
  }

  /**
   * Whether there is a checkpoint, and nothing in it that our log has not. What contradicts it goes to the guard; what is
   * no checkpoint at all is not ours to write over.
   */
  async #agrees(): Promise<boolean> {
    const { files, path, own, endedOrigins, guard } = this.#options;
    const text = await readCheckpointFile(files, path);
    if (text === undefined || text === "") return false;
    if (text === this.#known) return true;
    const note = parseNote(text);
    const checkpoint = note.ok ? parseCheckpoint(note.value.text) : note;
    if (!checkpoint.ok) {
      this.#trouble = "it is not a checkpoint, and is left as it is";
      return false;
    }
    const { origin } = checkpoint.value;
    if (origin !== own.origin && !endedOrigins.includes(origin)) {
      const message = `the anchor ${path} belongs to the ledger ${origin}, not ${own.origin}`;
      throw new GatewayError("ANCHOR_MISMATCH", message, { details: { path, found: origin, expected: own.origin } });
    }
    const contradiction = await contradictionIn(text, own);
    if (contradiction !== undefined) {
      guard.contradicted({ source: anchorMemory(path), ...contradiction });
      this.#trouble = "it contradicts this ledger";
      return false;
    }
    // As after a restore from before a key was rotated and retired: no proof, but a memory that must not be written over. And
    // one that is the operator's: who writes to it could end the start with another log's checkpoint anyway.
    if (origin === own.origin && (await differenceFrom(checkpoint.value, own)) !== undefined) {
      const [size, ownSize] = [checkpoint.value.size, own.size()];
      guard.contradicted({ source: anchorMemory(path), kind: "claim", size, ownSize, note: text, holds: true });
      this.#trouble = "it contradicts this ledger, under keys that are not here";
      return false;
    }
    this.#known = text;
    return true;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
