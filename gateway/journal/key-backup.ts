/**
 * The private keys in one file: JSON, encrypted with AES-256-GCM under a key that scrypt makes from a passphrase, or plain. It
 * also says how far the ledger was signed, so that keys do not come to a ledger that has forgotten what they have signed.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { chmodSync, existsSync, readdirSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { type Checkpoint, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { firstLedgerDir, type Identity } from "../config/identity.ts";
import { writeFileDurably } from "../config/write-durably.ts";
import { checkpointPath, readCheckpointFile } from "./checkpoint-file.ts";
import { diskFiles } from "./disk-files.ts";

export interface KeyBackup {
  readonly identity: Identity;
  /** PEM by file name in `<data>/keys`. */
  readonly keys: Readonly<Record<string, string>>;
  /** The newest checkpoint at that time. */
  readonly checkpoint: string | undefined;
}

const format = "mycogate-keys/v1";
const keyFilePattern = /^[a-z0-9-]+(\.old|\.next)?\.pem$/;
/** RFC 7914 §2: 128 MiB and some hundred milliseconds for each guess. */
const scrypt = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 2 ** 20 } as const;
const cipher = "aes-256-gcm";

/** Every role's, those of the witness too. @throws GatewayError DATA_DIR_UNUSABLE where there are none */
export async function collectKeys(keysDir: string): Promise<Record<string, string>> {
  const names = existsSync(keysDir) ? readdirSync(keysDir).filter((name) => keyFilePattern.test(name)) : [];
  if (names.length === 0) throw new GatewayError("DATA_DIR_UNUSABLE", `there are no keys in ${keysDir}`);
  const read = async (name: string) => [name, await readFile(join(keysDir, name), "utf8")] as const;
  return Object.fromEntries(await Promise.all(names.sort().map(read)));
}

/** The file's text. @param passphrase undefined leaves it plain */
export function sealBackup(backup: KeyBackup, passphrase: string | undefined): string {
  const note = "Private keys of a Mycogate ledger. Whoever can read them can sign as this gateway.";
  const { identity } = backup;
  if (passphrase === undefined) return json({ format, note, identity, content: backup });
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const encrypting = createCipheriv(cipher, scryptSync(passphrase, salt, 32, scrypt), iv);
  const encrypted = Buffer.concat([encrypting.update(JSON.stringify(backup)), encrypting.final()]);
  const { N, r, p } = scrypt;
  const encryption = {
    kdf: "scrypt",
    N,
    r,
    p,
    salt: base64(salt),
    cipher,
    iv: base64(iv),
    tag: base64(encrypting.getAuthTag()),
  };
  return json({ format, note, identity, encryption, content: base64(encrypted) });
}

/** @throws GatewayError KEY_BACKUP_INVALID */
export function openBackup(text: string, passphrase: string | undefined): KeyBackup {
  const file = parse(text);
  if (file?.format !== format) throw invalid(`this is no ${format}`);
  const { encryption, content } = file;
  const backup = encryption === undefined ? content : parse(decrypted(encryption, content, passphrase));
  if (!isBackup(backup)) throw invalid("it holds no keys");
  return backup;
}

/** Durable, its owner's only, and never over a file that is there. @throws GatewayError DATA_DIR_UNUSABLE */
export async function writeBackup(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new GatewayError("DATA_DIR_UNUSABLE", `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

/**
 * @param data the data directory
 * @returns names of the files
 * @throws GatewayError KEY_BACKUP_INVALID where there are keys, or another gateway's identity; JOURNAL_ROLLED_BACK where the
 * ledger holds less than the keys have signed
 */
export async function restoreBackup(backup: KeyBackup, data: string): Promise<string[]> {
  const { identity, keys, checkpoint } = backup;
  const keysDir = join(data, "keys");
  if (existsSync(keysDir) && readdirSync(keysDir).length > 0) throw invalid(`there are keys in ${keysDir}, which stay`);
  const identityFile = join(data, "gateway.json");
  const kept = existsSync(identityFile) ? parse(await readFile(identityFile, "utf8")) : undefined;
  const { ledgerOrigin, ledgerDir = firstLedgerDir, endedLedgers = [] } = (kept ?? identity) as Partial<Identity>;
  // The keys stay the same where a new ledger was begun.
  const ledger = [{ origin: ledgerOrigin, dir: ledgerDir }, ...endedLedgers].find(
    ({ origin }) => origin === identity.ledgerOrigin,
  );
  if (ledger === undefined)
    throw invalid(`they are of ${identity.ledgerOrigin}, but the ledger in ${data} is ${ledgerOrigin}`);
  const signed = sizeOf(checkpoint);
  const found = sizeOf(await readCheckpointFile(diskFiles, checkpointPath(join(data, ledger.dir))));
  if (found < signed)
    throw new GatewayError(
      "JOURNAL_ROLLED_BACK",
      `these keys have signed ${signed} entries, the ledger in ${data} has ${found}: restore that first`,
      { details: { signed, found } },
    );
  for (const [name, pem] of Object.entries(keys)) writeFileDurably(join(keysDir, name), pem, 0o600);
  chmodSync(keysDir, 0o700);
  if (kept === undefined) writeFileDurably(identityFile, json(identity), 0o644);
  return Object.keys(keys);
}

function sizeOf(text: string | undefined): number {
  const note = text === undefined ? undefined : parseNote(text);
  const checkpoint = note?.ok ? parseCheckpoint(note.value.text) : undefined;
  return checkpoint?.ok ? (checkpoint.value satisfies Checkpoint).size : 0;
}

function decrypted(encryption: unknown, content: unknown, passphrase: string | undefined): string {
  if (passphrase === undefined) throw invalid("it is encrypted: --passphrase-file");
  const { salt, iv, tag, N, r, p } = encryption as Record<string, unknown>;
  // Other costs than ours would be an invitation to hang or to swallow all memory.
  const known =
    [salt, iv, tag, content].every((text) => typeof text === "string") &&
    N === scrypt.N &&
    r === scrypt.r &&
    p === scrypt.p;
  if (!known) throw invalid("it is encrypted in a way that this version does not know");
  try {
    const key = scryptSync(passphrase, Buffer.from(salt as string, "base64"), 32, scrypt);
    const decrypting = createDecipheriv(cipher, key, Buffer.from(iv as string, "base64"), { authTagLength: 16 });
    decrypting.setAuthTag(Buffer.from(tag as string, "base64"));
    const bytes = Buffer.from(content as string, "base64");
    return Buffer.concat([decrypting.update(bytes), decrypting.final()]).toString("utf8");
  } catch (cause) {
    throw invalid("the passphrase is another, or the file was changed", cause);
  }
}

function isBackup(value: unknown): value is KeyBackup {
  if (typeof value !== "object" || value === null) return false;
  const { identity, keys } = value as Partial<KeyBackup>;
  return (
    typeof identity?.ledgerOrigin === "string" &&
    typeof identity.gatewayId === "string" &&
    typeof keys === "object" &&
    keys !== null &&
    Object.entries(keys).length > 0 &&
    Object.entries(keys).every(([name, pem]) => keyFilePattern.test(name) && typeof pem === "string")
  );
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function invalid(why: string, cause?: unknown): GatewayError {
  return new GatewayError("KEY_BACKUP_INVALID", why, { cause });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
