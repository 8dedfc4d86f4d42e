/** `mycogate key show | rotate | retire`: the public halves for others, and the change from one key to the next. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { type KeyRole, keyRoles } from "../../../src/ledger/key-events.ts";
import { parseNote, parseVkey } from "../../../src/ledger/note.ts";
import { type Config, loadConfig } from "../../config/config.ts";
import { findIdentity, type Identity } from "../../config/identity.ts";
import { keyPlace } from "../../config/key-place.ts";
import { findRoleKey, prepareKey, removeOldKey, rotateKey } from "../../journal/key-files.ts";
import { announcedKeys } from "../../journal/key-history.ts";
import { PublishedLog } from "../../journal/published-log.ts";
import type { RoleKey } from "../../journal/role-key.ts";
import { allPublicKeys } from "../../journal/signing-keys.ts";
import { witnessVkeys } from "../../witness/witness-signer.ts";
import { type BaseContext, type CommandHandler, type CommonOptions, print, UsageError } from "../context.ts";
import { table } from "../table.ts";

export const showKeys: CommandHandler<CommonOptions> = async (context) => {
  const { config, identity } = started(context);
  const logKeys = await allPublicKeys(keyPlace(config, identity.ledgerOrigin));
  const witnessKeys = (await witnessVkeys(join(config.data, "keys"), identity.witnessName)).map((vkey, index) => {
    const key = parseVkey(vkey);
    const publicKey = key.ok ? Buffer.from(key.value.publicKey).toString("hex") : "";
    return { role: "witness", type: index === 0 ? "Ed25519" : "ML-DSA-44", vkey, publicKey, state: "in use" };
  });
  const keys = [...logKeys, ...witnessKeys];
  const rows = keys.map(({ role, type, state, vkey }) => [role, type, state, vkey]);
  print(context, keys, table(["ROLE", "TYPE", "STATE", "VKEY"], rows));
  return 0;
};

export interface RotateOptions {
  readonly prepare?: boolean;
  readonly yes?: boolean;
}

/** Files only: the gateway announces the key when it starts the next time. */
export const rotateKeys: CommandHandler<RotateOptions> = async (context) => {
  const { config, identity } = started(context);
  const role = roleIn(context);
  const place = keyPlace(config, identity.ledgerOrigin);
  if (context.options.prepare) {
    const { vkey } = await prepareKey(place, role);
    print(context, { role, state: "next", vkey }, `prepared the next ${role} key, which signs nothing yet:\n${vkey}`);
    return 0;
  }
  if (!context.options.yes) throw new UsageError("from the next start on another key signs; add --yes");
  const { vkey } = await rotateKey(place, role);
  const then =
    "restart the gateway: it announces the key in the log, signed by the one before, and uses it from there on";
  print(context, { role, state: "in use", vkey }, `the ${role} key is now\n${vkey}\n${then}`);
  return 0;
};

/** Deletes the key before the one in use, once the log can do without it. The next start enters that in the log. */
export const retireKey: CommandHandler<{ readonly yes?: boolean }> = async (context) => {
  const { config, identity } = started(context);
  const role = roleIn(context);
  const place = keyPlace(config, identity.ledgerOrigin);
  const [current, old] = [await findRoleKey(place, role), await findRoleKey(place, role, ".old")];
  if (old === undefined || current === undefined || old.vkey === current.vkey)
    throw refusal(role, `there is no ${role} key before the one in use`);
  const missing = await missingFor(role, current, join(config.data, identity.ledgerDir));
  if (missing !== undefined) throw refusal(role, missing);
  if (!context.options.yes) throw new UsageError("a retired key is deleted and cannot be brought back; add --yes");
  await removeOldKey(place, role);
  print(context, { role, retired: old.vkey }, `retired the ${role} key\n${old.vkey}`);
  return 0;
};

/** Why the key before is still needed. */
async function missingFor(role: KeyRole, current: RoleKey, ledgerDir: string): Promise<string | undefined> {
  const log = new PublishedLog({ dir: ledgerDir });
  try {
    const history = await announcedKeys(log);
    if (history.inForce(role) !== current.vkey)
      return `the log has not announced the ${role} key in use: restart the gateway first`;
    if (role === "seal" && !(await log.isSealedBehind(history.rotatedAt(role)!, 2)))
      return "the key in use has not sealed a block yet: wait for ledger.blockSeconds";
    const note = parseNote((await log.checkpoint())?.text ?? "");
    const hasSigned = note.ok && note.value.signatures.some(({ keyId }) => keyId === current.keyId);
    if (role.startsWith("checkpoint") && !hasSigned)
      return `no checkpoint is signed with the ${role} key in use: restart the gateway first`;
    return undefined;
  } finally {
    await log.close();
  }
}

function refusal(role: KeyRole, why: string): GatewayError {
  return new GatewayError("KEY_ROTATION_REFUSED", why, { details: { role } });
}

function started({ sources }: BaseContext): { config: Config; identity: Identity } {
  const config = loadConfig(sources);
  const identity = findIdentity(config);
  if (identity !== undefined && existsSync(join(config.data, "keys"))) return { config, identity };
  throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
}

function roleIn({ args }: BaseContext): KeyRole {
  const role = keyRoles.find((each) => each === args[0]);
  if (role !== undefined) return role;
  throw new UsageError(`${args[0]} is no role of a key: there are ${keyRoles.join(", ")}`);
}
