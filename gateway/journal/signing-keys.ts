/** The keys a ledger signs with, one per role, and what others need to check them. */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { GatewayError } from "../../src/errors.ts";
import type { CheckpointSigner, CheckpointVerifier } from "../../src/ledger/checkpoint.ts";
import type { CoseSigner } from "../../src/ledger/cose-receipt.ts";
import { ed25519Verifier, noteBytes } from "../../src/ledger/ed25519-line.ts";
import { type KeyHistory, type KeyRole, keyRoles } from "../../src/ledger/key-events.ts";
import { cosignature, cosignedMessage, mldsa44Verifier } from "../../src/ledger/mldsa44-line.ts";
import { lastCosignedTime } from "./checkpoint-file.ts";
import { findRoleKey, type KeyPlace, loadRoleKey } from "./key-files.ts";
import type { RoleKey } from "./role-key.ts";
import { SealKeys } from "./seal-key.ts";

/** The keys of one role: the one in use, and the one before it until that is retired. */
export interface RoleKeys {
  readonly current: RoleKey;
  readonly old: RoleKey | undefined;
}

export interface SigningKeys {
  readonly roles: Readonly<Record<KeyRole, RoleKeys>>;
  /** One line of a checkpoint each: both keys in use, then those before them that still sign beside them. */
  readonly checkpointSigners: readonly CheckpointSigner[];
  /** One of each type, of which every checkpoint of late has a line, over a rotation too. */
  readonly checkpointVerifiers: readonly CheckpointVerifier[];
  readonly seals: SealKeys;
  /** Ed25519, for receipts to devices. */
  readonly receipts: KeyObject;
  /** The checkpoint's keys again, for COSE receipts. */
  readonly cose: readonly CoseSigner[];
  close(): Promise<void>;
}

export interface SigningKeysOptions extends KeyPlace {
  /** `<data>/ledger`, whose checkpoint says which time was signed last. */
  readonly ledgerDir: string;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
  readonly hmacKey?: KeyObject | undefined;
  /** What the log has announced: a key of it that is not there is not made anew, and no other takes its place. */
  readonly history?: KeyHistory | undefined;
  /** Whether keys that are missing are made. */
  readonly make?: boolean;
}

/**
 * What is missing in `keysDir` is made, unless told otherwise.
 * @throws GatewayError SIGNING_KEY_INVALID, SIGNING_KEY_EXPOSED, SIGNING_KEY_MISSING, SIGNING_KEY_UNANNOUNCED, CONFIG_INVALID
 */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { ledgerDir, origin, nowUs, hmacKey, history, make = true } = options;
  // It names the keys too.
  if (Buffer.byteLength(origin) > 255) throw new GatewayError("CONFIG_INVALID", "ledger.origin is over 255 bytes");
  const open = async (role: KeyRole): Promise<RoleKeys> => {
    const current = await loadRoleKey(options, role, make && history?.inForce(role) === undefined);
    const old = await findRoleKey(options, role, ".old");
    return { current, old: old?.vkey === current.vkey ? undefined : old };
  };
  const opened = await Promise.all(keyRoles.map(async (role) => [role, await open(role)] as const));
  const roles = Object.fromEntries(opened) as Record<KeyRole, RoleKeys>;
  // Or opening the ledger would find its last seal or its checkpoint signed by a stranger, and take that for damage.
  if (history !== undefined) requireAnnounced(roles, history);
  const signerOf = async (key: RoleKey): Promise<CheckpointSigner> =>
    key.type === "Ed25519" ? noteSigner(origin, key) : cosigner(origin, key, ledgerDir, nowUs);
  const [classical, postQuantum] = [roles["checkpoint-ed25519"], roles["checkpoint-mldsa44"]];
  const inUse = [await signerOf(classical.current), await signerOf(postQuantum.current)];
  const before = await Promise.all([classical.old, postQuantum.old].map((key) => key && signerOf(key)));
  return {
    roles,
    checkpointSigners: [...inUse, ...before.filter((signer) => signer !== undefined)],
    checkpointVerifiers: inUse.map((signer, index) => before[index] ?? signer),
    seals: new SealKeys(ed25519In(roles.seal.current), roles.seal.old && ed25519In(roles.seal.old), hmacKey),
    receipts: ed25519In(roles.receipt.current),
    cose: [coseSigner("ed25519", origin, classical.current), coseSigner("mldsa44", origin, postQuantum.current)],
    close: async () => {
      for (const { current, old } of Object.values(roles)) await Promise.all([current.close(), old?.close()]);
    },
  };
}

