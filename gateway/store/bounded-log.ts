/** A log file that cannot fill the disk: at its limit it becomes `<file>.1`, replacing the one before. */
import { appendFileSync, renameSync, statSync } from "node:fs";

const keptCharacters = 4096;

export class BoundedLog {
  readonly #file: string;
  readonly #limitBytes: number;
  #size: number;
  #tail = "";

  constructor(file: string, limitBytes = 5_000_000) {
    this.#file = file;
    this.#limitBytes = limitBytes;
    this.#size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** The last few thousand characters written, for an error message. */
  get tail(): string {
    return this.#tail.trim();
  }

  write(chunk: Buffer): void {
    this.#tail = (this.#tail + chunk.toString("utf8")).slice(-keptCharacters);
    try {
      if (this.#size > 0 && this.#size + chunk.length > this.#limitBytes) {
        renameSync(this.#file, `${this.#file}.1`);
        this.#size = 0;
      }
      appendFileSync(this.#file, chunk, { mode: 0o600 });
      this.#size += chunk.length;
    } catch {
      // A full disk costs the log, never the server whose log it is. The tail is still in memory.
    }
  }
}
