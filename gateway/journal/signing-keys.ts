/** The keys a ledger signs with, one per role in a file of its own, and what others need to check them. */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { join } from "node:path";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { GatewayError } from "../../src/errors.ts";
import type { CheckpointSigner } from "../../src/ledger/checkpoint.ts";
import type { CoseSigner } from "../../src/ledger/cose-receipt.ts";
import { ed25519Signer, ed25519Vkey } from "../../src/ledger/ed25519-line.ts";
import { cosignature, cosignedMessage, mldsa44Verifier, mldsa44Vkey } from "../../src/ledger/mldsa44-line.ts";
import { parseVkey } from "../../src/ledger/note.ts";
import { lastCosignedTime } from "./checkpoint-file.ts";
import { ed25519Key, type KeyKind, loadOrCreateKey, mldsa44Key, readKey } from "./key-file.ts";
import { type Mldsa44Signing, mldsa44Signing } from "./mldsa44-signing.ts";
import { type SealSigner, sealSigner } from "./seal-key.ts";

const files = {
  checkpointEd25519: "checkpoint-ed25519.pem",
  checkpointMldsa44: "checkpoint-mldsa44.pem",
  sealEd25519: "seal-ed25519.pem",
  receiptEd25519: "receipt-ed25519.pem",
} as const;

export interface SigningKeys {
  /** In the order of the checkpoint's lines; a checkpoint needs both. */
  readonly checkpointSigners: readonly CheckpointSigner[];
  readonly seals: SealSigner;
  /** Ed25519, for receipts to devices. */
  readonly receipts: KeyObject;
  /** The checkpoint's keys again, for COSE receipts. */
  readonly cose: readonly CoseSigner[];
  close(): Promise<void>;
}

export interface SigningKeysOptions {
  /** `<data>/keys`; what is missing there is made. */
  readonly keysDir: string;
  /** `<data>/ledger`, whose checkpoint says which time was signed last. */
  readonly ledgerDir: string;
  /** Names the keys too. At most 255 bytes. */
  readonly origin: string;
  /** Gateway clock, microseconds since 1970. */
  readonly nowUs: () => number;
  readonly hmacKey?: KeyObject | undefined;
}

/** @throws GatewayError SIGNING_KEY_INVALID, CONFIG_INVALID */
export async function openSigningKeys(options: SigningKeysOptions): Promise<SigningKeys> {
  const { keysDir, ledgerDir, origin, nowUs, hmacKey } = options;
  if (Buffer.byteLength(origin) > 255) throw new GatewayError("CONFIG_INVALID", "ledger.origin is over 255 bytes");
  const load = <Key>(file: string, kind: KeyKind<Key>) => loadOrCreateKey(join(keysDir, file), kind);
  const ed25519 = await load(files.checkpointEd25519, ed25519Key);
  const classical = ed25519Signer(origin, ed25519);
  const seed = await load(files.checkpointMldsa44, mldsa44Key);
  const seals = sealSigner(await load(files.sealEd25519, ed25519Key), hmacKey);
  const receipts = await load(files.receiptEd25519, ed25519Key);
  const signing = mldsa44Signing(seed);
  const verifier = mldsa44Verifier(origin, ml_dsa44.keygen(seed).publicKey);
  const lastTime = await lastCosignedTime(ledgerDir, verifier);
  const postQuantum = { ...verifier, sign: cosigner(origin, signing, lastTime, nowUs) };
  const cose: CoseSigner[] = [
    { signature: "ed25519", origin, keyId: classical.keyId, sign: (message) => sign(null, message, ed25519) },
    { signature: "mldsa44", origin, keyId: verifier.keyId, sign: (message) => signing.sign(message) },
  ];
  return { checkpointSigners: [classical, postQuantum], seals, receipts, cose, close: () => signing.close() };
}

/** @param lastTime POSIX seconds: whatever the clock says, the time that is signed never goes back */
function cosigner(
  origin: string,
  signing: Mldsa44Signing,
  lastTime: bigint,
  nowUs: () => number,
): CheckpointSigner["sign"] {
  let time = lastTime;
  return async (checkpoint) => {
    const now = BigInt(Math.floor(nowUs() / 1_000_000));
    if (now > time) time = now;
    const signed = time;
    return cosignature(signed, await signing.sign(cosignedMessage(origin, signed, checkpoint)!));
  };
}

export interface PublicKey {
  readonly role: "checkpoint" | "seal" | "receipt";
  readonly type: "Ed25519" | "ML-DSA-44";
  /** `name+keyid+key`: C2SP signed-note. */
  readonly vkey: string;
  /** The key alone, hex: what a device is given. */
  readonly publicKey: string;
}

/** Seals sign no notes; the name keeps their key from being taken for one that does. */
export function sealKeyName(origin: string): string {
  return `${origin}#seals`;
}

/** As seals: a receipt is no note. */
export function receiptKeyName(origin: string): string {
  return `${origin}#receipts`;
}

/** The public halves, as others are given them to verify with: those that are there. @throws SIGNING_KEY_INVALID */
export async function publicKeys(keysDir: string, origin: string): Promise<PublicKey[]> {
  const read = <Key>(file: string, kind: KeyKind<Key>) => readKey(join(keysDir, file), kind);
  const classical = await read(files.checkpointEd25519, ed25519Key);
  const seed = await read(files.checkpointMldsa44, mldsa44Key);
  const seal = await read(files.sealEd25519, ed25519Key);
  const receipt = await read(files.receiptEd25519, ed25519Key);
  const keys: Omit<PublicKey, "publicKey">[] = [];
  if (classical) keys.push({ role: "checkpoint", type: "Ed25519", vkey: ed25519Vkey(origin, classical) });
  if (seed) {
    const { publicKey } = ml_dsa44.keygen(seed);
    keys.push({ role: "checkpoint", type: "ML-DSA-44", vkey: mldsa44Vkey(origin, publicKey) });
  }
  if (seal) keys.push({ role: "seal", type: "Ed25519", vkey: ed25519Vkey(sealKeyName(origin), seal) });
  if (receipt) keys.push({ role: "receipt", type: "Ed25519", vkey: ed25519Vkey(receiptKeyName(origin), receipt) });
  return keys.map((key) => ({ ...key, publicKey: publicKeyIn(key.vkey) }));
}

function publicKeyIn(vkey: string): string {
  const key = parseVkey(vkey);
  return key.ok ? Buffer.from(key.value.publicKey).toString("hex") : "";
}

/** @param raw 32 bytes */
export function ed25519PublicKey(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
