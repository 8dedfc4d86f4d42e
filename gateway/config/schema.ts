/**
 * Every setting, once: its type, bounds, default and meaning. The YAML file, the environment, the flags,
 * `mycogate config check` and docs/reference/config.md are all derived from here.
 */
import { type Static, Type } from "typebox";
import { transports } from "../../src/ingest/upload.ts";
import { fciConfigSchema } from "../transports/fci/config.ts";
import { loraConfigSchema } from "../transports/lora/config.ts";
import { lorawanConfigSchema } from "../transports/lorawan/config.ts";
import { mavlinkConfigSchema } from "../transports/mavlink/config.ts";
import { mqttConfigSchema } from "../transports/mqtt/config.ts";
import { serialConfigSchema } from "../transports/serial/config.ts";
import { udpConfigSchema } from "../transports/udp/config.ts";
import { witnessConfigSchema } from "../witness/config.ts";
import type { DeepReadonly } from "./deep-readonly.ts";

const strict = { additionalProperties: false };

const ledger = Type.Object(
  {
    origin: Type.Optional(
      Type.String({
        description:
          "Name of the log in its checkpoints: a URL without scheme. Made at first start and kept; a ledger never changes its origin.",
        pattern: "^[^\\s+]{1,255}$",
        restart: true,
      }),
    ),
    checkpointIntervalMs: Type.Integer({
      description: "While the ledger grows, a checkpoint is signed at most this often.",
      unit: "ms",
      minimum: 10,
      maximum: 3_600_000,
      default: 1_000,
      restart: true,
    }),
    blockLeaves: Type.Integer({
      description:
        "A block is closed and sealed once it has this many entries; the batch that reaches it is not split.",
      minimum: 1,
      maximum: 65_536,
      default: 100,
      restart: true,
    }),
    blockSeconds: Type.Integer({
      description: "A block that is not full is closed and sealed this long after its first entry.",
      unit: "s",
      minimum: 1,
      maximum: 86_400,
      default: 300,
      restart: true,
    }),
    hmacKey: Type.Optional(
      Type.String({
        description:
          "Key for an HMAC-SHA256 in every seal, at least 32 bytes in hex. For checks of your own, proof to nobody else. Not set: none.",
        pattern: "^([0-9a-f]{2}){32,128}$",
        secret: true,
        restart: true,
      }),
    ),
    anchorFile: Type.Optional(
      Type.String({
        description:
          "File, best on another disk, that gets a copy of every checkpoint. A start refuses a ledger that is older than it.",
        minLength: 1,
        restart: true,
      }),
    ),
    holdSeconds: Type.Integer({
      description:
        "After a start no checkpoint is signed before the database and the witnesses have said how much of this log they know, or for so long.",
      unit: "s",
      minimum: 0,
      maximum: 3_600,
      default: 60,
      restart: true,
    }),
    segmentBytes: Type.Integer({
      description: "The journal goes on in a new file after this size.",
      unit: "bytes",
      minimum: 1_048_576,
      maximum: 1_073_741_824,
      default: 134_217_728,
      restart: true,
    }),
    scrub: Type.Object(
      {
        intervalMinutes: Type.Integer({
          description:
            "The scrub begins a pass over the whole ledger so long after it has ended the one before; 0: only when asked.",
          unit: "min",
          minimum: 0,
          maximum: 10_080,
          default: 60,
          restart: true,
        }),
        loadPercent: Type.Integer({
          description: "Of one core, what the scrub may take while it is at it; it rests for the remaining time.",
          unit: "%",
          minimum: 1,
          maximum: 100,
          default: 5,
          restart: true,
        }),
      },
      strict,
    ),
    retention: Type.Object(
      {
        payloadDays: Type.Optional(
          Type.Integer({
            description:
              "The ledger drops the content of readings after so long; their hashes, and all decisions and seals, stay. Not set: never.",
            unit: "days",
            minimum: 1,
            maximum: 36_500,
            restart: true,
          }),
        ),
      },
      strict,
    ),
  },
  strict,
);

const privateKey = (what: string) =>
  Type.Optional(
    Type.String({
      description: `Private key that signs ${what}, PKCS#8 PEM. Not set: made at first start and kept in \`<data>/keys\`.`,
      pattern: "^-----BEGIN PRIVATE KEY-----\\s",
      secret: true,
      restart: true,
    }),
  );

const keys = Type.Object(
  {
    checkpointEd25519: privateKey("checkpoints, Ed25519"),
    checkpointMldsa44: privateKey("checkpoints, ML-DSA-44 as its seed alone"),
    sealEd25519: privateKey("seals, Ed25519"),
    receiptEd25519: privateKey("receipts to devices, Ed25519"),
  },
  strict,
);

const http = Type.Object(
  {
    host: Type.String({
      description: "Address the HTTP API listens on.",
      minLength: 1,
      default: "127.0.0.1",
      restart: true,
    }),
    port: Type.Integer({
      description: "Port of the HTTP API; 0 takes a free one.",
      minimum: 0,
      maximum: 65_535,
      default: 8_080,
      restart: true,
    }),
    maxBodyBytes: Type.Integer({
      description: "Longer request bodies are refused.",
      unit: "bytes",
      minimum: 1_024,
      maximum: 67_108_864,
      default: 1_048_576,
      restart: true,
    }),
    maxConnections: Type.Integer({
      description: "Further connections are closed at once.",
      minimum: 1,
      maximum: 65_535,
      default: 512,
      restart: true,
    }),
    requestTimeoutMs: Type.Integer({
      description: "A request must have arrived whole within this time, its headers within a third of it.",
      unit: "ms",
      minimum: 1_000,
      maximum: 600_000,
      default: 30_000,
      restart: true,
    }),
  },
  strict,
);

