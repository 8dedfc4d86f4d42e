/**
 * What others remember of this log, against what the disk holds. A disk that was put back to an older state is consistent
 * with itself: only a memory outside of it can tell. So a start signs nothing until every such memory has been heard, or
 * for as long as patience lasts; and whatever contradicts the disk is an alarm at any time. docs/adr/0067
 */
import { type ErrorCode, GatewayError } from "../../src/errors.ts";
import {
  type Checkpoint,
  type CheckpointVerifier,
  checkLine,
  openCheckpoint,
  parseCheckpoint,
} from "../../src/ledger/checkpoint.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { sameHash } from "../../src/ledger/proof.ts";
import type { JournalLogger } from "./logger.ts";

export interface Contradiction {
  /** Who remembers: `witness <url>`, `database`, `anchor <path>`. */
  readonly source: string;
  /**
   * `ahead`: it holds a larger log than this. `fork`: a log of this size or less that is not the beginning of ours.
   * `claim`: it says so and shows nothing that our keys have signed, so that it proves nothing.
   */
  readonly kind: "ahead" | "fork" | "claim";
  /** Entries of what it remembers, and of this log. */
  readonly size: number;
  readonly ownSize: number;
  /** The checkpoint with our signatures, for everyone to see; of a claim, with those of keys that are not here. */
  readonly note: string | undefined;
  /** Of a claim: whoever makes it is believed as far as that nothing is signed before somebody has looked. */
  readonly holds?: boolean;
}

export interface HistoryGuardOptions {
  /** Those that must be heard, by the name they have in `heard`. */
  readonly memories: readonly string[];
  /** How long checkpoints wait for them, from `settled` on. */
  readonly patienceMs: number;
  readonly log: JournalLogger;
  /** A contradiction that is proven, before anything was signed: the gateway must not go on. */
  readonly onRefuse: (error: GatewayError) => void;
  /** Any other, the first time. */
  readonly onAlarm: (contradiction: Contradiction) => void;
}

export class HistoryGuard {
  readonly #options: HistoryGuardOptions;
  readonly #waitingFor: Set<string>;
  readonly #missed = new Set<string>();
  readonly #found: Contradiction[] = [];
  #timer: NodeJS.Timeout | undefined;
  #clear: () => void = () => undefined;
  #state: "waiting" | "held" | "clear" | "refused" = "waiting";
  #refusal: GatewayError | undefined;
  #changed: () => void = () => undefined;
  /** Resolves when checkpoints may be signed: never, once the start is refused or held. */
  readonly cleared: Promise<void>;

