/** `mycogate key show`: what others need to check the ledger's signatures. */
import { join } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { loadConfig } from "../../config/config.ts";
import { findIdentity } from "../../config/identity.ts";
import { publicKeys } from "../../journal/signing-keys.ts";
import { witnessVkeys } from "../../witness/witness-signer.ts";
import { type CommandHandler, type CommonOptions, print } from "../context.ts";
import { table } from "../table.ts";

export const showKeys: CommandHandler<CommonOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const identity = findIdentity(config);
  const keysDir = join(config.data, "keys");
  const logKeys = identity && (await publicKeys(keysDir, identity.ledgerOrigin));
  if (logKeys === undefined || logKeys.length === 0) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  }
  const witnessKeys = (await witnessVkeys(keysDir, identity!.witnessName)).map((vkey, index) => {
    return { role: "witness", type: index === 0 ? "Ed25519" : "ML-DSA-44", vkey };
  });
  const keys = [...logKeys, ...witnessKeys];
  const rows = keys.map(({ role, type, vkey }) => [role, type, vkey]);
  print(context, keys, table(["ROLE", "TYPE", "VKEY"], rows));
  return 0;
};