const keepDays = (what: string) =>
  Type.Optional(
    Type.Integer({
      description: `The database drops ${what} after so long; the ledger is not touched. Not set: never.`,
      unit: "days",
      minimum: 1,
      maximum: 36_500,
      restart: true,
    }),
  );

const database = Type.Object(
  {
    url: Type.String({
      description: "PostgreSQL 15 or newer, `postgres://…`. Empty starts the embedded one inside the data directory.",
      pattern: "^(postgres(ql)?://.+)?$",
      secret: true,
      default: "",
      restart: true,
    }),
    runAs: Type.Optional(
      Type.String({
        description:
          "User the embedded PostgreSQL runs as when root runs the gateway. Not set: `postgres` where it exists, else `nobody`.",
        pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,31}$",
        restart: true,
      }),
    ),
    retention: Type.Object(
      {
        entriesDays: keepDays("entries with their readings"),
        minutesDays: keepDays("rollups by the minute"),
        hoursDays: keepDays("rollups by the hour"),
      },
      strict,
    ),
  },
  strict,
);

const ingest = Type.Object(
  {
    workers: Type.Integer({
      description: "Threads that verify signatures; 0 is one per processor core.",
      minimum: 0,
      maximum: 64,
      default: 0,
      restart: true,
    }),
    pendingBytes: Type.Integer({
      description:
        "Payload bytes that may be on their way to the disk at once, over all senders; beyond them nothing more is read from sockets.",
      unit: "bytes",
      minimum: 1_048_576,
      maximum: 1_073_741_824,
      default: 16_777_216,
      restart: true,
    }),
    dedupeWindow: Type.Integer({
      description: "Messages remembered to recognise one that is sent again.",
      unit: "messages",
      minimum: 1_000,
      maximum: 100_000_000,
      default: 1_000_000,
      restart: true,
    }),
    trust: Type.Array(Type.Enum([...transports]), {
      description:
        "Transports whose unsigned messages are taken as attested; elsewhere they are quarantined as UNSIGNED.",
      uniqueItems: true,
      default: ["serial"],
      restart: true,
    }),
    signatureWaitHours: Type.Integer({
      description:
        "A message of a sparsely signed chain can be proven this long after it came; later it stays in quarantine.",
      unit: "h",
      minimum: 1,
      maximum: 2_160,
      default: 24,
      restart: true,
    }),
    quarantine: Type.Object(
      {
        maxBytes: Type.Integer({
          description: "Quarantine keeps at most this much; beyond it messages are counted as QUARANTINE_FULL.",
          unit: "bytes",
          minimum: 65_536,
          default: 268_435_456,
          restart: true,
        }),
        maxItems: Type.Integer({
          description: "Quarantine keeps at most this many messages.",
          unit: "messages",
          minimum: 1,
          maximum: 10_000_000,
          default: 100_000,
          restart: true,
        }),
        maxAgeDays: Type.Integer({
          description: "Quarantined messages are dropped after this time.",
          unit: "days",
          minimum: 1,
          maximum: 3_650,
          default: 90,
          restart: true,
        }),
      },
      strict,
    ),
  },
  strict,
);

const log = Type.Object(
  {
    level: Type.Enum(["trace", "debug", "info", "warn", "error", "silent"], {
      description: "The least severe messages that are logged.",
      default: "info",
      restart: true,
    }),
    pretty: Type.Optional(
      Type.Boolean({
        description:
          "Log for people instead of one JSON object a line. Without it: for people where stdout is a terminal.",
        restart: true,
      }),
    ),
  },
  strict,
);

export const configSchema = Type.Object(
  {
    data: Type.String({
      description: "Data directory: ledger, keys, quarantine, embedded database.",
      minLength: 1,
      default: "./data",
      restart: true,
    }),
    gatewayId: Type.Optional(
      Type.String({
        description: "Name of this gateway in MQTT topics and metrics. Made at first start and kept.",
        pattern: "^[A-Za-z0-9._-]{1,64}$",
        restart: true,
      }),
    ),
    adminToken: Type.Optional(
      Type.String({
        description: "Bearer token with every right. Made at first start and kept in `<data>/admin-token`.",
        pattern: "^[\\x21-\\x7e]{16,512}$",
        secret: true,
        restart: true,
      }),
    ),
    ledger,
    keys,
    witness: witnessConfigSchema,
    mqtt: mqttConfigSchema,
    serial: serialConfigSchema,
    udp: udpConfigSchema,
    lora: loraConfigSchema,
    lorawan: lorawanConfigSchema,
    mavlink: mavlinkConfigSchema,
    fci: fciConfigSchema,
    http,
    database,
    ingest,
    log,
  },
  strict,
);

/** Checked, complete and deep-frozen: `data` is absolute and `ingest.workers` at least 1. */
export type Config = DeepReadonly<Static<typeof configSchema>>;
