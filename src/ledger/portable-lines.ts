/** Checks signature lines of every type that a policy may name, without node:crypto: for the verifier. */
import { checkDevicePublicKey } from "../codec/device-key.ts";
import { verifyEd25519 } from "../codec/ed25519.ts";
import { accept, type Result, refuse } from "../result.ts";
import { type Checkpoint, type CheckpointVerifier, formatCheckpoint } from "./checkpoint.ts";
import { mldsa44PublicKeyBytes, mldsa44Verifier } from "./mldsa44-line.ts";
import { type NoteKey, parseVkey, signatureTypes } from "./note.ts";

/** What a line of this type says, in the words of a policy. `cosignature` is the Ed25519 line of a witness. */
export type LineType = "ed25519" | "cosignature" | "mldsa44";

export interface LineKey {
  readonly type: LineType;
  readonly publicKey: Uint8Array;
  readonly verifier: CheckpointVerifier;
}

const timeBytes = 8;

const utf8 = new TextEncoder();

/** @param vkey `name+keyid+base64(type ‖ key)` */
export function portableLineKey(vkey: string): Result<LineKey, "VKEY_MALFORMED" | "VKEY_TYPE_UNKNOWN"> {
  const parsed = parseVkey(vkey);
  if (!parsed.ok) return parsed;
  const { type, name, publicKey } = parsed.value;
  if (type === signatureTypes.mldsa44) {
    if (publicKey.length !== mldsa44PublicKeyBytes)
      return refuse("VKEY_MALFORMED", `an ML-DSA-44 key of ${publicKey.length} bytes`);
    return accept({ type: "mldsa44", publicKey, verifier: mldsa44Verifier(name, publicKey) });
  }
  if (type !== signatureTypes.ed25519 && type !== signatureTypes.cosignature)
    return refuse("VKEY_TYPE_UNKNOWN", `signature type ${type}`);
  const sound = checkDevicePublicKey(publicKey);
  if (!sound.ok) return refuse("VKEY_MALFORMED", sound.detail);
  return accept(type === signatureTypes.cosignature ? cosignatureKey(parsed.value) : ed25519Key(parsed.value));
}

/** Type 0x01: over the text of the note. */
function ed25519Key({ name, keyId, publicKey }: NoteKey): LineKey {
  const verify: CheckpointVerifier["verify"] = (checkpoint, signature) =>
    verifyEd25519(signature, utf8.encode(formatCheckpoint(checkpoint)), publicKey);
  return { type: "ed25519", publicKey, verifier: { name, keyId, verify } };
}

/** Type 0x04: a time in POSIX seconds (u64be) before the signature, and in a line before the text. */
function cosignatureKey({ name, keyId, publicKey }: NoteKey): LineKey {
  const verify: CheckpointVerifier["verify"] = (checkpoint, line) => {
    if (line.length <= timeBytes) return false;
    const time = new DataView(line.buffer, line.byteOffset).getBigUint64(0);
    const message = cosignatureMessage(time, checkpoint);
    return time < 2n ** 63n && verifyEd25519(line.subarray(timeBytes), message, publicKey);
  };
  return { type: "cosignature", publicKey, verifier: { name, keyId, verify } };
}

/** What a witness signs with Ed25519: cosignature/v1 of C2SP tlog-cosignature. @param time POSIX seconds */
export function cosignatureMessage(time: bigint, checkpoint: Checkpoint): Uint8Array {
  return utf8.encode(`cosignature/v1\ntime ${time}\n${formatCheckpoint(checkpoint)}`);
}
