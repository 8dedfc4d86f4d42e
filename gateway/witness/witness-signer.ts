/** The keys with which this gateway cosigns the checkpoints of other logs: a role of their own, under a name of its own. */
import { createPublicKey, sign } from "node:crypto";
import { join } from "node:path";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import type { Checkpoint } from "../../src/ledger/checkpoint.ts";
import { cosignature, cosignedMessage, mldsa44Vkey } from "../../src/ledger/mldsa44-line.ts";
import { formatVkey, type NoteSignature, noteKeyId, signatureTypes } from "../../src/ledger/note.ts";
import { cosignatureMessage, type LineKey, portableLineKey } from "../../src/ledger/portable-lines.ts";
import { ed25519Key, type KeyKind, loadOrCreateKey, mldsa44Key, readKey } from "../journal/key-file.ts";
import { mldsa44Signing } from "../journal/mldsa44-signing.ts";

const files = { ed25519: "witness-ed25519.pem", mldsa44: "witness-mldsa44.pem" } as const;

export interface WitnessSigner {
  readonly name: string;
  /** Ed25519 (0x04), then ML-DSA-44 (0x06). */
  readonly keys: readonly LineKey[];
  /**
   * A line of each key. Says that this is the largest tree of its log that was ever seen here, at that time: the caller
   * sees to it. @param time POSIX seconds, from 1, never less than for the log's checkpoint before
   */
  cosign(checkpoint: Checkpoint, time: bigint): Promise<readonly NoteSignature[]>;
  close(): Promise<void>;
}

/** @param keysDir `<data>/keys`; what is missing there is made @throws GatewayError SIGNING_KEY_INVALID */
export async function openWitnessSigner({ keysDir, name }: { keysDir: string; name: string }): Promise<WitnessSigner> {
  const load = <Key>(file: string, kind: KeyKind<Key>) => loadOrCreateKey(join(keysDir, file), kind);
  const privateKey = await load(files.ed25519, ed25519Key);
  const signing = mldsa44Signing(await load(files.mldsa44, mldsa44Key));
  const keys = (await witnessVkeys(keysDir, name)).map(lineKey);
  return {
    name,
    keys,
    async cosign(checkpoint, time) {
      const signatures = [
        cosignature(time, sign(null, cosignatureMessage(time, checkpoint), privateKey)),
        cosignature(time, await signing.sign(cosignedMessage(name, time, checkpoint)!)),
      ];
      return keys.map(({ verifier: { keyId } }, index) => ({ name, keyId, signature: signatures[index]! }));
    },
    close: () => signing.close(),
  };
}

/** The public halves, Ed25519 first: none before the first start. @throws GatewayError SIGNING_KEY_INVALID */
export async function witnessVkeys(keysDir: string, name: string): Promise<readonly string[]> {
  const privateKey = await readKey(join(keysDir, files.ed25519), ed25519Key);
  const seed = await readKey(join(keysDir, files.mldsa44), mldsa44Key);
  if (privateKey === undefined || seed === undefined) return [];
  const type = signatureTypes.cosignature;
  // An Ed25519 SubjectPublicKeyInfo ends with the 32 bytes of the key (RFC 8410 §4).
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);
  return [
    formatVkey({ name, keyId: noteKeyId(name, type, publicKey), type, publicKey }),
    mldsa44Vkey(name, ml_dsa44.keygen(seed).publicKey),
  ];
}

function lineKey(vkey: string): LineKey {
  const key = portableLineKey(vkey);
  if (!key.ok) throw new Error(`${vkey}: ${key.detail}`);
  return key.value;
}