  constructor(options: HistoryGuardOptions) {
    this.#options = options;
    this.#waitingFor = new Set(options.memories);
    this.cleared = new Promise((resolve) => {
      this.#clear = resolve;
    });
    if (this.#waitingFor.size === 0) this.#allow();
  }

  get contradictions(): readonly Contradiction[] {
    return this.#found;
  }

  /** Whether nothing is signed until an operator has done something about a claim. */
  get isHeld(): boolean {
    return this.#state === "held";
  }

  /** Memories that checkpoints wait for. */
  get waitingFor(): readonly string[] {
    return this.#state === "waiting" ? [...this.#waitingFor] : [];
  }

  /** A memory was asked, and agrees or has nothing to say. */
  heard(memory: string): void {
    this.#waitingFor.delete(memory);
    this.#changed();
    if (this.#waitingFor.size === 0) this.#allow();
  }

  /** A memory cannot be asked now. */
  missed(memory: string): void {
    this.#missed.add(memory);
    this.#changed();
  }

  contradicted(contradiction: Contradiction): void {
    const { source, kind, size, holds = false } = contradiction;
    const isBeforeSigning = this.#state === "waiting" || this.#state === "held";
    if (holds && isBeforeSigning) this.#hold();
    if (this.#found.some((known) => known.source === source && known.kind === kind && known.size === size)) return;
    const { log, onRefuse, onAlarm } = this.#options;
    this.#found.push(contradiction);
    log.error({ ...contradiction }, "the history of this log is contradicted");
    if (kind !== "claim" && isBeforeSigning) {
      this.#state = "refused";
      clearTimeout(this.#timer);
      this.#refusal = refusalOf(contradiction);
      this.#changed();
      onRefuse(this.#refusal);
    } else if (this.#state !== "refused") onAlarm(contradiction);
  }

  /**
   * Resolves when every memory was heard or could not be asked, at the latest after `patienceMs`: uploads wait for no more.
   * @throws GatewayError JOURNAL_ROLLED_BACK or LEDGER_FORKED when the start is refused meanwhile
   */
  async settled(patienceMs: number): Promise<void> {
    if (this.#state === "waiting") this.#timer = setTimeout(() => this.#runOut(), this.#options.patienceMs).unref();
    const until = performance.now() + patienceMs;
    while (this.#refusal === undefined && [...this.#waitingFor].some((memory) => !this.#missed.has(memory))) {
      const restMs = until - performance.now();
      if (restMs <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, restMs);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #hold(): void {
    clearTimeout(this.#timer);
    this.#state = "held";
  }

  #allow(): void {
    if (this.#state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#state = "clear";
    this.#clear();
  }

  #runOut(): void {
    this.#options.log.warn(
      { memories: [...this.#waitingFor] },
      "signing goes on though not everyone who remembers this log has answered",
    );
    this.#allow();
  }
}

/** Our own log, as what is remembered of it is compared with. */
export interface OwnLog {
  readonly origin: string;
  /** All of our checkpoint keys: what they have signed is ours, wherever it turns up. */
  readonly verifiers: readonly CheckpointVerifier[];
  /** Durable entries. */
  size(): number;
  /** Root hash of the first `size` entries, from 1 to what is durable. */
  rootAt(size: number): Promise<Uint8Array>;
}

/**
 * How a checkpoint that somebody kept contradicts our log. Undefined when it does not, and for anything that our keys have
 * not signed for our origin: whoever shows it may have made it up.
 */
export async function contradictionIn(note: string, own: OwnLog): Promise<Omit<Contradiction, "source"> | undefined> {
  const opened = openCheckpoint(note, own.origin, own.verifiers);
  if (!opened.ok) return undefined;
  const kind = await differenceFrom(opened.value, own);
  return kind && { kind, size: opened.value.size, ownSize: own.size(), note };
}

/**
 * What somebody keeps of our log under signatures of keys that we do not have, as after a restore from before a rotation; if
 * it contradicts our log, and if all `cosigners` that have signed it did so, and one at least. Else undefined.
 */
export async function claimIn(
  note: string,
  own: OwnLog,
  cosigners: readonly CheckpointVerifier[],
): Promise<Omit<Contradiction, "source"> | undefined> {
  const parsed = parseNote(note);
  const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
  if (!parsed.ok || !checkpoint.ok || checkpoint.value.origin !== own.origin) return undefined;
  const lines = cosigners.map((verifier) => checkLine(checkpoint.value, parsed.value.signatures, verifier));
  if (lines.includes("bad") || !lines.includes("holds")) return undefined;
  if ((await differenceFrom(checkpoint.value, own)) === undefined) return undefined;
  return { kind: "claim", size: checkpoint.value.size, ownSize: own.size(), note };
}

/** Whoever has signed it. */
export async function differenceFrom({ size, root }: Checkpoint, own: OwnLog): Promise<"ahead" | "fork" | undefined> {
  if (size > own.size()) return "ahead";
  return size > 0 && !sameHash(await own.rootAt(size), root) ? "fork" : undefined;
}

/** What a start ends with. */
function refusalOf(contradiction: Contradiction): GatewayError {
  const code: ErrorCode = contradiction.kind === "ahead" ? "JOURNAL_ROLLED_BACK" : "LEDGER_FORKED";
  const { source, size, ownSize } = contradiction;
  return new GatewayError(code, sentenceOf(contradiction), { details: { source, size, ownSize } });
}

/** For people: a log line, /readyz, the console. */
export function sentenceOf({ source, kind, size, ownSize, note }: Contradiction): string {
  switch (kind) {
    case "ahead":
      return `${source} has ${size} entries of this log, but this ledger only ${ownSize}`;
    case "fork":
      return `${source} has another history of this log in its first ${size} entries`;
    case "claim":
      if (note !== undefined)
        return `${source} has ${size > ownSize ? size : "other"} entries of this log under keys that are not here, and this ledger has ${ownSize}: it may have been put back to before a key was rotated`;
      return `${source} says that it has seen another history of this log, of ${size} entries, and shows no proof`;
  }
}
