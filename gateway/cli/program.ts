/** Every command with its arguments, options and an example; what it does is in commands/. */
import { Command } from "commander";
import { version } from "../version.ts";
import type { CommandContext, CommandHandler, CommonOptions, ExitCode } from "./context.ts";
import type { Io } from "./io.ts";

type Done = (code: ExitCode) => void;

export function buildProgram(io: Io, done: Done): Command {
  const program = new Command("mycogate")
    .description(
      "Edge gateway for MycoBrain: signed telemetry, durable before it is acknowledged, in a ledger anyone can check.",
    )
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .addHelpText("after", example("npm start -- --demo", "mycogate device list"));

  const command = (parent: Command, usage: string, description: string, ...examples: string[]): Command =>
    parent
      .command(usage)
      .description(description)
      .option("--data <dir>", "data directory")
      .option("--config <file>", "configuration file")
      .option("--json", "machine-readable results")
      .option("--debug", "stack traces")
      .addHelpText("after", example(...examples));
  const noun = (name: string, description: string, ...examples: string[]): Command =>
    program
      .command(name)
      .description(description)
      .helpCommand(false)
      .addHelpText("after", example(...examples));
  const settings = (target: Command): Command =>
    target
      .allowUnknownOption()
      .allowExcessArguments()
      .usage("[options] [--<setting> <value>…]")
      .addHelpText(
        "after",
        "\nEvery setting is also an option: mqtt.tls.port is --mqtt-tls-port. See `mycogate config print --effective`.",
      );
  const api = (target: Command): Command => target.option("--url <url>", "address of the gateway's HTTP API");
  const action = <Options>(target: Command, load: () => Promise<CommandHandler<Options>>): Command =>
    target.action(async (...given: unknown[]) => done(await (await load())(await contextOf<Options>(io, given))));

  const run = command(
    program,
    "run",
    "Run the gateway until it is told to stop",
    "mycogate run --demo",
    "mycogate run --mqtt-port 1884",
  );
  action(
    settings(run).option("--demo", "add a small simulated fleet"),
    async () => (await import("./commands/run.ts")).run,
  );

  const check = command(
    program,
    "check",
    "Look for whatever would keep the gateway from running well",
    "mycogate check --json",
  );
  action(settings(check), async () => (await import("./commands/check.ts")).check);

  const device = noun("device", "Enrol, list and revoke devices", "mycogate device list");
  action(
    api(command(device, "add <id>", "Enrol a device", "mycogate device add myco-7 --key $(cat myco-7.pub)"))
      .option("--key <key>", "Ed25519 public key, hex or base64; without it an unsigned board")
      .option("--name <name>", "name for people")
      .option("--role <role>", "what it is for")
      .option("--transport <transport>", "how it is reached"),
    async () => (await import("./commands/device.ts")).addDevice,
  );
  action(
    api(command(device, "list", "List the devices", "mycogate device list --json")),
    async () => (await import("./commands/device.ts")).listDevices,
  );
  action(
    api(command(device, "show <id>", "Show one device with its keys", "mycogate device show myco-7")),
    async () => (await import("./commands/device.ts")).showDevice,
  );
  action(
    api(command(device, "revoke <id>", "Revoke a device for good", "mycogate device revoke myco-7 --reason lost --yes"))
      .option("--reason <text>", "kept in the ledger")
      .option("--yes", "yes, for good"),
    async () => (await import("./commands/device.ts")).revokeDevice,
  );
  action(
    api(
      command(
        device,
        "import <file>",
        "Enrol all devices of a key registry (- is stdin)",
        "mycogate device import keys.json --dry-run",
      ),
    ).option("--dry-run", "only say what would happen"),
    async () => (await import("./commands/device-import.ts")).importDevices,
  );

  const quarantine = noun("quarantine", "Decide about messages that could not be verified", "mycogate quarantine list");
  action(
    api(command(quarantine, "list", "List the messages", "mycogate quarantine list --reason UNKNOWN_DEVICE"))
      .option("--reason <reason>", "only those of this reason")
      .option("--device <id>", "only those of this device"),
    async () => (await import("./commands/quarantine.ts")).listQuarantine,
  );
  action(
    api(
      command(
        quarantine,
        "release <id...>",
        "Verify again and move into the ledger",
        "mycogate quarantine release 17 18",
      ),
    ),
    async () => (await import("./commands/quarantine.ts")).releaseQuarantine,
  );
  action(
    api(command(quarantine, "remove <id...>", "Remove for good", "mycogate quarantine remove 17 --yes")).option(
      "--yes",
      "yes, for good",
    ),
    async () => (await import("./commands/quarantine.ts")).removeQuarantine,
  );

  const ledger = noun("ledger", "The ledger on disk", "mycogate ledger verify");
  action(
    command(
      ledger,
      "verify",
      "Check every entry of a running or stopped gateway's ledger",
      "mycogate ledger verify --data ./data",
    ),
    async () => (await import("./commands/ledger.ts")).verifyLedger,
  );

  const config = noun("config", "The configuration", "mycogate config check");
  action(
    settings(
      command(config, "check", "List every problem with its place", "mycogate config check --config mycogate.yaml"),
    ),
    async () => (await import("./commands/config.ts")).checkConfig,
  );
  action(
    settings(
      command(
        config,
        "print",
        "Print what is set, secrets masked",
        "mycogate config print --effective > mycogate.yaml",
      ),
    ).option("--effective", "with the defaults"),
    async () => (await import("./commands/config.ts")).printConfig,
  );

  const bench = noun("bench", "Measure", "mycogate bench ingest");
  action(
    command(
      bench,
      "ingest",
      "A whole gateway under load, beside this machine's limits",
      "mycogate bench ingest --messages 300000",
    )
      .option("--connections <n>", "MQTT connections", "16")
      .option("--messages <n>", "envelopes sent at full speed", "300000")
      .option("--minutes <n>", "go on at full speed for so long and watch the memory", "0")
      .option("--recovery-entries <n>", "time the recovery of a journal of this size", "0"),
    async () => (await import("./commands/bench.ts")).bench,
  );
  return program;
}

/** Commander calls an action with the arguments, the options, and the command. */
async function contextOf<Options>(io: Io, given: readonly unknown[]): Promise<CommandContext<Options>> {
  const command = given.at(-1) as Command;
  const options = command.opts<Options & CommonOptions>();
  const named = command.registeredArguments.length > 0;
  const flags: Record<string, string> = named ? {} : (await import("./setting-flags.ts")).settingFlags(command.args);
  for (const name of ["data", "config"] as const) if (options[name] !== undefined) flags[name] = options[name];
  return { io, args: named ? command.args : [], options, sources: { flags, env: io.env, cwd: io.cwd } };
}

function example(...commands: string[]): string {
  return `\nExample:\n${commands.map((text) => `  ${text}`).join("\n")}`;
}
