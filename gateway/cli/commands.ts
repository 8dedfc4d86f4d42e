/** Every command as data: what it is called, what it takes, an example to paste. What it does is in commands/, loaded when it runs. */
import type { CommandHandler } from "./context.ts";

export interface CommandSpec {
  /** With the arguments it needs: `device show <id>`. */
  readonly usage: string;
  readonly summary: string;
  /** Flags, meaning, default. */
  readonly options?: readonly (readonly [flags: string, meaning: string, fallback?: string])[];
  /** `settings`: every setting is an option too. `api`: it talks to a running gateway. */
  readonly kind: "settings" | "api" | "plain";
  readonly example: string;
  readonly load: () => Promise<CommandHandler<never>>;
}

export const nouns: Readonly<Record<string, string>> = {
  device: "Enrol, list and revoke devices",
  quarantine: "Decide about messages that could not be verified",
  ledger: "The ledger on disk",
  key: "The keys that the ledger signs with",
  config: "The configuration",
  sim: "Simulated devices",
  bench: "Measure",
};

const ofOrigin = ["--origin <origin>", "of a ledger that `ledger new-origin` has ended"] as const;
const yes = ["--yes", "yes, for good"] as const;

export const commands: readonly CommandSpec[] = [
  {
    usage: "run",
    summary: "Run the gateway until it is told to stop",
    options: [["--demo", "add a small simulated fleet"]],
    kind: "settings",
    example: "mycogate run --mqtt-port 1884",
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    usage: "check",
    summary: "Look for whatever would keep the gateway from running well",
    kind: "settings",
    example: "mycogate check --json",
    load: async () => (await import("./commands/check.ts")).check,
  },
  {
    usage: "device add <id>",
    summary: "Enrol a device",
    options: [
      ["--key <key>", "Ed25519 public key, hex or base64; without it an unsigned board"],
      ["--name <name>", "name for people"],
      ["--role <role>", "what it is for"],
      ["--transport <transport>", "how it is reached"],
      ["--sparse", "let it sign sparsely: one signature for several messages"],
    ],
    kind: "api",
    example: 'mycogate device add myco-7 --key "$(cat myco-7.pub)"',
    load: async () => (await import("./commands/device.ts")).addDevice,
  },
  {
    usage: "device list",
    summary: "List the devices",
    kind: "api",
    example: "mycogate device list --json",
    load: async () => (await import("./commands/device.ts")).listDevices,
  },
  {
    usage: "device show <id>",
    summary: "Show one device with its keys",
    kind: "api",
    example: "mycogate device show myco-7",
    load: async () => (await import("./commands/device.ts")).showDevice,
  },
  {
    usage: "device set <id>",
    summary: "Change what a device may do",
    options: [["--sparse <on|off>", "whether it may sign sparsely: one signature for several messages"]],
    kind: "api",
    example: "mycogate device set myco-7 --sparse on",
    load: async () => (await import("./commands/device.ts")).setDevice,
  },
  {
    usage: "device revoke <id>",
    summary: "Revoke a device for good",
    options: [["--reason <text>", "kept in the ledger"], yes],
    kind: "api",
    example: "mycogate device revoke myco-7 --reason lost --yes",
    load: async () => (await import("./commands/device.ts")).revokeDevice,
  },
  {
    usage: "device erase <id>",
    summary: "Erase what a device has sent, for good; hashes and proofs stay",
    options: [yes],
    kind: "api",
    example: "mycogate device erase myco-7 --yes",
    load: async () => (await import("./commands/device.ts")).eraseDevice,
  },
  {
    usage: "device command <id> <cmd>",
    summary: "Have a device do something, and wait for what comes of it",
    options: [
      ["--params <json>", "what the command takes, as a JSON object"],
      ["--id <id>", "names the command: the same id again is the same command"],
      ["--timeout <ms>", "wait for the device's answer, once the command is sent", "5000"],
      ["--expires <ms>", "do not send it later than that", "60000"],
      ["--wait <ms>", "print what it is after so long, finished or not", "30000"],
    ],
    kind: "api",
    example: `mycogate device command myco-7 stream_sensors --params '{"rate_hz":1}'`,
    load: async () => (await import("./commands/device-command.ts")).sendCommand,
  },
  {
    usage: "device commands <id>",
    summary: "List the commands to a device and what came of them, newest first",
    kind: "api",
    example: "mycogate device commands myco-7",
    load: async () => (await import("./commands/device-command.ts")).listCommands,
  },
  {
    usage: "device gaps <id>",
    summary: "Which of its messages are missing, as far as their numbers tell",
    options: [
      ["--from <time>", "only from then on: RFC 3339, or a date"],
      ["--to <time>", "only before then"],
    ],
    kind: "api",
    example: "mycogate device gaps myco-7 --from 2026-06-01",
    load: async () => (await import("./commands/device-gaps.ts")).deviceGaps,
  },
  {
    usage: "device import <file>",
    summary: "Enrol all devices of a key registry; - is standard input",
    options: [["--dry-run", "only say what would happen"]],
    kind: "api",
    example: "mycogate device import keys.json --dry-run",
    load: async () => (await import("./commands/device-import.ts")).importDevices,
  },
  {
    usage: "quarantine list",
    summary: "List the messages",
    options: [
      ["--reason <reason>", "only those of this reason"],
      ["--device <id>", "only those of this device"],
    ],
    kind: "api",
    example: "mycogate quarantine list --reason UNKNOWN_DEVICE",
    load: async () => (await import("./commands/quarantine.ts")).listQuarantine,
  },
  {
    usage: "quarantine release <id...>",
    summary: "Verify again and move into the ledger",
    kind: "api",
    example: "mycogate quarantine release 17 18",
    load: async () => (await import("./commands/quarantine.ts")).releaseQuarantine,
  },
  {
    usage: "quarantine remove <id...>",
    summary: "Remove for good",
    options: [yes],
    kind: "api",
    example: "mycogate quarantine remove 17 --yes",
    load: async () => (await import("./commands/quarantine.ts")).removeQuarantine,
  },
  {
    usage: "ledger verify",
    summary: "Check every entry of a running or stopped gateway's ledger",
    options: [
      ["--vkey <vkey...>", "verify with these public keys, as `key show` prints them, not the gateway's own"],
      ["--resume", "go on where an interrupted run was, and believe it as far as it came"],
      ofOrigin,
    ],
    kind: "plain",
    example: "mycogate ledger verify --data ./data",
    load: async () => (await import("./commands/ledger.ts")).verifyLedger,
  },
  {
    usage: "ledger scrub",
    summary: "Hold the running gateway's journal, hash files, database and checkpoint against each other, now",
    kind: "api",
    example: "mycogate ledger scrub --json",
    load: async () => (await import("./commands/ledger-scrub.ts")).scrubLedger,
  },
  {
    usage: "ledger log",
    summary:
      "Print what was decided and by whom, and what befell the gateway, oldest first; --json is one object a line",
    options: [
      ["--since <time>", "a date, a time, or how long ago: 2026-05-01, 36h, 7d"],
      ["--type <type>", "only this type, or this kind: device.revoked, device"],
      ["--device <id>", "only about this device"],
      ["--follow", "go on with what comes"],
      ofOrigin,
    ],
    kind: "plain",
    example: "mycogate ledger log --since 7d --type device",
    load: async () => (await import("./commands/ledger-log.ts")).showLog,
  },
  {
    usage: "ledger policy",
    summary: "Print the log's public keys and its witnesses' as the policy that a verifier needs",
    options: [ofOrigin],
    kind: "plain",
    example: "mycogate ledger policy > gateway.policy",
    load: async () => (await import("./commands/ledger-proof.ts")).printPolicy,
  },
  {
    usage: "ledger prove <leaf>",
    summary: "Print the proof that an entry is in the log, as a C2SP tlog-proof file unless told otherwise",
    options: [
      [
        "--cose [signature]",
        "a COSE receipt (RFC 9942), signed with the ed25519 or the mldsa44 key; ed25519 unless told",
      ],
      ["--block", "the short proof that it is in a sealed block: gateway-signed, not witnessed"],
      ["--leaf", "the entry itself, verbatim, for who checks a receipt"],
      ofOrigin,
    ],
    kind: "plain",
    example: "mycogate ledger prove 42 > leaf-42.tlog-proof",
    load: async () => (await import("./commands/ledger-proof.ts")).proveLeaf,
  },
  {
    usage: "ledger verify-proof <file...>",
    summary:
      "Check a proof file, or COSE receipts and the entry they are about, with nothing but a policy of whom to trust",
    options: [["--policy <file>", "C2SP tlog-policy: the log's public keys, and the witnesses it needs"]],
    kind: "plain",
    example: "mycogate ledger verify-proof leaf-42.tlog-proof --policy gateway.policy",
    load: async () => (await import("./commands/ledger-verify.ts")).verifyProofFile,
  },
  {
    usage: "ledger export",
    summary:
      "Write the signed log as static files for any web server, or as a second copy for tools that read a MAS ledger",
    options: [
      ["--tiles <dir>", "directory of C2SP tlog-tiles; goes on where the last export ended"],
      ["--mas <file>", "sealed blocks as a MAS ledger in JSONL: their order, no proof"],
      ["--mas-tables <dir>", "the same as blocks.csv and entries.csv"],
      ofOrigin,
    ],
    kind: "plain",
    example: "mycogate ledger export --tiles ./public",
    load: async () => (await import("./commands/ledger-proof.ts")).exportLedger,
  },
  {
    usage: "ledger verify-export <dir>",
    summary: "Check every file of an exported log, with nothing but a policy of whom to trust",
    options: [["--policy <file>", "C2SP tlog-policy: the log's public keys, and the witnesses it needs"]],
    kind: "plain",
    example: "mycogate ledger verify-export ./public --policy gateway.policy",
    load: async () => (await import("./commands/ledger-verify.ts")).verifyExport,
  },
  {
    usage: "ledger new-origin",
    summary: "End a ledger that must not go on, and begin the next under a new number; of a stopped gateway",
    options: [["--reason <text>", "kept in the new ledger"], yes],
    kind: "plain",
    example: 'mycogate ledger new-origin --reason "restored from Monday\'s backup" --yes',
    load: async () => (await import("./commands/ledger-new-origin.ts")).newOrigin,
  },
  {
    usage: "key show",
    summary: "Print the public keys, for whoever is to verify the log",
    kind: "plain",
    example: "mycogate key show --json",
    load: async () => (await import("./commands/key.ts")).showKeys,
  },
  {
    usage: "key rotate <role>",
    summary:
      "Put the next key in the place of one of the log's: checkpoint-ed25519, checkpoint-mldsa44, seal or receipt",
    options: [["--prepare", "only make the next key and print it, so that others can learn of it first"], yes],
    kind: "plain",
    example: "mycogate key rotate seal --yes",
    load: async () => (await import("./commands/key.ts")).rotateKeys,
  },
  {
    usage: "key retire <role>",
    summary: "Delete the key before the one in use; a checkpoint's signs beside it until then",
    options: [yes],
    kind: "plain",
    example: "mycogate key retire checkpoint-ed25519 --yes",
    load: async () => (await import("./commands/key.ts")).retireKey,
  },
  {
    usage: "key backup <file>",
    summary: "Write all private keys into one file (mode 0600)",
    options: [
      ["--passphrase-file <file>", "encrypt it with this passphrase; - is standard input"],
      ["--plain", "do not encrypt it: whoever reads it can sign as this gateway"],
    ],
    kind: "plain",
    example: "mycogate key backup gateway.keys --passphrase-file passphrase.txt",
    load: async () => (await import("./commands/key-backup.ts")).backupKeys,
  },
  {
    usage: "key restore <file>",
    summary: "Put the keys of a backup into a data directory that has none",
    options: [["--passphrase-file <file>", "that it was encrypted with; - is standard input"]],
    kind: "plain",
    example: "mycogate key restore gateway.keys --passphrase-file passphrase.txt",
    load: async () => (await import("./commands/key-backup.ts")).restoreKeys,
  },
  {
    usage: "config check",
    summary: "List every problem with its place",
    kind: "settings",
    example: "mycogate config check --config mycogate.yaml",
    load: async () => (await import("./commands/config.ts")).checkConfig,
  },
  {
    usage: "config print",
    summary: "Print what is set, secrets masked",
    options: [["--effective", "with the defaults"]],
    kind: "settings",
    example: "mycogate config print --effective",
    load: async () => (await import("./commands/config.ts")).printConfig,
  },
  {
    usage: "sim list",
    summary: "List the scenarios that come with the package",
    kind: "plain",
    example: "mycogate sim list",
    load: async () => (await import("./commands/sim.ts")).listScenarios,
  },
  {
    usage: "sim show <scenario>",
    summary: "Print a scenario, to read or as the start of your own",
    kind: "plain",
    example: "mycogate sim show bad-weather > mine.yaml",
    load: async () => (await import("./commands/sim.ts")).showScenario,
  },
  {
    usage: "sim run <scenario>",
    summary: "Play a scenario, by name or file, and check that the gateway accounts for every message",
    options: [
      ["--gateway <url>", "HTTP address of the running gateway; as configured unless given"],
      ["--token-file <file>", "its admin token; that of the data directory unless given"],
      ["--start", "start a gateway of its own for this run, with all that the devices need"],
      ["--user <name>", "MQTT user of role relay, where the gateway lets nobody in without"],
      ["--password-file <file>", "password of that user"],
      ["--serial <paths>", "where the running gateway looks for boards, separated by commas"],
      ["--lorawan <port>", "where the running gateway comes for LoRaWAN uplinks, on loopback"],
      ["--seed <seed>", "instead of the scenario's"],
      ["--duration <time>", "instead of the scenario's"],
      ["--speed <factor>", "instead of the scenario's: simulated seconds in a real one"],
    ],
    kind: "plain",
    example: "mycogate sim run field-day --start",
    load: async () => (await import("./commands/sim.ts")).runSimulation,
  },
  {
    usage: "sim fleet",
    summary: "Many devices over MQTT at a gateway of their own on loopback: rates, and how long acknowledgements take",
    options: [
      ["--devices <n>", "how many", "1000"],
      ["--every <time>", "between two messages of one device", "10s"],
      ["--duration <time>", "how long they live", "30s"],
    ],
    kind: "plain",
    example: "mycogate sim fleet --devices 5000",
    load: async () => (await import("./commands/sim.ts")).runFleet,
  },
  {
    usage: "bench ingest",
    summary: "A whole gateway under load, beside this machine's limits",
    options: [
      ["--connections <n>", "MQTT connections", "16"],
      ["--messages <n>", "envelopes sent at full speed", "300000"],
      ["--minutes <n>", "go on at full speed for so long and watch the memory", "0"],
      ["--recovery-entries <n>", "time the recovery of a journal of this size", "0"],
    ],
    kind: "plain",
    example: "mycogate bench ingest --messages 300000",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
  {
    usage: "bench ledger",
    summary: "The ledger: appending with and without blocks, verifying, starting, and what blocks cost a whole gateway",
    options: [
      ["--entries <n>", "entries appended at full speed", "500000"],
      ["--messages <n>", "envelopes through a whole gateway, with and without blocks; 0 leaves that out", "100000"],
    ],
    kind: "plain",
    example: "mycogate bench ledger --entries 500000",
    load: async () => (await import("./commands/bench.ts")).benchLedgerAlone,
  },
  {
    usage: "bench proofs",
    summary:
      "How long a start and proofs take on a ledger of a given size that is in the system's memory, beside what reading and hashing one tile takes",
    options: [
      ["--entries <n>", "readings in the ledger", "1000000"],
      ["--proofs <n>", "proofs of each kind", "5000"],
    ],
    kind: "plain",
    example: "mycogate bench proofs --entries 10000000",
    load: async () => (await import("./commands/bench.ts")).benchProofsAlone,
  },
];
