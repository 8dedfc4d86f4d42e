import type { Progress } from "./run-scenario.ts";

const linesEveryMs = 5_000;
const width = 24;

/** How far a run is, on stderr: one line that overwrites itself for a person, a line now and then for a log. */
export class ProgressLine {
  readonly #name: string;
  readonly #isTerminal: boolean;
  #shown = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastPhase = "";

  constructor(name: string, isTerminal: boolean) {
    this.#name = name;
    this.#isTerminal = isTerminal;
  }

  readonly show = ({ phase, done, devices, copies, lost }: Progress): void => {
    const facts = `${devices} devices, ${copies} messages sent${lost > 0 ? `, ${lost} lost` : ""}`;
    if (this.#isTerminal) {
      const filled = Math.round(done * width);
      const bar = phase === "running" ? `[${"#".repeat(filled)}${" ".repeat(width - filled)}]` : phase;
      this.#overwrite(`${this.#name} ${bar} ${facts}`);
      return;
    }
    const nowMs = performance.now();
    if (phase === this.#lastPhase && nowMs - this.#lastMs < linesEveryMs) return;
    this.#lastMs = nowMs;
    this.#lastPhase = phase;
    process.stderr.write(`${this.#name}: ${phase} ${Math.round(done * 100)} %, ${facts}\n`);
  };

  say(text: string): void {
    if (this.#isTerminal) this.#overwrite(`${this.#name}: ${text}`);
    else process.stderr.write(`${this.#name}: ${text}\n`);
  }

  clear(): void {
    if (this.#shown > 0) this.#overwrite("");
  }

  #overwrite(line: string): void {
    process.stderr.write(`\r${line.padEnd(this.#shown)}${line === "" ? "\r" : ""}`);
    this.#shown = line.length;
  }
}
