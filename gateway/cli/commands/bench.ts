import { type BenchFigure, benchIngest } from "../../bench/ingest.ts";
import { type CommandHandler, UsageError } from "../context.ts";

export interface BenchOptions {
  readonly connections: string;
  readonly messages: string;
  readonly minutes: string;
  readonly recoveryEntries: string;
}

/** `mycogate bench ingest`: a whole gateway under load, beside the limits of this machine. */
export const bench: CommandHandler<BenchOptions> = async ({ io, options }) => {
  const figures: BenchFigure[] = [];
  await benchIngest({
    connections: whole("--connections", options.connections),
    messages: whole("--messages", options.messages),
    minutes: whole("--minutes", options.minutes),
    recoveryEntries: whole("--recovery-entries", options.recoveryEntries),
    onProgress: (line) => io.err(`${line}\n`),
    onFigure(figure) {
      figures.push(figure);
      if (!options.json) io.out(`${figure.name.padEnd(56)} ${String(figure.value).padStart(12)} ${figure.unit}\n`);
    },
  });
  if (options.json) io.out(`${JSON.stringify(figures, undefined, 2)}\n`);
  return 0;
};

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name} takes a whole number, not "${text}"`);
  return Number(text);
}
