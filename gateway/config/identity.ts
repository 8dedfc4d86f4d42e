/** Who this gateway is: made at first start, kept in the data directory ever after. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import type { Config } from "./schema.ts";
import { writeFileDurably } from "./write-durably.ts";

export interface Identity {
  readonly gatewayId: string;
  /** Origin line of the ledger's checkpoints, C2SP tlog-checkpoint. */
  readonly ledgerOrigin: string;
}

/**
 * The identity kept in `<data>/gateway.json`, or a new one. A configured gateway id replaces the kept one.
 * A configured origin does not: what was signed under one name cannot go on under another.
 * @throws GatewayError CONFIG_INVALID when the configured origin is not the ledger's
 */
export function ensureIdentity(config: Config): Identity {
  const file = identityFile(config);
  const kept = findIdentity(config);
  const gatewayId = config.gatewayId ?? kept?.gatewayId ?? `gw-${randomBytes(6).toString("hex")}`;
  // .invalid (RFC 2606) can never be someone's domain; the last part counts up where a ledger must be begun anew.
  const ledgerOrigin = kept?.ledgerOrigin ?? config.ledger.origin ?? `${gatewayId}.mycogate.invalid/ledger/1`;
  if (config.ledger.origin !== undefined && config.ledger.origin !== ledgerOrigin) {
    throw new GatewayError(
      "CONFIG_INVALID",
      `ledger.origin is ${config.ledger.origin}, but ${file} holds ${ledgerOrigin}`,
      {
        details: { configured: config.ledger.origin, kept: ledgerOrigin },
      },
    );
  }
  const identity = { gatewayId, ledgerOrigin };
  if (kept?.gatewayId !== gatewayId) writeFileDurably(file, `${JSON.stringify(identity, undefined, 2)}\n`, 0o644);
  return identity;
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

function identityFile(config: Config): string {
  return join(config.data, "gateway.json");
}

function readIdentity(file: string): Identity {
  try {
    const { gatewayId, ledgerOrigin } = JSON.parse(readFileSync(file, "utf8")) as Partial<Identity>;
    if (typeof gatewayId === "string" && typeof ledgerOrigin === "string") return { gatewayId, ledgerOrigin };
  } catch (cause) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `${file} cannot be read`, { cause });
  }
  throw new GatewayError("DATA_DIR_UNUSABLE", `${file} does not name a gateway and its ledger`);
}
