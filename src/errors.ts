/**
 * One class for a broken gateway, with a code from one table. The table also yields docs/reference/errors.md and the
 * problem JSON of the HTTP API. A bad *message* is not an error: see result.ts and rejects.ts.
 */
export const errorCatalog = {
  CONFIG_INVALID: { http: 500, retry: false, hint: "Run `mycogate config check` for the full list." },
  DATA_DIR_LOCKED: { http: 503, retry: true, hint: "Stop the other gateway, or give this one its own MYCOGATE_DATA." },
  DATA_DIR_UNUSABLE: { http: 503, retry: false, hint: "Check that the directory exists, is writable, and has space." },
  LISTEN_FAILED: {
    http: 503,
    retry: true,
    hint: "Another program may hold the port; choose another in the configuration.",
  },
  LISTENER_UNPROTECTED: {
    http: 500,
    retry: false,
    hint: "A listener beyond loopback needs authentication: set mqtt.users or mutual TLS, and mqtt.allowAnonymous to false; fci.apiKey for FCI.",
  },
  JOURNAL_CORRUPT: { http: 503, retry: false, hint: "Run `mycogate ledger verify` and restore from a backup." },
  JOURNAL_ROLLED_BACK: {
    http: 503,
    retry: false,
    hint: "The ledger is shorter than what was signed. Restore the newer copy, or start over with `mycogate ledger new-origin`.",
  },
  JOURNAL_FAILED: {
    http: 503,
    retry: false,
    hint: "The disk failed an fsync. Check the disk, then restart the gateway.",
  },
  LEDGER_FORKED: {
    http: 503,
    retry: false,
    hint: "Somebody keeps another history of this log, signed with its keys. Restore that one, or start over with `mycogate ledger new-origin`.",
  },
  CHECKPOINT_INVALID: {
    http: 503,
    retry: false,
    hint: "The stored checkpoint is not one that both of this gateway's keys signed for this origin. Restore ledger/ and keys/ from one backup.",
  },
  CHECKPOINT_REPLACED: {
    http: 503,
    retry: false,
    hint: "Something else wrote to the data directory while the gateway ran. See to it that nothing does, and restart.",
  },
  ANCHOR_MISMATCH: {
    http: 503,
    retry: false,
    hint: "Give every gateway a ledger.anchorFile of its own. If this one was its own, the data directory is older than its newest ledger: restore the newer copy.",
  },
  SIGNING_KEY_INVALID: {
    http: 503,
    retry: false,
    hint: "Restore the key file from a backup: PKCS#8 PEM, of the type its name says.",
  },
  SIGNING_KEY_EXPOSED: {
    http: 503,
    retry: false,
    hint: "Others on this machine can read the key: chmod 600 it, and rotate it if that may have happened.",
  },
  SIGNING_KEY_MISSING: {
    http: 503,
    retry: false,
    hint: "The log has announced a key that is not there: restore it with `mycogate key restore`, or put its file back.",
  },
  SIGNING_KEY_UNANNOUNCED: {
    http: 503,
    retry: false,
    hint: "The log has announced another key, and a verifier would refuse this one. Restore the key, or rotate with `mycogate key rotate`.",
  },
  KEY_ROTATION_REFUSED: { http: 409, retry: false, hint: "See docs/guides/keys.md for the order of a rotation." },
  KEY_BACKUP_INVALID: {
    http: 400,
    retry: false,
    hint: "Give the file that `mycogate key backup` wrote, whole, and the passphrase it was written with.",
  },
  DISK_FULL: { http: 503, retry: true, hint: "Free space on the data directory's disk; ingest resumes by itself." },
  SHUTTING_DOWN: { http: 503, retry: true, hint: "The gateway is stopping; send again after it restarts." },
  DATABASE_UNAVAILABLE: {
    http: 503,
    retry: true,
    hint: "Ingest goes on without it; queries work again once it is back.",
  },
  DATABASE_START_FAILED: { http: 503, retry: true, hint: "See the PostgreSQL log in the data directory." },
  DATABASE_MISMATCH: {
    http: 503,
    retry: false,
    hint: "Each ledger needs a database of its own, and a gateway at least as new as the one that used it last.",
  },
  MIGRATION_FAILED: {
    http: 503,
    retry: false,
    hint: "The database was left as it was. Report the migration named here.",
  },
  SERIAL_PORT_LOST: { http: 503, retry: true, hint: "Check the cable; the gateway reopens the port by itself." },
  SIMULATION_FAILED: {
    http: 500,
    retry: false,
    hint: "`mycogate sim run NAME --start` starts a gateway of its own with all that the devices need.",
  },
  COMMAND_TIMEOUT: { http: 504, retry: true, hint: "The device did not answer in time; it may still have acted." },
  COMMAND_UNSUPPORTED: { http: 409, retry: false, hint: "The device is not reachable by a link that takes commands." },
  COMMAND_UNKNOWN: {
    http: 400,
    retry: false,
    hint: "docs/guides/commands.md lists the commands of each family of devices.",
  },
  COMMAND_CONFLICT: {
    http: 409,
    retry: false,
    hint: "Each command needs an id of its own; the same id is the same command.",
  },
  COMMAND_QUEUE_FULL: { http: 429, retry: true, hint: "Wait until some of the commands before are finished." },
  COMMAND_EXPIRED: {
    http: 504,
    retry: true,
    hint: "The device was not sent the command; give it more time with expiresInMs.",
  },
  COMMAND_NOT_FOUND: {
    http: 404,
    retry: false,
    hint: "The newest 10000 are remembered; older ones are in the ledger.",
  },
  AIRTIME_SPENT: {
    http: 429,
    retry: true,
    hint: "The radio has sent as much as lora.dutyCycle or lora.deviceDutyCycle allow; the message says for how long.",
  },
  UNAUTHENTICATED: { http: 401, retry: false, hint: "Send `Authorization: Bearer <token>`; see <data>/admin-token." },
  FORBIDDEN: { http: 403, retry: false, hint: "This token's role does not allow the request." },
  NOT_FOUND: { http: 404, retry: false, hint: "Check the path and the id." },
  REQUEST_INVALID: { http: 400, retry: false, hint: "See the OpenAPI page at /api/docs." },
  REQUEST_TOO_LARGE: { http: 413, retry: false, hint: "Send less at once, or raise http.maxBodyBytes." },
  HEADERS_TOO_LARGE: {
    http: 431,
    retry: false,
    hint: "Send fewer or shorter header fields; all of them may take 16 KiB.",
  },
  MEDIA_TYPE_UNSUPPORTED: { http: 415, retry: false, hint: "Send JSON, with `Content-Type: application/json`." },
  REQUEST_TIMEOUT: { http: 408, retry: true, hint: "The request did not arrive in time; see http.requestTimeoutMs." },
  DEVICE_NOT_FOUND: { http: 404, retry: false, hint: "List the devices with `mycogate device list`." },
  DEVICE_EXISTS: { http: 409, retry: false, hint: "Rotate its key instead, or choose another id." },
  DEVICE_BUSY: {
    http: 409,
    retry: true,
    hint: "Try again once the first request about this device has been answered.",
  },
  DEVICE_REVOKED: { http: 409, retry: false, hint: "A revoked device stays revoked; enrol it under a new id." },
  DEVICE_ID_INVALID: { http: 400, retry: false, hint: "Ids match [A-Za-z0-9._-]{1,64}." },
  PUBLIC_KEY_INVALID: {
    http: 400,
    retry: false,
    hint: "Give a 32-byte Ed25519 public key as hex or base64: canonical, and not of small or mixed order.",
  },
  ENTRY_NOT_FOUND: { http: 404, retry: false, hint: "Leaf indexes run from 0 to treeSize - 1." },
  ENTRIES_PRUNED: {
    http: 404,
    retry: false,
    hint: "Retention has dropped their content; their hashes, and proofs of them, are still served.",
  },
  EXPORT_MISMATCH: { http: 409, retry: false, hint: "Give each log a directory of its own, or an empty one." },
  QUARANTINE_NOT_FOUND: {
    http: 404,
    retry: false,
    hint: "It may have aged out; list what is left with GET /api/v1/quarantine.",
  },
  RELEASE_REFUSED: { http: 409, retry: false, hint: "The message still does not verify; enrol the right key first." },
  GATEWAY_UNREACHABLE: { http: 503, retry: true, hint: "Is the gateway running? Start it with `npm start`." },
  INTERNAL: { http: 500, retry: false, hint: "This is a defect of the gateway; please report it with the log." },
} as const satisfies Record<string, { http: number; retry: boolean; hint: string }>;

export type ErrorCode = keyof typeof errorCatalog;

export interface ErrorOptions {
  cause?: unknown;
  /** Facts as fields, for logs and problem JSON. Never payloads or keys. */
  details?: Record<string, unknown>;
}

export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get hint(): string {
    return errorCatalog[this.code].hint;
  }
}
