import type { ConfigSources } from "../config/sources.ts";
import type { Io } from "./io.ts";

/** Options every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
  readonly config?: string;
  readonly data?: string;
}

export interface BaseContext {
  readonly io: Io;
  readonly args: readonly string[];
  readonly options: CommonOptions;
  /** What `loadConfig` takes. */
  readonly sources: ConfigSources;
}
export type CommandContext<Options> = BaseContext & { readonly options: Options };

/** 0 done, 1 failed. Misuse (2) is found before a command runs, or thrown as a {@link UsageError}. */
export type ExitCode = 0 | 1;
export type CommandHandler<Options> = (context: CommandContext<Options>) => Promise<ExitCode>;

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {}

/** One result: for programs with `--json`, else for people. */
export function print({ io, options }: BaseContext, result: unknown, text: string): void {
  io.out(options.json ? `${JSON.stringify(result, undefined, 2)}\n` : `${text}\n`);
}
