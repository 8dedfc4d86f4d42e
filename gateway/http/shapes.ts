/** Shapes of requests and answers: they check the first and describe both in the OpenAPI document. */
import { type TSchema, Type } from "typebox";
import { commandIdPattern, commandStates, maxExpiryMs, maxTimeoutMs } from "../../src/commands/command.ts";
import { errorCatalog } from "../../src/errors.ts";
import { transports } from "../../src/ingest/upload.ts";
import { scrubParts } from "../../src/ledger/scrub-events.ts";
import { type QuarantineReason, quarantineReasons, type RejectReason, rejectReasons } from "../../src/rejects.ts";
import { problemType } from "./problem.ts";

const strict = { additionalProperties: false };
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const time = Type.String({ format: "date-time", description: "ISO 8601 in UTC." });
const count = Type.Integer({ minimum: 0 });

const deviceId = Type.String({ description: "Registry id of the device.", pattern: "^[A-Za-z0-9._-]{1,64}$" });
export const leafIndex = Type.Integer({
  description: "Position in the ledger, from 0.",
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});
const quarantineId = Type.Integer({
  description: "Number of the quarantined message.",
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
});
const cursor = Type.Optional(Type.String({ description: "`next` of the page before.", minLength: 1, maxLength: 512 }));
const limit = Type.Integer({ description: "Items on a page.", minimum: 1, maximum: 1_000, default: 100 });
const publicKey = Type.String({
  description: "Ed25519 public key, 32 bytes as hex or base64.",
  minLength: 1,
  maxLength: 128,
});
const label = Type.Optional(Type.String({ maxLength: 128 }));
const instant = (description: string) =>
  Type.Optional(
    Type.String({
      description,
      pattern: "^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))?$",
    }),
  );

export const deviceParams = Type.Object({ id: deviceId }, strict);
export const entryParams = Type.Object({ leafIndex }, strict);
export const quarantineParams = Type.Object({ id: quarantineId }, strict);

export const enrolBody = Type.Object(
  {
    id: deviceId,
    publicKey: Type.Optional(publicKey),
    name: label,
    role: label,
    transport: label,
    sparseSigning: Type.Optional(
      Type.Boolean({ description: "Its messages may be chained, a later signature proving them." }),
    ),
  },
  strict,
);
export const sparseSigningBody = Type.Object({ allowed: Type.Boolean() }, strict);
export const rotateBody = Type.Object(
  {
    publicKey,
    overlapSeconds: Type.Integer({
      description: "The key before stays valid for this long.",
      minimum: 0,
      maximum: 31_536_000,
      default: 3_600,
    }),
  },
  strict,
);
export const revokeBody = Type.Object(
  { reason: Type.String({ description: "Kept in the ledger.", maxLength: 256, default: "" }) },
  strict,
);
const commandId = Type.String({ description: "Names the command.", pattern: commandIdPattern.source });
const wait = (fallback: number) =>
  Type.Integer({
    description: "Answer once it is finished, or after so long with what it is then.",
    minimum: 0,
    maximum: 60_000,
    default: fallback,
  });
