/** `mycogate ledger new-origin`: give up a ledger that must not go on, and begin the next. */
import { GatewayError } from "../../../src/errors.ts";
import { loadConfig } from "../../config/config.ts";
import { findIdentity } from "../../config/identity.ts";
import { beginNewOrigin, type NewOrigin } from "../../services/new-origin.ts";
import { type CommandHandler, print, UsageError } from "../context.ts";

export interface NewOriginOptions {
  readonly reason?: string;
  readonly yes?: boolean;
}

export const newOrigin: CommandHandler<NewOriginOptions> = async (context) => {
  const { reason, yes } = context.options;
  if (!reason) throw new UsageError("say why, for the ledger to keep: --reason <text>");
  if (!yes) throw new UsageError("a ledger that was ended never goes on; add --yes");
  const config = loadConfig(context.sources);
  const identity = findIdentity(config);
  if (identity === undefined)
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const result = await beginNewOrigin({ config, identity, reason, nowUs: () => Date.now() * 1000, log });
  print(context, result, describe(result, config.database.url !== ""));
  return 0;
};

function describe({ ended, begun, events, unreadable }: NewOrigin, hasDatabaseUrl: boolean): string {
  const lines = [
    `Ended  ${ended.origin}, which stays as it is in ${ended.dir}`,
    `Begun  ${begun.origin} in ${begun.dir}, with ${events} decisions about devices carried over`,
    ...unreadable.map((leaf) => `From leaf ${leaf} on a file of the old ledger is damaged: decisions in it are lost`),
    "",
    "Give the new public keys (`mycogate key show`, `mycogate ledger policy`) to your verifiers and witnesses.",
  ];
  if (hasDatabaseUrl) lines.push("Set database.url to an empty database: the old one keeps the old ledger's readings.");
  return lines.join("\n");
}
