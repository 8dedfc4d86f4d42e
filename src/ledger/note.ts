/**
 * C2SP signed notes (signed-note v1.0.0): a text, a blank line, and signature lines `— <name> <base64(key id ‖ signature)>`.
 * Strings only: what is signed is the UTF-8 of `text`, its final newline included.
 */
import { accept, type Result, refuse } from "../result.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { sha256 } from "./hash.ts";

/** Signature types, the first byte of a public key as notes name it. `cosignature` is the Ed25519 line of a witness. */
export const signatureTypes = { ed25519: 0x01, cosignature: 0x04, mldsa44: 0x06 } as const;

export interface NoteSignature {
  readonly name: string;
  /** A hint which key signed; u32. Collisions are possible, so it proves nothing. */
  readonly keyId: number;
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** Ends with a newline. */
  readonly text: string;
  /** At least one. */
  readonly signatures: readonly NoteSignature[];
}

/** A public key in the form `name+keyid+base64(type ‖ key)`. */
export interface NoteKey {
  readonly name: string;
  readonly keyId: number;
  readonly type: number;
  readonly publicKey: Uint8Array;
}

const maxSignatures = 100;
const maxNoteLength = 1_000_000;
const signaturePrefix = "\u2014 ";
const keyIdBytes = 4;

/** A key name: not empty, no Unicode space, no plus; and nothing that no note could carry. */
export function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}\p{Cs}]+$/u.test(name);
}

/** The first four bytes of SHA-256(name ‖ LF ‖ type ‖ public key). */
export function noteKeyId(name: string, type: number, publicKey: Uint8Array): number {
  const prefix = new TextEncoder().encode(`${name}\n`);
  const bytes = new Uint8Array(prefix.length + 1 + publicKey.length);
  bytes.set(prefix);
  bytes[prefix.length] = type;
  bytes.set(publicKey, prefix.length + 1);
  return firstU32(sha256(bytes));
}

export function formatVkey({ name, keyId, type, publicKey }: NoteKey): string {
  return `${name}+${keyId.toString(16).padStart(8, "0")}+${encodeBase64(Uint8Array.of(type, ...publicKey))}`;
}

/** Refuses a key id that is not that of the name and the key. */
export function parseVkey(vkey: string): Result<NoteKey, "VKEY_MALFORMED"> {
  // Only the first two: base64 has plus signs of its own.
  const [, name = "", id = "", encoded = ""] = /^([^+]*)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  const bytes = decodeBase64(encoded);
  if (!isKeyName(name) || bytes === undefined || bytes.length < 2) return refuse("VKEY_MALFORMED", "not name+id+key");
  const key = { name, keyId: Number.parseInt(id, 16), type: bytes[0]!, publicKey: bytes.subarray(1) };
  if (noteKeyId(name, key.type, key.publicKey) !== key.keyId) {
    return refuse("VKEY_MALFORMED", "the key id is not that of this name and key");
  }
  return accept(key);
}

export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(formatSignature).join("")}`;
}

/** One line of a note, its newline included. */
export function formatSignature({ name, keyId, signature }: NoteSignature): string {
  const id = [keyId >>> 24, (keyId >>> 16) & 0xff, (keyId >>> 8) & 0xff, keyId & 0xff];
  return `${signaturePrefix}${name} ${encodeBase64(Uint8Array.of(...id, ...signature))}\n`;
}

/** Total and strict: any other spelling of the same note is refused. */
export function parseNote(note: string): Result<SignedNote, "NOTE_MALFORMED"> {
  if (note.length > maxNoteLength) return refuse("NOTE_MALFORMED", `longer than ${maxNoteLength} characters`);
  // Of the control characters those below U+0020, but the newline, are forbidden. Unpaired surrogates have no UTF-8.
  if (/(?![\n\u007f-\u009f])\p{Cc}|\p{Cs}/u.test(note)) {
    return refuse("NOTE_MALFORMED", "a control character or an unpaired surrogate");
  }
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0 || !note.endsWith("\n")) return refuse("NOTE_MALFORMED", "no blank line, or no newline at the end");
  const lines = note.slice(blank + 2, -1).split("\n");
  if (lines.length > maxSignatures) return refuse("NOTE_MALFORMED", `more than ${maxSignatures} signatures`);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignature(line);
    if (signature === undefined) return refuse("NOTE_MALFORMED", `signature line ${signatures.length + 1} is not one`);
    signatures.push(signature);
  }
  return accept({ text: note.slice(0, blank + 1), signatures });
}

function parseSignature(line: string): NoteSignature | undefined {
  const [, name = "", encoded = ""] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const bytes = decodeBase64(encoded);
  if (!isKeyName(name) || bytes === undefined || bytes.length <= keyIdBytes) return undefined;
  return { name, keyId: firstU32(bytes), signature: bytes.subarray(keyIdBytes) };
}

function firstU32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