/**
 * That each key is the one that the log has announced, or has that one beside it to announce it with.
 * @throws GatewayError SIGNING_KEY_UNANNOUNCED
 */
export function requireAnnounced(roles: SigningKeys["roles"], history: KeyHistory): void {
  for (const role of keyRoles) {
    const inForce = history.inForce(role);
    const { current, old } = roles[role];
    if (inForce === undefined || inForce === current.vkey || inForce === old?.vkey) continue;
    throw new GatewayError("SIGNING_KEY_UNANNOUNCED", `the ${role} key is not the one that the log has announced`, {
      details: { role, announced: keyIdOf(inForce), found: keyIdOf(current.vkey) },
    });
  }
}

function keyIdOf(vkey: string): string {
  return vkey.split("+")[1] ?? "";
}

function ed25519In({ role, privateKey }: RoleKey): KeyObject {
  if (privateKey !== undefined) return privateKey;
  throw new GatewayError("SIGNING_KEY_INVALID", `the ${role} key must be one that this process can sign with at once`);
}

/** In this process where the key is: a checkpoint then costs no turn of the loop. */
function noteSigner(origin: string, { publicKey, privateKey, sign: signElsewhere }: RoleKey): CheckpointSigner {
  return {
    ...ed25519Verifier(origin, publicKey),
    sign: (checkpoint) =>
      privateKey ? sign(null, noteBytes(checkpoint), privateKey) : signElsewhere(noteBytes(checkpoint)),
  };
}

/** Whatever the clock says, the time that is signed never goes back. */
async function cosigner(
  origin: string,
  key: RoleKey,
  ledgerDir: string,
  nowUs: () => number,
): Promise<CheckpointSigner> {
  const verifier = mldsa44Verifier(origin, key.publicKey);
  let time = await lastCosignedTime(ledgerDir, verifier);
  return {
    ...verifier,
    sign: async (checkpoint) => {
      const now = BigInt(Math.floor(nowUs() / 1_000_000));
      if (now > time) time = now;
      const signed = time;
      return cosignature(signed, await key.sign(cosignedMessage(origin, signed, checkpoint)!));
    },
  };
}

function coseSigner(signature: CoseSigner["signature"], origin: string, key: RoleKey): CoseSigner {
  return { signature, origin, keyId: key.keyId, sign: (message) => key.sign(message) };
}

export interface PublicKey {
  readonly role: "checkpoint" | "seal" | "receipt";
  readonly type: "Ed25519" | "ML-DSA-44";
  /** `name+keyid+key`: C2SP signed-note. */
  readonly vkey: string;
  /** The key alone, hex: what a device is given. */
  readonly publicKey: string;
  /** The key before it goes on to sign checkpoints until it is retired; the next one signs nothing yet. */
  readonly state: "in use" | "before" | "next";
}

/** The public halves, as others are given them to verify with: those that are there. @throws as openSigningKeys */
export async function publicKeys(keysDir: string, origin: string, given?: KeyPlace["given"]): Promise<PublicKey[]> {
  const keys = await allPublicKeys({ keysDir, origin, given });
  return keys.filter(({ state }) => state === "in use");
}

/** Those of every state: of a role first the one in use, then the one before it, then the next. */
export async function allPublicKeys(place: KeyPlace): Promise<PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const role of keyRoles) {
    const current = await findRoleKey(place, role);
    if (current !== undefined) keys.push(publicKeyOf(current, "in use"));
    const old = await findRoleKey(place, role, ".old");
    if (old !== undefined && old.vkey !== current?.vkey) keys.push(publicKeyOf(old, "before"));
    const next = await findRoleKey(place, role, ".next");
    if (next !== undefined) keys.push(publicKeyOf(next, "next"));
  }
  return keys;
}

function publicKeyOf({ role, type, vkey, publicKey }: RoleKey, state: PublicKey["state"]): PublicKey {
  const kind = role === "seal" || role === "receipt" ? role : "checkpoint";
  return { role: kind, type, vkey, publicKey: Buffer.from(publicKey).toString("hex"), state };
}

/** @param raw 32 bytes */
export function ed25519PublicKey(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
