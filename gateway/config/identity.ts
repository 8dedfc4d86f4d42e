/** Who this gateway is: made at first start, kept in the data directory ever after. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import type { Config } from "./schema.ts";
import { writeFileDurably } from "./write-durably.ts";

export interface NamedLedger {
  readonly origin: string;
  /** Name of its folder in the data directory. */
  readonly dir: string;
}

/** Name of the folder of a gateway's first ledger. */
export const firstLedgerDir = "ledger";

export interface Identity {
  readonly gatewayId: string;
  /** Origin line of the ledger's checkpoints, C2SP tlog-checkpoint. */
  readonly ledgerOrigin: string;
  /** Name of the ledger's folder in the data directory. */
  readonly ledgerDir: string;
  /** Ledgers before this one, which `mycogate ledger new-origin` has ended. */
  readonly endedLedgers: readonly NamedLedger[];
  /** Under which this gateway cosigns the logs of others, C2SP tlog-cosignature. */
  readonly witnessName: string;
}

/**
 * The identity kept in `<data>/gateway.json`, or a new one. A configured gateway id replaces the kept one.
 * A configured origin does not: what was signed under one name cannot go on under another. Nor does the witness's name.
 * @throws GatewayError CONFIG_INVALID when the configured origin is not the ledger's, or the name not the witness's
 */
export function ensureIdentity(config: Config): Identity {
  const file = identityFile(config);
  const kept = findIdentity(config);
  const gatewayId = config.gatewayId ?? kept?.gatewayId ?? `gw-${randomBytes(6).toString("hex")}`;
  // .invalid (RFC 2606) can never be someone's domain; the last part counts up where a ledger must be begun anew.
  const ledgerOrigin = kept?.ledgerOrigin ?? config.ledger.origin ?? `${gatewayId}.mycogate.invalid/ledger/1`;
  const { ledgerDir = firstLedgerDir, endedLedgers = [] } = kept ?? {};
  // A configuration may name the origin that was the first.
  const isKnown = [ledgerOrigin, ...endedLedgers.map(({ origin }) => origin)].includes(
    config.ledger.origin ?? ledgerOrigin,
  );
  if (!isKnown) {
    throw new GatewayError(
      "CONFIG_INVALID",
      `ledger.origin is ${config.ledger.origin}, but ${file} holds ${ledgerOrigin}`,
      {
        details: { configured: config.ledger.origin, kept: ledgerOrigin },
      },
    );
  }
  const witnessName = witnessNameOf(config, kept, gatewayId);
  const identity = { gatewayId, ledgerOrigin, ledgerDir, endedLedgers, witnessName };
  if (JSON.stringify(kept) !== JSON.stringify(identity)) keepIdentity(config, identity);
  return identity;
}

/** Durable when it returns: a crash before that leaves the one before. */
export function keepIdentity(config: Config, identity: Identity): void {
  writeFileDurably(identityFile(config), `${JSON.stringify(identity, undefined, 2)}\n`, 0o644);
}

/** A name may be configured as long as nothing was cosigned under the one before. */
function witnessNameOf(config: Config, kept: Identity | undefined, gatewayId: string): string {
  const { name } = config.witness;
  const before = kept?.witnessName ?? `${gatewayId}.mycogate.invalid/witness`;
  if (name === undefined || name === before || !hasCosigned(config)) return name ?? before;
  throw new GatewayError("CONFIG_INVALID", `witness.name is ${name}, but ${before} has cosigned checkpoints`, {
    details: { configured: name, kept: before },
  });
}

function hasCosigned(config: Config): boolean {
  const dir = join(config.data, "witness");
  return existsSync(dir) && readdirSync(dir).length > 0;
}

/** Undefined before the first start. @throws GatewayError DATA_DIR_UNUSABLE */
export function findIdentity(config: Config): Identity | undefined {
  const file = identityFile(config);
  return existsSync(file) ? readIdentity(file) : undefined;
}

/** The configured admin token, or that of `<data>/admin-token` (mode 0600), made at first start. */
export function ensureAdminToken(config: Config): string {
  const kept = findAdminToken(config);
  if (kept !== undefined) return kept;
  const token = randomBytes(32).toString("base64url");
  writeFileDurably(adminTokenFile(config), `${token}\n`, 0o600);
  return token;
}

/** What a client on the same machine can use: undefined before the first start. */
export function findAdminToken(config: Config): string | undefined {
  if (config.adminToken !== undefined) return config.adminToken;
  const file = adminTokenFile(config);
  return existsSync(file) ? readFileSync(file, "utf8").trim() || undefined : undefined;
}

export function adminTokenFile(config: Config): string {
  return join(config.data, "admin-token");
}

function isLedgerDir(name: string): boolean {
  return /^ledger(-[1-9][0-9]*)?$/.test(name);
}

function identityFile(config: Config): string {
  return join(config.data, "gateway.json");
}

function readIdentity(file: string): Identity {
  try {
    const kept = JSON.parse(readFileSync(file, "utf8")) as Partial<Identity>;
    const { gatewayId, ledgerOrigin, ledgerDir = firstLedgerDir, endedLedgers = [] } = kept;
    // Files of before there were witnesses have no name for one.
    const witnessName = kept.witnessName ?? `${gatewayId}.mycogate.invalid/witness`;
    const dirs = [ledgerDir, ...endedLedgers.map(({ dir }) => dir)];
    if (typeof gatewayId === "string" && typeof ledgerOrigin === "string" && dirs.every(isLedgerDir))
      return { gatewayId, ledgerOrigin, ledgerDir, endedLedgers, witnessName };
  } catch (cause) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `${file} cannot be read`, { cause });
  }
  throw new GatewayError("DATA_DIR_UNUSABLE", `${file} does not name a gateway and its ledger`);
}
