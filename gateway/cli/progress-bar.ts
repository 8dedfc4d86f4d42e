import type { Io } from "./io.ts";

const width = 30;

/** One line on stderr that overwrites itself; nothing where nobody watches. */
export class ProgressBar {
  readonly #io: Io;
  readonly #unit: string;
  #shown = "";

  constructor(io: Io, unit: string) {
    this.#io = io;
    this.#unit = unit;
  }

  show(done: number, of: number): void {
    if (!this.#io.errIsTerminal) return;
    const filled = of > 0 ? Math.round((done / of) * width) : width;
    const line = `[${"#".repeat(filled)}${" ".repeat(width - filled)}] ${done}/${of} ${this.#unit}`;
    if (line === this.#shown) return;
    this.#io.err(`\r${line}`);
    this.#shown = line;
  }

  clear(): void {
    if (this.#shown !== "") this.#io.err(`\r${" ".repeat(this.#shown.length)}\r`);
    this.#shown = "";
  }
}
