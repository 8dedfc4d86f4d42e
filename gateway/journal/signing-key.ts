import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { diskFiles } from "./disk-files.ts";
import { isMissing } from "./file-port.ts";

/** The Ed25519 key that signs checkpoints, and nothing else. */
export const checkpointKeyFile = "checkpoint-ed25519.pem";

export function checkpointKeyPath(dataDir: string): string {
  return join(dataDir, "keys", checkpointKeyFile);
}

/**
 * Reads an Ed25519 private key (PKCS#8 PEM), or makes one that is durable, and its owner's only, before it is used.
 * @throws GatewayError SIGNING_KEY_INVALID when the file holds something else
 */
export async function loadOrCreateSigningKey(path: string): Promise<KeyObject> {
  const found = await readSigningKey(path);
  if (found !== undefined) return found;
  const { privateKey } = generateKeyPairSync("ed25519");
  const dir = dirname(path);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await diskFiles.syncDirectory(dirname(dir));
  const file = await open(`${path}.tmp`, "w", 0o600);
  try {
    await file.writeFile(privateKey.export({ type: "pkcs8", format: "pem" }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  await diskFiles.syncDirectory(dir);
  return privateKey;
}

/** @returns undefined when there is no such file @throws as loadOrCreateSigningKey */
export async function readSigningKey(path: string): Promise<KeyObject | undefined> {
  const pem = await readFile(path).catch((error) => (isMissing(error) ? undefined : Promise.reject(error)));
  if (pem === undefined) return undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new GatewayError("SIGNING_KEY_INVALID", `${path} is not a private key`, { cause });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new GatewayError("SIGNING_KEY_INVALID", `${path} holds a key of type ${key.asymmetricKeyType}`);
}
