/** The command line: `mycogate <noun> <verb>`. What a command needs is loaded when it runs, so that the others start fast. */
import { CommanderError } from "commander";
import { GatewayError } from "../../src/errors.ts";
import { UsageError } from "./context.ts";
import { type Io, processIo } from "./io.ts";
import { buildProgram } from "./program.ts";

/** @param argv without node and script. @returns 0 done, 1 failed, 2 misused */
export async function cli(argv: readonly string[], io: Io = processIo()): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has said what was wrong already; help and version come by the same way.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    reportError(error, argv, io);
    return error instanceof UsageError ? 2 : 1;
  }
}

function reportError(error: unknown, argv: readonly string[], io: Io): void {
  const isDebug = argv.includes("--debug");
  const stack = isDebug && error instanceof Error ? { stack: stackOf(error) } : {};
  const { code, hint, message, details } = describe(error);
  if (argv.includes("--json")) {
    io.err(`${JSON.stringify({ code, message, hint, details, ...stack })}\n`);
    return;
  }
  io.err(`error: ${message}\n${hint ? `hint:  ${hint}\n` : ""}code:  ${code}\n`);
  if (stack.stack) io.err(`${stack.stack}\n`);
}

function describe(error: unknown): { code: string; message: string; hint?: string; details?: Record<string, unknown> } {
  if (error instanceof GatewayError)
    return { code: error.code, message: error.message, hint: error.hint, details: error.details };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return { code: "USAGE", message, hint: "Add --help for what there is." };
  return { ...describe(new GatewayError("INTERNAL", message)) };
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack}${cause}`;
}
