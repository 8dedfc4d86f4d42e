/** A log file that cannot fill the disk: at its limit it becomes `<file>.1`, replacing the one before. */
import { createWriteStream, renameSync, statSync, type WriteStream } from "node:fs";

const keptBytes = 4096;

export class BoundedLog {
  readonly #file: string;
  readonly #limitBytes: number;
  #stream: WriteStream;
  #size: number;
  #tail = "";

  constructor(file: string, limitBytes = 5_000_000) {
    this.#file = file;
    this.#limitBytes = limitBytes;
    this.#size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    this.#stream = this.#open();
  }

  /** The last few thousand characters written, for an error message. */
  get tail(): string {
    return this.#tail.trim();
  }

  write(chunk: Buffer): void {
    if (this.#size > 0 && this.#size + chunk.length > this.#limitBytes) {
      this.#stream.end();
      renameSync(this.#file, `${this.#file}.1`);
      this.#size = 0;
      this.#stream = this.#open();
    }
    this.#size += chunk.length;
    this.#tail = (this.#tail + chunk.toString("utf8")).slice(-keptBytes);
    this.#stream.write(chunk);
  }

  end(): void {
    this.#stream.end();
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#file, { flags: "a", mode: 0o600 });
    // A full disk costs the log, never the server whose log it is; the tail stays in memory.
    stream.on("error", () => undefined);
    return stream;
  }
}
