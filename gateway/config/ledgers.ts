/** The ledgers of a data directory: the one that grows, and those that `mycogate ledger new-origin` has ended. */
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { findIdentity, firstLedgerDir } from "./identity.ts";
import type { Config } from "./schema.ts";

export interface LedgerPlace {
  /** Undefined where no gateway was ever started, but perhaps a ledger was copied to. */
  readonly origin: string | undefined;
  /** Path of its folder. */
  readonly dir: string;
}

/** @param origin of an ended ledger; the one that grows unless given @throws GatewayError NOT_FOUND */
export function findLedger(config: Config, origin?: string): LedgerPlace {
  const { ledgerOrigin, ledgerDir = firstLedgerDir, endedLedgers = [] } = findIdentity(config) ?? {};
  if (origin === undefined || origin === ledgerOrigin)
    return { origin: ledgerOrigin, dir: join(config.data, ledgerDir) };
  const ended = endedLedgers.find((ledger) => ledger.origin === origin);
  if (ended !== undefined) return { origin, dir: join(config.data, ended.dir) };
  const known = [ledgerOrigin, ...endedLedgers.map((ledger) => ledger.origin)].join(", ");
  throw new GatewayError("NOT_FOUND", `${config.data} holds no ledger ${origin}, only ${known}`);
}
