import { join } from "node:path";
import type { CheckpointSigner } from "../../src/ledger/checkpoint.ts";
import { ed25519Signer, ed25519Vkey } from "../../src/ledger/ed25519-line.ts";
import { checkpointKeyFile, loadOrCreateSigningKey, readSigningKey } from "./signing-key.ts";

/** Signs checkpoints with `<keysDir>/checkpoint-ed25519.pem`, which is made at the first start. @throws SIGNING_KEY_INVALID */
export async function checkpointSigner(keysDir: string, origin: string): Promise<CheckpointSigner> {
  return ed25519Signer(origin, await loadOrCreateSigningKey(join(keysDir, checkpointKeyFile)));
}

/** The public half, as others are given it to verify with; undefined before the first start. @throws SIGNING_KEY_INVALID */
export async function checkpointVkey(keysDir: string, origin: string): Promise<string | undefined> {
  const key = await readSigningKey(join(keysDir, checkpointKeyFile));
  return key && ed25519Vkey(origin, key);
}
