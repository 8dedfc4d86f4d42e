/**
 * Where the log's keys are: `<data>/keys/<file>.pem` for the key in use, `.old.pem` for the one before it, `.next.pem` for one
 * that is prepared. Each role has a file of its own. A key may come from the configuration instead.
 */
import { linkSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import type { KeyRole } from "../../src/ledger/key-events.ts";
import { diskFiles } from "./disk-files.ts";
import { ed25519Key, loadOrCreateKey, mldsa44Key, parseKey, readKey } from "./key-file.ts";
import { type RoleKey, roleKey } from "./role-key.ts";

const files = {
  "checkpoint-ed25519": "checkpoint-ed25519",
  "checkpoint-mldsa44": "checkpoint-mldsa44",
  seal: "seal-ed25519",
  receipt: "receipt-ed25519",
} as const satisfies Record<KeyRole, string>;

/** `<data>/keys`, the log's origin, and the keys that the configuration gives, as PEM. */
export interface KeyPlace {
  readonly keysDir: string;
  readonly origin: string;
  readonly given?: Partial<Record<KeyRole, string>> | undefined;
}

type Stage = "" | ".old" | ".next";

function pathOf({ keysDir }: KeyPlace, role: KeyRole, stage: Stage): string {
  return join(keysDir, `${files[role]}${stage}.pem`);
}

function kindOf(role: KeyRole) {
  return role === "checkpoint-mldsa44" ? ("mldsa44" as const) : ("ed25519" as const);
}

/** @returns undefined where there is none @throws GatewayError SIGNING_KEY_INVALID, SIGNING_KEY_EXPOSED */
export async function findRoleKey(place: KeyPlace, role: KeyRole, stage: Stage = ""): Promise<RoleKey | undefined> {
  const given = stage === "" ? place.given?.[role] : undefined;
  const path = pathOf(place, role, stage);
  const where = `keys.${role}`;
  if (kindOf(role) === "mldsa44") {
    const seed = given === undefined ? await readKey(path, mldsa44Key) : parseKey(given, mldsa44Key, where);
    return seed && roleKey(role, place.origin, { seed });
  }
  const privateKey = given === undefined ? await readKey(path, ed25519Key) : parseKey(given, ed25519Key, where);
  return privateKey && roleKey(role, place.origin, { privateKey });
}

/** As `findRoleKey`. @param mayMake what is missing is made, else SIGNING_KEY_MISSING */
export async function loadRoleKey(place: KeyPlace, role: KeyRole, mayMake: boolean): Promise<RoleKey> {
  const found = await findRoleKey(place, role);
  if (found !== undefined) return found;
  const path = pathOf(place, role, "");
  if (!mayMake) throw new GatewayError("SIGNING_KEY_MISSING", `there is no ${path}`, { details: { path, role } });
  await makeKey(place, role, "");
  return (await findRoleKey(place, role))!;
}

async function makeKey(place: KeyPlace, role: KeyRole, stage: Stage): Promise<void> {
  const path = pathOf(place, role, stage);
  if (kindOf(role) === "mldsa44") await loadOrCreateKey(path, mldsa44Key);
  else await loadOrCreateKey(path, ed25519Key);
}

/** Makes the next key, or finds it made, and leaves the one in use alone. */
export async function prepareKey(place: KeyPlace, role: KeyRole): Promise<RoleKey> {
  await makeKey(place, role, ".next");
  return (await findRoleKey(place, role, ".next"))!;
}

/**
 * Puts the next key in the place of the one in use, which stays beside it. The gateway announces it at its next start.
 * Killed anywhere between, calling it again ends it. @throws GatewayError KEY_ROTATION_REFUSED
 */
export async function rotateKey(place: KeyPlace, role: KeyRole): Promise<RoleKey> {
  const refuse = (why: string) => new GatewayError("KEY_ROTATION_REFUSED", why, { details: { role } });
  if (place.given?.[role] !== undefined)
    throw refuse(`the ${role} key comes from the configuration: see docs/guides/keys.md for how such a one is rotated`);
  const [current, old] = [await findRoleKey(place, role), await findRoleKey(place, role, ".old")];
  if (current === undefined) throw refuse(`there is no ${role} key yet`);
  if (old !== undefined && old.vkey !== current.vkey)
    throw refuse(`the ${role} key before the one in use is still there: retire it first`);
  await prepareKey(place, role);
  const [path, oldPath] = [pathOf(place, role, ""), pathOf(place, role, ".old")];
  // A link first: at no moment is there no key in use, for which a start would make another.
  if (old === undefined) linkSync(path, oldPath);
  renameSync(pathOf(place, role, ".next"), path);
  await diskFiles.syncDirectory(place.keysDir);
  return (await findRoleKey(place, role))!;
}

/** Removes the key before the one in use, for good. */
export async function removeOldKey(place: KeyPlace, role: KeyRole): Promise<void> {
  rmSync(pathOf(place, role, ".old"));
  await diskFiles.syncDirectory(place.keysDir);
}
