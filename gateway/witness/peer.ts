/**
 * One witness that this gateway asks for cosignatures. First it is asked what it remembers of our log, which may be more
 * than our own disk does; then it gets every target, for as long as the gateway runs, with back-off while it is away.
 */
import { checkLine } from "../../src/ledger/checkpoint.ts";
import { type NoteSignature, parseNote } from "../../src/ledger/note.ts";
import type { StoredCheckpoint } from "../journal/checkpoint-file.ts";
import { type Contradiction, claimIn, contradictionIn, type OwnLog } from "../journal/history-guard.ts";
import type { JournalLogger } from "../journal/logger.ts";
import type { WitnessPeer } from "./config.ts";
import { originHash } from "./cosigned-heads.ts";
import type { PeerClient } from "./peer-client.ts";

export interface PeerOptions {
  readonly peer: WitnessPeer;
  readonly client: Pick<PeerClient, "addCheckpoint" | "checkpoint">;
  readonly own: OwnLog;
  /** As RFC 6962 §2.1.2 orders them. */
  readonly consistency: (oldSize: number, newSize: number) => Promise<readonly Uint8Array[]>;
  readonly target: () => StoredCheckpoint | undefined;
  /** Lines of this peer's keys that hold. */
  readonly onCosigned: (size: number, signatures: readonly NoteSignature[]) => void;
  /** It has answered what it remembers, and that is part of our log. */
  readonly onAgreed: () => void;
  /** It does not answer now. */
  readonly onAway: () => void;
  readonly onContradiction: (contradiction: Contradiction) => void;
  readonly log: JournalLogger;
}

export interface PeerState {
  readonly url: string;
  /** Size of our largest checkpoint that it has cosigned, as far as known. */
  readonly cosignedSize: number;
  /** Why it cannot be had, undefined while it answers. */
  readonly trouble: string | undefined;
}

const firstRetryMs = 250;
const lastRetryMs = 60_000;
/** Rounds of "no, I have that size" before it counts as trouble: another than us may be handing in our checkpoints. */
const maxConflicts = 5;

export class Peer {
  readonly #options: PeerOptions;
  /** Whether it has said what it remembers. */
  #introduced = false;
  /** What it has cosigned last; it says so itself when this is wrong. */
  #oldSize = 0;
  #cosignedSize = 0;
  #trouble: string | undefined;
  #stopped = false;
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get state(): PeerState {
    return { url: this.#options.peer.url, cosignedSize: this.#cosignedSize, trouble: this.#trouble };
  }

  start(): void {
    this.#running = this.#run();
  }

  /** There is another target. */
  wake(): void {
    this.#wake();
  }

  /** The client's signal has to be aborted before, or this waits for its answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!this.#stopped) {
      try {
        if (!this.#introduced) await this.#recall();
        this.#introduced = true;
        const target = this.#options.target();
        const isDone = target === undefined || target.checkpoint.size === this.#cosignedSize;
        if (!isDone) await this.#submit(target);
        this.#recovered();
        retryMs = firstRetryMs;
        if (isDone) await this.#woken();
      } catch (error) {
        if (this.#stopped) return;
        this.#failed(error);
        await this.#woken(retryMs * (0.75 + Math.random() / 2), true);
        retryMs = Math.min(retryMs * 2, lastRetryMs);
      }
    }
  }

  /** What it shows of our log to anybody: signed by our keys, it binds us, whether or not our disk knows of it. */
  async #recall(): Promise<"agrees" | "contradicts"> {
    const { client, own, onAgreed, onContradiction, peer } = this.#options;
    const note = await client.checkpoint(originHash(own.origin));
    const contradiction = note === undefined ? undefined : await contradictionIn(note, own);
    if (contradiction !== undefined) {
      onContradiction({ source: `witness ${peer.url}`, ...contradiction });
      return "contradicts";
    }
    // Under its own signature: anybody on the way to it could answer anything.
    const cosigners = peer.keys.map(({ verifier }) => verifier);
    const claim = note === undefined ? undefined : await claimIn(note, own, cosigners);
    if (claim !== undefined) {
      onContradiction({ source: `witness ${peer.url}`, ...claim });
      throw new Error(`it has cosigned ${claim.size} entries of this log under keys that are not here`);
    }
    onAgreed();
    return "agrees";
  }

