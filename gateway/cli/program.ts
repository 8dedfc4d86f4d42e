/** The commands of commands.ts, as commander reads them from a command line. */
import { Command } from "commander";
import { version } from "../version.ts";
import { type CommandSpec, commands, nouns } from "./commands.ts";
import type { CommandContext, CommonOptions, ExitCode } from "./context.ts";
import type { Io } from "./io.ts";

/** @param done told the exit code of the command that ran */
export function buildProgram(io: Io, done: (code: ExitCode) => void): Command {
  const program = new Command("mycogate")
    .description("Signed telemetry, durable before it is acknowledged, in a ledger anyone can check.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .addHelpText("after", example("mycogate run --demo"));

  for (const spec of commands) {
    const words = spec.usage.split(" ");
    const noun = words[0]!;
    const summary = nouns[noun];
    if (summary === undefined) addCommand(program, spec.usage, spec, io, done);
    else addCommand(nounOf(program, noun, summary, spec), words.slice(1).join(" "), spec, io, done);
  }
  return program;
}

function nounOf(program: Command, noun: string, summary: string, first: CommandSpec): Command {
  const existing = program.commands.find((command) => command.name() === noun);
  return (
    existing ??
    program.command(noun).description(summary).helpCommand(false).addHelpText("after", example(first.example))
  );
}

function addCommand(parent: Command, usage: string, spec: CommandSpec, io: Io, done: (code: ExitCode) => void): void {
  const command = parent.command(usage).summary(spec.summary).description(spec.summary);
  for (const [flags, meaning, fallback] of spec.options ?? []) command.option(flags, meaning, fallback);
  if (spec.kind === "api") command.option("--url <url>", "address of the gateway's HTTP API");
  command
    .option("--data <dir>", "data directory")
    .option("--config <file>", "configuration file")
    .option("--json", "results for programs")
    .option("--debug", "stack traces with errors")
    .addHelpText("after", example(spec.example));
  if (spec.kind === "settings") {
    command
      .allowUnknownOption()
      .allowExcessArguments()
      .usage("[options] [--<setting> <value>…]")
      .description(`${spec.summary}.\nEvery setting is also an option: mqtt.tls.port is --mqtt-tls-port.`);
  }
  command.action(async () => {
    const [handler, context] = await Promise.all([spec.load(), contextOf(command, spec, io)]);
    done(await handler(context as CommandContext<never>));
  });
}

async function contextOf(command: Command, { kind }: CommandSpec, io: Io): Promise<CommandContext<CommonOptions>> {
  const options = command.opts<CommonOptions>();
  const given = kind === "settings" ? (await import("./setting-flags.ts")).settingFlags(command.args) : {};
  const flags = { ...given, data: options.data, config: options.config };
  return { io, args: command.args, options, sources: { flags, env: io.env, cwd: io.cwd } };
}

function example(command: string): string {
  return `\nExample:\n  ${command}`;
}