export const commandParams = Type.Object({ id: commandId }, strict);
export const commandQuery = Type.Object({ waitMs: wait(0) }, strict);
/** Other headers are not ours to judge. */
export const commandHeaders = Type.Object({ "idempotency-key": Type.Optional(commandId) });
export const commandBody = Type.Object(
  {
    id: Type.Optional(commandId),
    cmd: Type.String({ minLength: 1, maxLength: 64 }),
    params: Type.Record(Type.String(), Type.Unknown(), { default: {} }),
    timeoutMs: Type.Integer({
      description: "The device's answer is waited for so long once the command is sent.",
      minimum: 100,
      maximum: maxTimeoutMs,
      default: 5_000,
    }),
    expiresInMs: Type.Integer({
      description: "It is not sent later than that.",
      minimum: 100,
      maximum: maxExpiryMs,
      default: 60_000,
    }),
    waitMs: wait(30_000),
  },
  strict,
);
export const command = Type.Object({
  id: Type.String(),
  deviceId: Type.String(),
  cmd: Type.String(),
  params: Type.Record(Type.String(), Type.Unknown()),
  by: Type.String({ description: "The operator." }),
  via: Type.String({ description: "How it was asked for: http, mqtt." }),
  state: Type.Enum([...commandStates], {
    description:
      "`delivered`: handed over, and this family does not say what came of it. `unanswered`: sent without an answer, so that it may have been done. `expired`, `not_sent`: the device never got it.",
  }),
  message: Type.String({ description: "As the device words it; or why there is no answer." }),
  code: nullable(Type.String({ description: "Error code, where it was not the device that ended it." })),
  link: nullable(Type.String({ description: "What it was sent by." })),
  timeoutMs: Type.Integer(),
  acceptedAt: time,
  expiresAt: time,
  sentAt: nullable(time),
  finishedAt: nullable(time),
});
export const pageQuery = Type.Object({ limit, cursor }, strict);
export const readingsQuery = Type.Object(
  {
    device: Type.Optional(deviceId),
    sensor: Type.Optional(
      Type.String({ description: "Name or number of the code table, or a text id.", minLength: 1, maxLength: 128 }),
    ),
    from: instant("Earliest time, inclusive: RFC 3339, or a date."),
    to: instant("Latest time, exclusive: RFC 3339, or a date."),
    limit,
    cursor,
    order: Type.Enum(["asc", "desc"], { description: "By time.", default: "desc" }),
  },
  strict,
);
export const trackQuery = Type.Object(
  {
    from: instant("Earliest time, inclusive: RFC 3339, or a date."),
    to: instant("Latest time, exclusive: RFC 3339, or a date."),
    limit: Type.Integer({ description: "Points on a page.", minimum: 1, maximum: 10_000, default: 1_000 }),
    cursor,
  },
  strict,
);
export const gapQuery = Type.Object(
  {
    from: instant("Earliest time, inclusive: RFC 3339, or a date."),
    to: instant("Latest time, exclusive: RFC 3339, or a date."),
  },
  strict,
);
export const quarantineQuery = Type.Object(
  {
    limit,
    cursor,
    reason: Type.Optional(Type.Enum(Object.keys(quarantineReasons) as QuarantineReason[])),
    device: Type.Optional(deviceId),
  },
  strict,
);

const verification = Type.Enum(["verified", "attested"]);

export const device = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Type.String(),
  transport: Type.String(),
  firmware: Type.String({ description: "As last reported, empty when never." }),
  sparseSigning: Type.Boolean(),
  enrolledAt: time,
  revokedAt: nullable(time),
  lastSeenAt: nullable(time),
  keys: Type.Array(
    Type.Object({
      epoch: Type.Integer(),
      publicKey: Type.String({ description: "base64" }),
      validFrom: time,
      validUntil: nullable(time),
    }),
  ),
});

const position = Type.Array(Type.Number(), {
  description: "Longitude, latitude, and metres above the sea where known.",
  minItems: 2,
  maxItems: 3,
});
/** RFC 7946 */
export const track = Type.Object({
  type: Type.Literal("FeatureCollection"),
  features: Type.Array(
    Type.Object({
      type: Type.Literal("Feature"),
      geometry: Type.Union([
        Type.Object({ type: Type.Literal("LineString"), coordinates: Type.Array(position) }),
        Type.Object({ type: Type.Literal("Point"), coordinates: position }),
      ]),
      properties: Type.Record(Type.String(), Type.Unknown(), {
        description:
          "Of the line: deviceId, times. Of a point: deviceId, time, leafIndex, verification, timeSource, accuracyM.",
      }),
    }),
  ),
  next: nullable(Type.String({ description: "Give it back as `cursor`." })),
});

const missing = nullable(
  Type.Integer({ description: "Numbers that are not there; null where holes say nothing.", minimum: 0 }),
);
export const gaps = Type.Object({
  deviceId: Type.String(),
  upToLeaf: Type.Integer({ description: "What the database had: leaves from there on are not in the report." }),
  complete: Type.Boolean({ description: "False: there are too many messages for one report; ask by time." }),
  counters: Type.Array(
    Type.Object({
      name: Type.String(),
      numbering: Type.Enum(["every_message", "holes_by_design", "none"]),
      why: Type.String(),
      messages: count,
      unnumbered: count,
      missing,
      runs: Type.Array(
        Type.Object({
          first: Type.Integer(),
          last: Type.Integer(),
          messages: count,
          missing,
          gaps: Type.Array(Type.Object({ from: Type.Integer(), to: Type.Integer() })),
          firstLeaf: Type.Integer(),
          lastLeaf: Type.Integer(),
          from: time,
          until: time,
        }),
        { description: "Oldest first. A run ends where the counter starts again; at most 100, with 1000 gaps each." },
      ),
      earlierRuns: Type.Object({ runs: count, messages: count, missing }),
    }),
  ),
});

const share = Type.Number({ minimum: 0, maximum: 1 });
export const disagreement = Type.Object({
  deviceId: Type.String(),
  index: nullable(share),
  time: nullable(time),
  parts: Type.Array(Type.Object({ quantity: Type.String(), amb: Type.Number(), env: Type.Number(), index: share }), {
    description: "By quantity; none, and `index` null, where there are no two readings to compare.",
  }),
});

