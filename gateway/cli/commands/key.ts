/** `mycogate key show`: what others need to check the ledger's signatures. */
import { join } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { loadConfig } from "../../config/config.ts";
import { findIdentity } from "../../config/identity.ts";
import { publicKeys } from "../../journal/signing-keys.ts";
import { type CommandHandler, type CommonOptions, print } from "../context.ts";
import { table } from "../table.ts";

export const showKeys: CommandHandler<CommonOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const identity = findIdentity(config);
  const keys = identity && (await publicKeys(join(config.data, "keys"), identity.ledgerOrigin));
  if (keys === undefined || keys.length === 0) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  }
  const rows = keys.map(({ role, type, vkey }) => [role, type, vkey]);
  print(context, keys, table(["ROLE", "TYPE", "VKEY"], rows));
  return 0;
};
