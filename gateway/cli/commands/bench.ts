import { type BenchFigure, benchIngest } from "../../bench/ingest.ts";
import { benchLedger } from "../../bench/ledger.ts";
import { benchProofs } from "../../bench/proofs.ts";
import { type BaseContext, type CommandHandler, UsageError } from "../context.ts";

export interface BenchOptions {
  readonly connections: string;
  readonly messages: string;
  readonly minutes: string;
  readonly recoveryEntries: string;
}

/** `mycogate bench ingest`: a whole gateway under load, beside the limits of this machine. */
export const bench: CommandHandler<BenchOptions> = async (context) => {
  const { io, options } = context;
  const figures = new Figures(context);
  await benchIngest({
    connections: whole("--connections", options.connections),
    messages: whole("--messages", options.messages),
    minutes: whole("--minutes", options.minutes),
    recoveryEntries: whole("--recovery-entries", options.recoveryEntries),
    onProgress: (line) => io.err(`${line}\n`),
    onFigure: (figure) => figures.add(figure),
  });
  figures.end();
  return 0;
};

export interface LedgerBenchFlags {
  readonly entries: string;
  readonly messages: string;
}

/** `mycogate bench ledger`: appending, sealing, verifying, and what sealing costs a whole gateway. */
export const benchLedgerAlone: CommandHandler<LedgerBenchFlags> = async (context) => {
  const figures = new Figures(context);
  const entries = whole("--entries", context.options.entries);
  const messages = whole("--messages", context.options.messages);
  await benchLedger({ entries, messages, onFigure: (figure) => figures.add(figure) });
  figures.end();
  return 0;
};

export interface ProofBenchFlags {
  readonly entries: string;
  readonly proofs: string;
}

/** `mycogate bench proofs`: how long proofs take on a ledger of a given size. */
export const benchProofsAlone: CommandHandler<ProofBenchFlags> = async (context) => {
  const figures = new Figures(context);
  await benchProofs({
    entries: whole("--entries", context.options.entries),
    proofs: whole("--proofs", context.options.proofs),
    onProgress: (line) => context.io.err(`${line}\n`),
    onFigure: (figure) => figures.add(figure),
  });
  figures.end();
  return 0;
};

/** Each figure when it is known; with `--json` all of them at the end. */
class Figures {
  readonly #context: BaseContext;
  readonly #figures: BenchFigure[] = [];

  constructor(context: BaseContext) {
    this.#context = context;
  }

  add(figure: BenchFigure): void {
    const { io, options } = this.#context;
    this.#figures.push(figure);
    if (!options.json) io.out(`${figure.name.padEnd(56)} ${String(figure.value).padStart(12)} ${figure.unit}\n`);
  }

  end(): void {
    const { io, options } = this.#context;
    if (options.json) io.out(`${JSON.stringify(this.#figures, undefined, 2)}\n`);
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name} takes a whole number, not "${text}"`);
  return Number(text);
}