  async #submit({ text, checkpoint }: StoredCheckpoint): Promise<void> {
    const { client, own, consistency, onCosigned } = this.#options;
    const { size } = checkpoint;
    for (let conflicts = 0; conflicts < maxConflicts; conflicts++) {
      const oldSize = this.#oldSize;
      // It has cosigned a later checkpoint already: nothing to ask it about this one.
      if (oldSize > size) {
        this.#cosignedSize = size;
        return;
      }
      const isStep = oldSize > 0 && oldSize < size;
      const proof = isStep ? await consistency(oldSize, size) : [];
      const answer = await client.addCheckpoint({ oldSize, proof, note: text });
      if (answer.kind === "cosigned") {
        this.#oldSize = size;
        const signatures = this.#linesThatHold(text, checkpoint, answer.lines);
        this.#cosignedSize = size;
        onCosigned(size, signatures);
        return;
      }
      if (answer.kind === "refused" && answer.status !== 422)
        throw new Error(`it refuses our checkpoint: ${answer.status} ${answer.detail}`);
      if (answer.kind === "conflict" && answer.size <= own.size()) this.#oldSize = answer.size;
      else await this.#contradicted(answer.kind === "conflict" ? answer.size : oldSize);
    }
    throw new Error("it keeps naming another size");
  }

  /** It says that it has cosigned another history. Only what our own keys have signed proves that. */
  async #contradicted(size: number): Promise<never> {
    const { own, onContradiction, peer } = this.#options;
    if ((await this.#recall()) === "agrees")
      onContradiction({ source: `witness ${peer.url}`, kind: "claim", size, ownSize: own.size(), note: undefined });
    throw new Error(`it says that it has cosigned another history of this log, up to ${size}`);
  }

  #linesThatHold(text: string, checkpoint: StoredCheckpoint["checkpoint"], lines: string): readonly NoteSignature[] {
    const { keys } = this.#options.peer;
    const parsed = parseNote(text + lines);
    if (!parsed.ok) throw new Error(`its answer is no signature lines: ${parsed.detail}`);
    // A time of 0 would make no claim that it has seen nothing larger.
    const signatures = parsed.value.signatures.filter(({ signature }) => signature.subarray(0, 8).some((byte) => byte));
    const holding = keys.filter(({ verifier }) => checkLine(checkpoint, signatures, verifier) === "holds");
    if (holding.length < keys.length) {
      const { name, keyId } = keys.find((key) => !holding.includes(key))!.verifier;
      const missing = `${name}+${keyId.toString(16).padStart(8, "0")}`;
      if (holding.length === 0) throw new Error(`it has not cosigned with ${missing}`);
      this.#options.log.warn(
        { url: this.#options.peer.url, key: missing },
        "a witness did not cosign with all its keys",
      );
    }
    return signatures.filter(({ name, keyId }) =>
      holding.some(({ verifier }) => verifier.name === name && verifier.keyId === keyId),
    );
  }

  #recovered(): void {
    if (this.#trouble !== undefined)
      this.#options.log.info({ url: this.#options.peer.url }, "the witness answers again");
    this.#trouble = undefined;
  }

  #failed(error: unknown): void {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    const reason = `${error instanceof Error ? error.message : String(error)}${cause}`;
    // The same reason again is no news.
    if (reason !== this.#trouble)
      this.#options.log.warn({ url: this.#options.peer.url, reason }, "no cosignature; it is tried again");
    this.#trouble = reason;
    this.#options.onAway();
  }

  /** @param deaf a new target does not end the wait */
  #woken(timeoutMs?: number, deaf = false): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(done, timeoutMs);
      this.#wake = () => {
        if (!deaf || this.#stopped) done();
      };
    });
  }
}
