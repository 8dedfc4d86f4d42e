/** Private keys as files: PKCS#8 PEM, made at the first start, readable by their owner only. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { diskFiles } from "./disk-files.ts";
import { isMissing } from "./file-port.ts";
import { mldsa44SeedPrefix } from "./mldsa44-signing.ts";

/** How one kind of key is made, and read from its PEM. */
export interface KeyKind<Key> {
  readonly create: () => string;
  /** @returns undefined for what is no key of this kind */
  readonly parse: (pem: string) => Key | undefined;
  readonly name: string;
}

export const ed25519Key: KeyKind<KeyObject> = {
  name: "Ed25519",
  create: () => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  parse: (pem) => {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  },
};

const seedBytes = 32;

/** The 32-byte seed, from which the 2560 bytes of the expanded key are made anew. */
export const mldsa44Key: KeyKind<Buffer> = {
  name: "ML-DSA-44",
  create: () => {
    const der = Buffer.concat([mldsa44SeedPrefix, randomBytes(seedBytes)]).toString("base64");
    return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, "$&\n")}\n-----END PRIVATE KEY-----\n`;
  },
  parse: (pem) => {
    const [, body = ""] =
      /^-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END PRIVATE KEY-----\s*$/.exec(pem) ?? [];
    const der = Buffer.from(body, "base64");
    const isOurs = der.length === mldsa44SeedPrefix.length + seedBytes && der.indexOf(mldsa44SeedPrefix) === 0;
    return isOurs ? der.subarray(mldsa44SeedPrefix.length) : undefined;
  },
};

/**
 * Reads a private key, or makes one that is durable, and its owner's only, before it is used.
 * @throws GatewayError SIGNING_KEY_INVALID when the file holds something else
 */
export async function loadOrCreateKey<Key>(path: string, kind: KeyKind<Key>): Promise<Key> {
  const found = await readKey(path, kind);
  if (found !== undefined) return found;
  const dir = dirname(path);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await diskFiles.syncDirectory(dirname(dir));
  const file = await open(`${path}.tmp`, "w", 0o600);
  try {
    await file.writeFile(kind.create());
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  await diskFiles.syncDirectory(dir);
  return (await readKey(path, kind))!;
}

/** @returns undefined when there is no such file @throws as loadOrCreateKey */
export async function readKey<Key>(path: string, kind: KeyKind<Key>): Promise<Key | undefined> {
  const pem = await readFile(path, "utf8").catch((error) => (isMissing(error) ? undefined : Promise.reject(error)));
  if (pem === undefined) return undefined;
  await requireOwnersOnly(path);
  return parseKey(pem, kind, path);
}

/** Others on the machine could read it, and sign as the gateway. @throws GatewayError SIGNING_KEY_EXPOSED */
async function requireOwnersOnly(path: string): Promise<void> {
  // Windows has no such modes.
  if (process.platform === "win32") return;
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new GatewayError("SIGNING_KEY_EXPOSED", `${path} has mode ${mode.toString(8).padStart(4, "0")}`, {
    details: { path, mode },
  });
}

/** @param where it is from @throws GatewayError SIGNING_KEY_INVALID */
export function parseKey<Key>(pem: string, kind: KeyKind<Key>, where: string): Key {
  const invalid = (cause?: unknown) =>
    new GatewayError("SIGNING_KEY_INVALID", `${where} is not an ${kind.name} private key`, { cause });
  let key: Key | undefined;
  try {
    key = kind.parse(pem);
  } catch (cause) {
    throw invalid(cause);
  }
  if (key === undefined) throw invalid();
  return key;
}
