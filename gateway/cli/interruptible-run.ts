import type { VerifiedPart } from "../journal/verify-log.ts";
import type { VerifyMark } from "../journal/verify-mark.ts";
import type { BaseContext } from "./context.ts";
import type { Io } from "./io.ts";
import { ProgressBar } from "./progress-bar.ts";

const signals = ["SIGINT", "SIGTERM"] as const;

/** A verification that somebody may not want to wait for: it shows how far it is, keeps that, and says so when it is ended. */
export class InterruptibleRun {
  readonly #io: Io;
  readonly #mark: VerifyMark | undefined;
  readonly #progress: ProgressBar;
  #kept: number;

  /** @param resumedAt entries of the run before that it goes on from; 0 without one */
  constructor({ io }: BaseContext, mark: VerifyMark | undefined, resumedAt: number) {
    this.#io = io;
    this.#mark = mark;
    this.#kept = resumedAt;
    this.#progress = new ProgressBar(io, "entries");
    for (const signal of signals) process.once(signal, this.#interrupted);
  }

  show(entries: number, of: number): void {
    this.#progress.show(entries, of);
  }

  async keep(part: VerifiedPart): Promise<void> {
    await this.#mark?.write(part);
    if (this.#mark?.trouble === undefined) this.#kept = part.state.leaf;
  }

  /** It has come to its end: the next one begins anew. */
  async completed(): Promise<void> {
    await this.#mark?.remove();
  }

  /** In any case. */
  close(): void {
    for (const signal of signals) process.off(signal, this.#interrupted);
    this.#progress.clear();
  }

  readonly #interrupted = (signal: NodeJS.Signals): void => {
    this.close();
    const goOn = `the same command with --resume goes on from entry ${this.#kept}`;
    this.#io.err(`interrupted: ${this.#kept > 0 && this.#mark !== undefined ? goOn : "nothing is kept of this run"}\n`);
    // As without a handler, so that whoever started it sees how it ended.
    process.kill(process.pid, signal);
  };
}