export const reading = Type.Object({
  time,
  deviceId: Type.String(),
  sensor: Type.Union([Type.String(), Type.Number()]),
  value: Type.Optional(Type.Number({ description: "The exact decimal; parse it as such where every digit counts." })),
  values: Type.Optional(
    Type.Array(Type.Number(), {
      description: "Instead of `value`: what means something only together, as a spectrum.",
    }),
  ),
  unit: Type.Union([Type.String(), Type.Number()]),
  quality: Type.Integer({ description: "0 ok, 1 warn, 2 bad." }),
  seq: nullable(Type.Integer({ description: "Up to 64 bits." })),
  msgId: nullable(Type.String()),
  leafIndex: Type.Integer(),
  verification,
  timeSource: Type.Enum(["device", "gateway"]),
});

export const entry = Type.Object({
  leafIndex: Type.Integer(),
  kind: Type.Enum(["reading", "seal", "event", "removed"]),
  deviceId: nullable(Type.String()),
  receivedAt: nullable(time),
  verification: nullable(verification),
  keyEpoch: nullable(Type.Integer()),
  source: nullable(Type.String()),
  format: nullable(Type.String()),
  firmware: nullable(Type.String()),
  payload: Type.String({ description: "The bytes as received, base64." }),
  removedBy: Type.Optional(Type.Integer({ description: "Of a removed entry: the entry that ordered it." })),
  leafHash: Type.String({ description: "RFC 6962 leaf hash, lower-case hex." }),
  block: nullable(Type.Integer()),
  state: Type.Enum(["durable", "sealed", "checkpointed", "witnessed"]),
});

export const eventsQuery = Type.Object(
  {
    type: Type.Optional(
      Type.String({
        description: "`device.revoked`, or `device` for everything of that kind.",
        pattern: "^[a-z0-9_]+(\\.[a-z0-9_]+)*$",
        maxLength: 64,
      }),
    ),
    device: Type.Optional(deviceId),
    from: instant("Earliest time, inclusive: RFC 3339, or a date."),
    to: instant("Latest time, exclusive: RFC 3339, or a date."),
    limit,
    cursor,
    order: Type.Enum(["asc", "desc"], { description: "In the order of the ledger, or newest first.", default: "desc" }),
  },
  strict,
);
export const event = Type.Object({
  leafIndex: Type.Integer(),
  time,
  type: Type.String({ description: "`domain.past_tense`. There may be types that no version has known so far." }),
  deviceId: nullable(Type.String()),
  by: nullable(Type.String({ description: "The operator who decided; null where the gateway did by itself." })),
  text: Type.String({ description: "For people." }),
  details: Type.Record(Type.String(), Type.Unknown(), { description: "For programs; byte strings as hex." }),
});

export const erasure = Type.Object({
  order: Type.Integer({ description: "The entry that ordered it; readings before it are erased." }),
  count: nullable(Type.Integer({ description: "Readings taken out of the ledger; null while that is under way." })),
});
export const notYetProven = Type.Object({
  leafIndex: Type.Integer(),
  state: Type.Enum(["durable", "sealed", "checkpointed", "witnessed"]),
});
const treeSize = (description: string) => Type.Integer({ description, minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const signature = Type.Enum(["ed25519", "mldsa44"], {
  description: "Of a COSE receipt: which of the log's two keys is to sign it.",
  default: "ed25519",
});
export const receiptQuery = Type.Object({ signature }, strict);
export const blockProof = Type.Object({
  kind: Type.Literal("mycogate-block-proof/v1"),
  assurance: Type.Literal("gateway-signed, not witnessed", {
    description: "The gateway's own word: nobody else has seen that this block is the only one of its number.",
  }),
  leafIndex: Type.Integer(),
  leaf: Type.String({ description: "Verbatim, base64." }),
  hashes: Type.Array(Type.String({ description: "32 bytes, base64, from the leaf's sibling up to the block's root." })),
  seal: Type.String({ description: "COSE_Sign1 of the seal key, base64." }),
});
export const consistencyQuery = Type.Object(
  {
    signature,
    from: treeSize("Size of the earlier log."),
    to: Type.Optional(treeSize("Size of the later log; that of the latest checkpoint unless given.")),
  },
  strict,
);
export const consistency = Type.Object({
  from: Type.Integer(),
  to: Type.Integer(),
  hashes: Type.Array(Type.String({ description: "32 bytes, base64." })),
});

const quarantineFields = {
  id: Type.Integer(),
  reason: Type.String(),
  detail: Type.String(),
  deviceId: Type.String(),
  receivedAt: time,
  source: Type.String(),
  format: Type.String(),
  sizeBytes: Type.Integer(),
};
export const quarantineItem = Type.Object(quarantineFields);
export const quarantineItemWithPayload = Type.Object({
  ...quarantineFields,
  payload: Type.String({ description: "The bytes as received, base64." }),
});

const countFields = { received: count, stored: count, duplicate: count, quarantined: count, rejected: count };
const reasonCounts = (reasons: readonly string[]) =>
  Type.Object(Object.fromEntries(reasons.map((reason) => [reason, Type.Optional(count)])));

export const stats = Type.Object({
  gatewayId: Type.String(),
  version: Type.String(),
  ...countFields,
  treeSize: count,
  durableSize: count,
  inFlight: count,
  byTransport: Type.Object(Object.fromEntries(transports.map((transport) => [transport, Type.Object(countFields)]))),
  quarantineReasons: reasonCounts(Object.keys(quarantineReasons) as QuarantineReason[]),
  rejectReasons: reasonCounts(Object.keys(rejectReasons) as RejectReason[]),
  chained: Type.Object({ waiting: count, released: count }),
  devices: count,
  databaseCursor: nullable(count),
  checkpointSize: count,
  witnessedSize: count,
  witnesses: Type.Array(Type.Object({ url: Type.String(), cosignedSize: count, up: Type.Boolean() })),
  alarms: Type.Array(Type.String()),
  uptimeSeconds: Type.Number({ minimum: 0 }),
});

const seconds = Type.Number({ minimum: 0 });
export const airtime = Type.Object({
  windowSeconds: seconds,
  budgetSeconds: seconds,
  usedSeconds: seconds,
  deviceBudgetSeconds: seconds,
  devices: Type.Array(Type.Object({ deviceId: Type.String(), upSeconds: seconds, downSeconds: seconds })),
});

export const listener = Type.Object({
  name: Type.String({ description: "`tcp`, `tls` and `ws` are MQTT." }),
  url: Type.String(),
});

const scrubFinding = {
  part: Type.Enum([...scrubParts], { description: "Where it was wrong; only the journal is more than a copy." }),
  what: Type.String(),
  leafIndex: Type.Integer({ description: "The first entry that it is about." }),
  count: Type.Integer({ description: "Entries, hashes or rows that it is about." }),
  repaired: Type.Boolean({ description: "Whether it was written anew from the journal." }),
};
const scrubPass = Type.Object({
  number: Type.Integer({ description: "Counts from 1 since the gateway's start." }),
  startedAt: time,
  endedAt: nullable(time),
  size: Type.Integer({ description: "Entries that were signed when it began: what it is about." }),
  position: Type.Integer({ description: "The first of them not checked yet." }),
  entries: Type.Integer({ description: "Entries read and hashed." }),
  rows: Type.Integer({ description: "Rows of the database compared with them." }),
  missedRows: Type.Integer({ description: "Entries whose rows could not be compared." }),
  databaseTrouble: nullable(Type.String({ description: "Why they could not." })),
  findings: Type.Array(Type.Object(scrubFinding), { description: "The first thousand; the ledger has all." }),
  error: nullable(Type.String({ description: "What ended it too early." })),
});
export const scrub = Type.Object({
  intervalMinutes: Type.Integer(),
  loadPercent: Type.Integer(),
  running: nullable(scrubPass),
  last: nullable(scrubPass),
  open: Type.Array(
    Type.Object({ ...scrubFinding, entry: Type.Integer({ description: "Leaf index of the entry that tells it." }) }),
    { description: "What was found and nothing has repaired." },
  ),
});

export const readiness = Type.Object({
  ready: Type.Boolean(),
  dependencies: Type.Record(
    Type.String(),
    Type.Object({ status: Type.Enum(["ok", "degraded", "down", "off"]), detail: Type.String() }),
  ),
});

const problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.Enum(Object.keys(errorCatalog)),
  detail: Type.String(),
  hint: Type.String(),
});
const problems = { description: "RFC 9457 problem", content: { [problemType]: { schema: problem } } };

/** The answers of a route: the good ones given, and problems for the rest. */
export const answers = <T extends Record<number, unknown>>(good: T) => ({ ...good, "4xx": problems, "5xx": problems });
export const page = <T extends TSchema>(item: T) =>
  Type.Object({ data: Type.Array(item), next: nullable(Type.String()) });
export const noContent = Type.Null({ description: "Done." });
